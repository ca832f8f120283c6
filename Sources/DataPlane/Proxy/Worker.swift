public import Balancing
public import Contract
import Bytes
import Compression
public import Engine
import HTTP
import HTTP1
public import Kernel
import Preface
public import Passwords
public import Routing
public import TLS

/// What other threads ask of a worker.
public enum WorkerMessage: Sendable {
    /// Serve this revision from now on. Exchanges in flight keep the one they started with.
    case adopt(Revision)
    case open(WorkerListener)
    case close(listener: Int)
    /// Accept nothing more, finish what is in flight, end at the deadline (nanoseconds of the monotonic clock).
    case drain(deadline: UInt64)
    /// A password that the exchange waits for was verified.
    case verified(exchange: Token, isRight: Bool)
    /// What active checks have found out about endpoints; it stands on the ``VerdictBoard`` already.
    case verdicts([EndpointVerdict])
}

/// All that one revision means to a worker; immutable and shared by all.
public final class Revision: Sendable {
    public let table: RouteTable
    public let contexts: TLSContexts
    /// By route number, of the rules that take TLS off connections or put it on.
    public let connectionTLS: [UInt32: ConnectionTLS]
    public let settings: Settings
    /// The port that a redirect to `https` names.
    public let securePort: Int
    /// Whose word about others is believed.
    public let trusted: AddressSet
    /// Called by each worker when it serves the revision.
    public let adopted: @Sendable () -> Void

    public init(
        table: RouteTable, contexts: TLSContexts, connectionTLS: [UInt32: ConnectionTLS] = [:],
        settings: Settings, securePort: Int, adopted: @escaping @Sendable () -> Void
    ) {
        self.table = table
        self.contexts = contexts
        self.connectionTLS = connectionTLS
        self.settings = settings
        self.securePort = securePort
        self.adopted = adopted
        // What is no address was told by whoever compiled the revision; here it is nobody's.
        trusted = AddressSet(settings.trustedProxies.compactMap { AddressPrefix($0) })
    }
}

/// TLS of connections that one rule passes on.
public struct ConnectionTLS: Sendable {
    /// Where it takes TLS off.
    public var server: TLSContexts?
    /// Where its endpoints speak TLS, and the name they are asked for; `nil`: the client's.
    public var client: TLSClientContext?
    public var serverName: String?

    public init(server: TLSContexts? = nil, client: TLSClientContext? = nil, serverName: String? = nil) {
        self.server = server
        self.client = client
        self.serverName = serverName
    }
}

/// A listening socket that now belongs to the worker.
public struct WorkerListener: Sendable {
    public var socket: CInt
    /// The route compiler's index of the listener's name.
    public var index: Int
    public var name: String
    public var isSecure: Bool
    /// Connections are passed on, unless rules for requests name the listener.
    public var isRaw: Bool
    /// The port it accepts on, for `X-Forwarded-Port`.
    public var port: Int
    /// Whether connections begin with a PROXY protocol header.
    public var proxyProtocol: Contract.Listener.ProxyProtocol
    /// It is a bound datagram socket.
    public var isDatagrams: Bool
    /// Of open connections or sessions, of all clients and of one address; `nil`: as the edge has it, 0: none.
    public var connectionLimit: UInt64?
    public var addressLimit: UInt64?

    public init(
        socket: CInt, index: Int, name: String, isSecure: Bool, isRaw: Bool = false, isDatagrams: Bool = false,
        port: Int, proxyProtocol: Contract.Listener.ProxyProtocol = .off, connectionLimit: UInt64? = nil,
        addressLimit: UInt64? = nil
    ) {
        self.socket = socket
        self.index = index
        self.name = name
        self.isSecure = isSecure
        self.isRaw = isRaw
        self.isDatagrams = isDatagrams
        self.port = port
        self.proxyProtocol = proxyProtocol
        self.connectionLimit = connectionLimit
        self.addressLimit = addressLimit
    }
}

/// One thread with all its connections. Nothing here is touched by another thread but the inbox and the tally.
///
/// The path of a request runs through the extensions of this class, in reading order: `Worker+Loop`, `Listener`,
/// `Admission`, `ProxyHeaders`, `ClientConnection`, `Exchange`, `Exchange+Begin`, `Rules`, `SigningIn`, `Hops`,
/// `RequestForwarding`, `Trust`, `RequestBuffering`, `UpstreamConnection`, `Dialling`, `Balancing`, `Breaking`,
/// `PoolLimits`, `PoolCircuits`, `Ejecting`, `SlowStarting`, `EndpointWatch`, `UpstreamPool`, `Retrying`, `Holding`,
/// `Exchange+Pump`, `Waits`, `HalfClosed`, `Relay`, `Trailers`, `ResponseForwarding`, `Compressing`,
/// `CompressedRelay`, `Answering`, `Account` with its parts, `RouteTally`. Connections that are no requests: `Tunnel`;
/// datagrams: `Session`.
public final class Worker {
    public let inbox: Inbox<WorkerMessage>
    public let tally: Tally

