/// One exchange's way through a pool: what it is chosen by, and whom it has tried. The exchange keeps it, so that a
/// retry goes to somebody else.
public struct Turn: Sendable, BitwiseCopyable {
    /// Endpoints tried for one exchange at most.
    public static let limit = 8

    /// What ``PoolPolicy/hash`` goes by: a hash of the client's address, a header, a cookie, the path.
    public var key: UInt64
    /// The identity of the endpoint that has to be first if it can, or 0.
    public var pinned: UInt64
    /// Whether the pinned endpoint was chosen: if not, whoever pins has to pin anew.
    public internal(set) var followedPin = false
    public private(set) var count: UInt8 = 0
    /// One of those it had turned out to be full: it was not really tried.
    public var metFull = false
    /// By their places in the plan, 16 bits each, the latest lowest.
    private var tried: (UInt64, UInt64) = (0, 0)

    public init(key: UInt64 = 0, pinned: UInt64 = 0) {
        self.key = key
        self.pinned = pinned
    }

    @inline(__always)
    func has(_ member: Int) -> Bool { count > 0 && find(UInt64(member)) }

    private func find(_ member: UInt64) -> Bool {
        var (low, high) = tried
        for _ in 0..<count {
            if low & 0xffff == member { return true }
            low = low &>> 16 | high &<< 48
            high &>>= 16
        }
        return false
    }

    @inline(__always)
    mutating func note(_ member: Int) {
        tried.1 = tried.1 &<< 16 | tried.0 &>> 48
        tried.0 = tried.0 &<< 16 | UInt64(member) & 0xffff
        count &+= 1
    }
}

/// What a worker remembers of one pool from choice to choice; survives every revision that keeps the route.
public struct PoolState: Sendable, BitwiseCopyable {
    public enum Condition: UInt8, Sendable, BitwiseCopyable {
        /// Endpoints that are usable are chosen.
        case serving
        /// Too few are: opinions about health are set aside.
        case panicking
        /// There is nobody to be chosen, whatever one thinks of health.
        case deserted
    }

    /// Exchanges that this worker has in the pool; counted by whoever begins and ends them, for
    /// ``PoolPlan/Options/bound``.
    public var inFlight: UInt32 = 0
    /// Of the last choice.
    public internal(set) var condition = Condition.serving
    /// The tier that is served.
    public internal(set) var tier: UInt8 = 0
    /// Where the tier starts in the plan.
    var place: UInt32 = 0
    /// What keeps an endpoint from being chosen.
    var mask: EndpointLoad.Bars = .all
    /// The epoch and the plan for which tier and mask were found.
    var surveyed: UInt64 = .max
    /// Where the next turn begins; any number is good.
    var cursor: UInt64

    /// Workers that start at different cursors do not all begin with the same endpoint.
    public init(cursor: UInt64 = 0) { self.cursor = cursor }
}
