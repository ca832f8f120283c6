import Balancing
import Bytes
import Contract
public import Engine
import HTTP1
public import Kernel
public import Routing
import TLS

/// What other threads ask of the health checker.
public enum HealthMessage: Sendable {
    /// Check the endpoints of this table from now on.
    case follow(RouteTable)
    /// Close everything and end.
    case stop
}

/// Asks endpoints whether they are well, on one thread of its own with connections of its own: it never touches a
/// worker's.
///
/// An endpoint is checked once for each different way that pools want it checked, however many pools that are, and is
/// down while any of these checks finds it down: what keeps exchanges from an endpoint belongs to the endpoint. What is
/// known outlives every revision that keeps both endpoint and check.
///
/// Reading order: this file, `+Following` (which endpoints), `+Checking` (when), `+Connection` and `+Probe` (how),
/// `+Reporting`.
public final class HealthChecker {
    /// Checks under way at one time. More wait until some of these end.
    public static let concurrencyLimit = 1_024
    /// Endpoints and ways to check them.
    static let checksLimit = 1 << 20
    /// Checks that go over one connection. A new one now and then shows whether the endpoint still accepts any.
    static let checksPerConnection = 12
    /// So many new endpoints are all checked at once; more are spread over an interval.
    static let atOnceLimit = 64

    public let inbox: Inbox<HealthMessage>
    public let tally: HealthTally

    var loop: EventLoop
    var buffers = BufferPool()
    var head = ResponseHead()
    var random: WeakRandom
    let report: ([HealthNews]) -> Void
    /// Made for the first check with `https`.
    lazy var secure = TLSClientContext()
    /// Connections that are kept for the next check.
    let idleLimit: Int
    var idleCount = 0

    var table: RouteTable?
    var plans: [PlanSlot] = []
    var planPlaces: [HealthCheck: Int] = [:]
    var vacantPlans: [Int] = []
    var targets: [Target] = []
    var targetPlaces: [EndpointAddress: Int] = [:]
    var vacantTargets: [Int] = []
    /// By place: the place in the wheel of deadlines, too.
    var checks: [Check] = []
    var vacantChecks: [Int] = []
    /// Counts the revisions that were followed.
    var round: UInt64 = 0

    /// Checks that are due and wait until others end, the next at `nextQueued`.
    var queued: [UInt32] = []
    var nextQueued = 0
    var underWay = 0
    /// Names connections in events.
    var serial: UInt32 = 0
    var expired: [UInt32] = []
    /// Targets about which there may be news.
    var changed: [Int] = []
    var told = Told()
    var isStopped = false

    private static let bell = Token(index: .max, generation: 0)

    /// - Parameters:
    ///   - idleLimit: connections kept open between checks; beyond it each check has a new one.
    ///   - simulation: stands in for clock and network; `nil` in a checker that serves.
    ///   - report: what has been found out, in the order in which it was; called on the checker's thread.
    public init(
        idleLimit: Int, tally: HealthTally = HealthTally(), simulation: Simulation? = nil,
        report: @escaping ([HealthNews]) -> Void
    ) throws(SystemError) {
        self.tally = tally
        self.idleLimit = idleLimit
        self.report = report
        inbox = try Inbox()
        loop = try EventLoop(capacity: Self.checksLimit, simulation: simulation)
        random = WeakRandom(seed: simulation == nil ? System.random64() : 1)
        try loop.poller.addLevelTriggered(inbox.descriptor, token: Self.bell.raw)
    }

    deinit { closeAll() }

    /// Checks until stopped. On the checker's own thread.
    public func run() throws(SystemError) {
        while try turn() {}
        closeAll()
    }

    /// One batch of events and what follows from it. `false`: it was stopped.
    func turn() throws(SystemError) -> Bool {
        let count = try loop.wait(limit: nextQueued < queued.count && underWay < Self.concurrencyLimit ? 0 : -1)
        for place in 0..<count {
            let (token, readiness) = loop.event(place)
            if token == Self.bell {
                takeMessages()
            } else {
                let index = Int(token.index)
                guard index < checks.count, checks[index].serial == token.generation, token.generation != 0 else {
                    continue
                }
                note(readiness, of: index)
                drive(index)
            }
        }
        loop.timers.expire(now: loop.now, into: &expired)
        for index in expired where loop.timers.confirm(index) { due(Int(index)) }
        expired.removeAll(keepingCapacity: true)
        beginQueued()
        tell()
        return !isStopped
    }

    private func takeMessages() {
        // Only the last table counts: changes come faster than each of them could be followed.
        var latest: RouteTable?
        for message in inbox.takeAll() {
            switch message {
            case .follow(let table): latest = table
            case .stop: isStopped = true
            }
        }
        if let latest { follow(latest) }
    }

    private func closeAll() {
        for index in checks.indices { disconnect(index, reset: true) }
    }
}

/// What the log was told of changes in a second.
struct Told {
    var since: UInt64 = 0
    var count = 0
    var untold = 0
    var untoldDown = 0
}

/// A way to check, and how many checks go by it.
struct PlanSlot {
    let plan: CheckPlan
    var checkCount = 0
}

/// An endpoint that is checked.
struct Target {
    var id: EndpointID
    var address: EndpointAddress
    /// The same as text, for `Host`.
    var text: [UInt8]
    /// Places of its checks; how many of these find it down, and how many know nothing yet.
    var checks: [Int] = []
    var downCount = 0
    var unknownCount = 0
    /// Why, by the check that said so last.
    var reason = ""
    /// What was reported.
    var isKnownDown = false
    /// Whether there may be something to report.
    var isChanged = false

    init(id: EndpointID, address: EndpointAddress) {
        self.id = id
        self.address = address
        text = Array(address.text.utf8)
    }

    /// What is known of it, all checks together; `nil` while there are none.
    var verdict: ActiveHealth.Verdict? {
        checks.isEmpty ? nil : downCount > 0 ? .down : unknownCount > 0 ? .unknown : .up
    }
}

/// One endpoint's check of one kind.
struct Check {
    /// What is done with the connection. Beside it runs ``ActiveHealth``, which says whether a check is under way.
    ///
    ///     none ──► probing ──► none
    ///     none ──► connecting ──► [handshaking] ──► sending ──► reading ──► draining ──► idle ──► sending …
    enum Stage {
        case none, connecting, handshaking, sending, reading
        /// A datagram was sent, and one is to come back.
        case probing
        /// The result is there, the rest of the body is not.
        case draining
        /// Waits for the next check.
        case idle
    }

    /// `nil` in a vacant place.
    var health: ActiveHealth?
    var target: Int
    var plan: Int
    /// The last revision that wanted it.
    var round: UInt64
    var stage = Stage.none
    var socket: CInt = -1
    /// What events of the connection carry; 0 without one.
    var serial: UInt32 = 0
    var isReadable = false
    var isWritable = false
    var peerFinished = false
    var failed = false
    var isQueued = false
    /// Whether the check that runs began on a connection that was there, which the endpoint may have given up since.
    var isReused = false
    /// Checks that the connection has had.
    var uses = 0
    /// Bytes of the request that are sent.
    var sent = 0
    var response = CheckResponse()
    /// Held while bytes are in it.
    var input: Buffer?
    /// With `https`, for as long as the connection is there.
    var session: TLSSession?
}