    /// Slots there can be; what `limits.connectionsPerWorker` allows is checked at accept.
    static let slotCapacity = 1 << 20

    var loop: EventLoop
    var connections: Slab<Connection>
    var exchanges: Slab<Exchange>
    var tunnels: Slab<Tunnel>
    /// Rules of tunnels that stand.
    var heldRules = HeldRules()
    /// What passes through tunnels; the worker's for life, once there was one.
    var sharedPiece: Buffer?
    var clientHello = ClientHello()
    /// The name in a ClientHello, by client's connection, while its connection lasts.
    var serverNames: [UInt32: [UInt8]] = [:]
    /// What clients of MySQL asked for TLS with, by connection, until their endpoint has it.
    var mysqlQuestions: [UInt32: [UInt8]] = [:]
    var buffers = BufferPool()
    var requestHead = RequestHead()
    var responseHead = ResponseHead()
    var dateStamp = DateStamp()

    /// The revisions that are current or that exchanges in flight still use.
    var tables: [TableSlot] = []
    var currentTable = 0
    var tunables = Tunables(Settings())
    var headLimits = HeadLimits()
    var securePort = 443
    var trusted = AddressSet()

    var endpoints: [EndpointState] = []
    var cursors: [UInt32] = []
    /// By route number, as the cursors: a change of the rule's options or endpoints fills none. A number that goes to
    /// another rule brings at most one budget's savings with it.
    var budgets: [RetryBudget] = []
    /// By endpoint number: what choosing goes by; what else was learned.
    var loads: [EndpointLoad] = []
    var watches: [EndpointWatch] = []
    /// Numbers of endpoints of which something is due: see ``tendEndpoints()``.
    var tendedEndpoints: [UInt32] = []
    /// When the first of it is, by the monotonic clock.
    var endpointsDue = UInt64.max
    /// A revision was adopted before: endpoints that come from now on are new.
    var knowsEndpoints = false
    /// An endpoint could take another exchange, should one wait for it.
    var hasFreedEndpoint = false
    /// Endpoints that have taken somebody, or are done with somebody, while connects to them have stalled: one number
    /// for each of them.
    var roomy: [UInt32] = []
    /// Endpoints that were found well again in this turn, while somebody was held.
    var recovered: Set<UInt32> = []
    /// By route number, of those with a plan.
    var pools: [PoolState] = []
    /// By route number, up to the highest with one.
    var poolCircuits: [CircuitBreaker] = []
    /// Another one whenever the bars of any endpoint have changed.
    var poolEpoch: UInt32 = 0
    var random: WeakRandom
    /// The bell's place, whose deadline is the worker's own.
    let bellPlace: UInt32
    var listeners: [ListenerState] = []
    var datagramListeners: [DatagramListener] = []
    /// A listener of datagrams was closed, and its sessions are not ended yet.
    var hasClosedDatagrams = false
    var book: SessionBook
    /// Slots for what comes from clients, and for what goes to them.
    var incoming = Mailbox()
    var outgoing = Mailbox()
    /// What came in this batch, and the sessions it is for.
    var letters: [Letter] = []
    var addressed: [UInt32] = []
    /// Slots of `outgoing` in use, and by which listener what is in them leaves.
    var replySlots = 0
    var replyListener: UInt16 = 0
    /// Counts the turns of the loop.
    var turnNumber: UInt32 = 0
    /// By listener; and sessions whose endpoint has left their rule.
    var sessionRules: [SessionRule?] = []
    var orphanCount = 0
    var lastDatagram: UInt64 = 0
    var nextSessionWake: UInt64 = 0
    /// Routes that have an outage, or whose exchanges are held, by number; exchanges that wait in their lines; the
    /// routes to look after, and when the first of them is due.
    var heldRoutes: [UInt32: HeldRoute] = [:]
    var heldCount = 0
    var tended: [UInt32] = []
    var nextTend: UInt64 = .max
    /// Clients with something to do that no event will announce: a request that came behind another, for instance.
    var resumable: [Token] = []
    var expired: [UInt32] = []
    /// Bytes received and sent on all connections: an exchange that moved none has made no progress.
    var bytesMoved: UInt64 = 0
    var clientCount = 0
    var isDraining = false
    var drainDeadline: UInt64 = .max
    var isAccepting = true
    /// Not before then, in nanoseconds: descriptors were used up.
    var acceptingAgain: UInt64 = 0

    /// What is limited over all workers, and the parts of it that this one has needed.
    let census: Census
    /// Which endpoints are down, as the health checker has found.
    let board: VerdictBoard
    var listenerCounts: SharedCounts?
    var poolCounts: SharedCounts?
    var poolsInFlight: SharedCounts?
    var poolConnections: SharedCounts?
    var poolConnects: SharedCounts?
    var addressCounts: AddressCounts?
    /// Connections that are being told why they were not let in.
    var turnedAwayCount = 0
    let verifier = PasswordVerifier.shared
    let signInDigest = KeyedDigest()
    let stickyDigest: KeyedDigest
    var provenSecrets = ProvenSecrets()
    var deflaters = DeflaterPool()

