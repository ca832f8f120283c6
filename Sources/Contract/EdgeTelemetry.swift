/// The edge's counters, summed over its workers, since it started. Said once a second.
public struct EdgeTelemetry: Equatable, Sendable, Codable {
    public var epoch: String
    public var revision: UInt64
    /// By the names of the metrics page.
    public var counters: [String: UInt64]
    /// Counters that a label tells apart.
    public var families: [Family]
    /// Of the process: bytes of memory in use, and milliseconds of processor time since its start.
    public var residentBytes: UInt64
    public var processorMilliseconds: UInt64

    public init(
        epoch: String, revision: UInt64, counters: [String: UInt64], families: [Family] = [],
        residentBytes: UInt64 = 0, processorMilliseconds: UInt64 = 0
    ) {
        self.epoch = epoch
        self.revision = revision
        self.counters = counters
        self.families = families
        self.residentBytes = residentBytes
        self.processorMilliseconds = processorMilliseconds
    }

    public struct Family: Equatable, Sendable, Codable {
        public var name: String
        public var label: String
        public var values: [String: UInt64]

        public init(name: String, label: String, values: [String: UInt64]) {
            self.name = name
            self.label = label
            self.values = values
        }
    }
}

/// Rows of what was counted by rule, endpoint and listener. Many rows come as several of these.
public struct EdgeTallies: Equatable, Sendable, Codable {
    /// A row is never taken back but by its name here, or by all of them.
    public struct Gone: Equatable, Sendable, Codable {
        public var rules: [String]
        public var endpoints: [String]

        public init(rules: [String] = [], endpoints: [String] = []) {
            self.rules = rules
            self.endpoints = endpoints
        }
    }

    /// The first since the Link was made: what was said before counts no more.
    public var isFirst: Bool
    public var gone: Gone
    /// By the rule's name, the endpoint's address as it is compared, the listener's name.
    public var rules: [TallyRow]
    public var endpoints: [TallyRow]
    public var listeners: [TallyRow]

    public init(
        isFirst: Bool, gone: Gone = Gone(), rules: [TallyRow] = [], endpoints: [TallyRow] = [],
        listeners: [TallyRow] = []
    ) {
        self.isFirst = isFirst
        self.gone = gone
        self.rules = rules
        self.endpoints = endpoints
        self.listeners = listeners
    }
}

/// What was counted of one rule, endpoint or listener, summed over the workers, since it came or the edge started.
public struct TallyRow: Equatable, Sendable, Codable {
    public var name: String
    /// Exchanges that ended: without a status, then by its class, 1xx to 5xx.
    public var ended: [UInt64]
    /// Exchanges under way; of a listener, open connections.
    public var inFlight: UInt64
    /// Bytes of request bodies and response bodies.
    public var received: UInt64
    public var sent: UInt64
    /// Connections begun; of a listener, accepted.
    public var connects: UInt64
    public var connectFailures: UInt64
    /// Connections that were there and brought no whole response.
    public var failures: UInt64
    /// Connections in the pool.
    public var idle: UInt64
    /// Nanoseconds, of all that took `durations`.
    public var durationSum: UInt64
    /// `cell:count`, with blanks between: a histogram's text.
    public var durations: String

    public init(
        name: String, ended: [UInt64] = [0, 0, 0, 0, 0, 0], inFlight: UInt64 = 0, received: UInt64 = 0,
        sent: UInt64 = 0, connects: UInt64 = 0, connectFailures: UInt64 = 0, failures: UInt64 = 0, idle: UInt64 = 0,
        durationSum: UInt64 = 0, durations: String = ""
    ) {
        self.name = name
        self.ended = ended
        self.inFlight = inFlight
        self.received = received
        self.sent = sent
        self.connects = connects
        self.connectFailures = connectFailures
        self.failures = failures
        self.idle = idle
        self.durationSum = durationSum
        self.durations = durations
    }
}
