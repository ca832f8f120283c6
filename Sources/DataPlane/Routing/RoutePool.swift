public import Balancing

/// What is to be known of a pool with a plan beside the plan; trivial. Names are read through the ``RouteView``.
public struct RoutePool: Sendable, BitwiseCopyable {
    /// What the key of an exchange is made of.
    public enum Key: UInt8, Sendable, BitwiseCopyable { case none, client, path, header, cookie }

    public var key = Key.none
    /// Whether a client keeps its endpoint by a cookie.
    public var isSticky = false
    /// Whether failures take an endpoint out; and whether statuses from 500 on are failures.
    public var ejects = false
    public var countsServerErrors = false
    public var ejection = OutlierEjection.Policy()
    public var queue = RouteQueue(nil)
    /// Whether failures open the circuit of an endpoint; and whether statuses from 500 on are such failures.
    public var breaks = false
    public var breaksOnServerErrors = false
    public var breaker = CircuitBreaker.Policy()
    /// Of one endpoint and worker. Choosing sees to what is in flight (``EndpointTerms``).
    public var congestion = Congestion()
    /// Of the pool and all workers; whether any of it is limited, and whether connections or connects are.
    public var wholeCongestion = Congestion()
    public var limitsPool = false
    public var limitsConnections = false
    /// Whether what clients are told opens the circuit of the whole pool.
    public var poolBreaks = false
    public var poolBreaker = CircuitBreaker.Policy()
    /// Whether an endpoint has to be asked for leave before an exchange goes to it.
    public var asksLeave = false
    /// Of the rule and its cookie: what a signature is made of, so that it is good for no other. The same in every
    /// process.
    public var stickyTag: UInt64 = 0
    @usableFromInline var planStart: UInt32 = 0
    @usableFromInline var planCount: UInt32 = 0
    var keyName = TextPlace()
    var cookie = TextPlace()

    init() {}
}

/// What the rules of a table ask for one endpoint. Where several have it in their pools, it gets the least exchanges
/// and the most time that any of them says.
public struct EndpointTerms: Sendable, BitwiseCopyable, Equatable {
    /// Exchanges of one worker that it may have at once, of those whose pools have a plan.
    public var inFlightLimit = UInt32.max
    /// Milliseconds in which it grows into its weight.
    public var slowStart: UInt32 = 0
    /// Whether failures open its circuit.
    public var breaks = false

    /// Nothing.
    public static let none = EndpointTerms()

    init() {}

    mutating func tighten(_ other: EndpointTerms) {
        inFlightLimit = min(inFlightLimit, other.inFlightLimit)
        slowStart = max(slowStart, other.slowStart)
        breaks = breaks || other.breaks
    }
}

extension RouteView {
    /// What is asked for an endpoint of this table.
    public func terms(of id: EndpointID) -> EndpointTerms {
        precondition(contains(id), "an endpoint of another table")
        return terms(id.number)
    }

    /// The header or cookie to hash by.
    @_lifetime(borrow self)
    public func keyName(of pool: RoutePool) -> Span<UInt8> { text(pool.keyName) }

    /// The cookie that holds the endpoint's identity.
    @_lifetime(borrow self)
    public func stickyCookie(of pool: RoutePool) -> Span<UInt8> { text(pool.cookie) }
}

extension EndpointAddress {
    /// A number for the address that is the same in every process and every revision, and never 0: keys of a hash and
    /// sticky cookies follow it. It hides nothing.
    public var identity: UInt64 {
        var state: UInt64 = 0xcbf2_9ce4_8422_2325
        for word in [high, low, UInt64(port) << 8 | UInt64(family.rawValue)] {
            state = (state ^ word) &* 0x9e37_79b9_7f4a_7c15
            state ^= state >> 29
        }
        return state == 0 ? 1 : state
    }
}
