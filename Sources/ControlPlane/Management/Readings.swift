public import Contract
public import Telemetry

/// Everything that the page of metrics tells, as it was at one moment.
public struct Readings: Sendable {
    /// What one edge last said of itself.
    public struct Edge: Sendable {
        public var telemetry: EdgeTelemetry
        public var tallies: TallyBook

        public init(telemetry: EdgeTelemetry, tallies: TallyBook) {
            self.telemetry = telemetry
            self.tallies = tallies
        }
    }

    public struct Engine: Sendable {
        public var name: String
        public var isReachable: Bool
        public var containers: Int
        public var events: UInt64

        public init(name: String, isReachable: Bool, containers: Int, events: UInt64) {
            self.name = name
            self.isReachable = isReachable
            self.containers = containers
            self.events = events
        }
    }

    /// Of containers that are stopped while nobody asks for them.
    public struct Sleep: Sendable {
        public var asleep = 0
        public var sleeps: UInt64 = 0
        public var wakes: UInt64 = 0
        public var stopFailures: UInt64 = 0
        public var startFailures: UInt64 = 0
        /// From the request to an endpoint.
        public var wakeTimes = Histogram()

        public init() {}
    }

    /// Of control itself.
    public struct Control: Sendable {
        public var revision: UInt64 = 0
        public var computations: UInt64 = 0
        /// Diagnoses that stand, by severity.
        public var errors = 0
        public var warnings = 0
        public var engines: [Engine] = []
        public var sleep = Sleep()
        public var residentBytes: UInt64 = 0
        public var processorMilliseconds: UInt64 = 0

        public init() {}
    }

    /// More than one while an old edge drains beside a new one; their numbers are told as sums.
    public var edges: [Edge] = []
    /// Whether an edge is connected. When none is, `edges` is what the last one said.
    public var isEdgeUp = false
    /// What is configured: nothing else becomes a label.
    public var rules: Set<String> = []
    public var listeners: Set<String> = []
    public var control = Control()

    public init() {}
}