    let notify: @Sendable (WorkerNotice) -> Void
    let log: AccessLogSink
    var writesRecords = true
    var recordFormat = AccessLog.Format.json
    /// One of so many exchanges that did not fail has its record written, and how many have gone by since the last.
    var sample: UInt32 = 1
    var sampleCount: UInt32 = 0
    var logBuffer: Buffer?
    var logSince: UInt64 = 0
    var logSecond: UInt64 = 0
    var logTime: Buffer?
    var requestIDs: RequestIDs

    /// - Parameters:
    ///   - census: one for all workers of a process.
    ///   - board: the same for all workers, and the health checker's.
    ///   - stickyDigest: signs sticky cookies; one for all workers, and where cookies are to outlive the process, for
    ///     the next.
    ///   - notify: called on the worker's thread; must not block.
    ///   - simulation: stands in for the clock and the network; `nil` in a worker that serves.
    public init(
        log: AccessLogSink, settings: Settings, census: Census = Census(), board: VerdictBoard = VerdictBoard(),
        signing stickyDigest: KeyedDigest = KeyedDigest(), simulation: Simulation? = nil,
        notify: @escaping @Sendable (WorkerNotice) -> Void = { _ in }
    ) throws(SystemError) {
        self.notify = notify
        self.census = census
        self.board = board
        self.stickyDigest = stickyDigest
        inbox = try Inbox()
        tally = Tally()
        loop = try EventLoop(capacity: Self.slotCapacity, simulation: simulation)
        connections = Slab(capacity: Self.slotCapacity)
        exchanges = Slab(capacity: Self.slotCapacity)
        tunnels = Slab(capacity: Self.slotCapacity)
        book = SessionBook(
            capacity: Self.slotCapacity, secret: simulation == nil ? (System.random64(), System.random64()) : (1, 2))
        requestIDs = RequestIDs(buffers.take(.small))
        self.log = log
        random = WeakRandom(seed: simulation == nil ? System.random64() : 1)
        let bell = Connection(socket: inbox.descriptor, role: .bell, phase: .open)
        guard let token = connections.admit(bell) else { preconditionFailure("a new slab is full") }
        bellPlace = token.index
        apply(settings)
        try loop.poller.addLevelTriggered(inbox.descriptor, token: token.raw)
    }

    /// Gives back the buffers it had for life; those of connections and exchanges went with them.
    deinit {
        buffers.give(requestIDs.text)
        if let logTime { buffers.give(logTime) }
        if let logBuffer { buffers.give(logBuffer) }
        if let sharedPiece { buffers.give(sharedPiece) }
    }

    /// Empty, and empty again before anybody else is served.
    var tunnelPiece: Buffer {
        if let sharedPiece { return sharedPiece }
        let piece = buffers.takeHuge()
        sharedPiece = piece
        return piece
    }

    func apply(_ settings: Settings) {
        tunables = Tunables(settings)
        applyLog(settings.accessLog)
        headLimits = HeadLimits(
            headBytes: settings.limits.headBytes, fieldCount: settings.limits.fieldCount,
            targetBytes: settings.limits.targetBytes)
        headLimits.underscores =
            switch settings.headers.underscores {
            case .keep: .keep
            case .drop: .drop
            case .refuse: .refuse
            }
    }
}

/// A revision with the number of exchanges that started with it.
struct TableSlot {
    var revision: Revision?
    var view: RouteView
    var exchangeCount = 0
}

/// What this worker knows of one endpoint; survives every revision that keeps the endpoint.
struct EndpointState: BitwiseCopyable {
    /// The most recently used pooled connection: reused first, so that the others can grow old and go.
    var firstPooled = Connection.nobody
    var pooledCount: UInt32 = 0
    /// Its connections, idle ones and those that are being made too; and the latter alone.
    var openCount: UInt32 = 0
    var connectingCount: UInt32 = 0
    /// Connects that were most likely dropped, in the order in which they are begun anew.
    var firstStalled = Connection.nobody
    var lastStalled = Connection.nobody
    var stalledCount: UInt32 = 0
    var room = EndpointRoom()
    /// Nanoseconds that a connect takes there; 0: not known.
    var connectTime: UInt64 = 0
}

struct ListenerState {
    var token: Token
    var isSecure: Bool
    var isRaw = false
    /// `nil`: as the edge has it.
    var connectionLimit: UInt64?
    var addressLimit: UInt64?
    var port: Int
    var proxyProtocol: Contract.Listener.ProxyProtocol
    /// Escaped for JSON.
    var name: [UInt8]
    var socket: CInt
    var isOpen: Bool
}
