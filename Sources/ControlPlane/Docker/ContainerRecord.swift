/// What is known of one container: enough to route to it, nothing else of what an engine tells.
public struct ContainerRecord: Equatable, Sendable, Codable {
    public enum State: String, Sendable, Codable, CaseIterable {
        case created, running, paused, restarting, removing, exited, dead
    }

    public enum Health: String, Sendable, Codable, CaseIterable { case none, starting, healthy, unhealthy }

    /// A port that the image or the container's creator exposes.
    public struct Port: Hashable, Sendable, Codable, Comparable, CustomStringConvertible {
        public enum Transport: String, Sendable, Codable, CaseIterable { case tcp, udp, sctp }

        public var number: Int
        public var transport: Transport

        public init(number: Int, transport: Transport = .tcp) {
            self.number = number
            self.transport = transport
        }

        public var description: String { "\(number)/\(transport.rawValue)" }

        public static func < (one: Port, other: Port) -> Bool {
            (one.number, one.transport.rawValue) < (other.number, other.transport.rawValue)
        }
    }

    /// The container's place on one network.
    public struct Attachment: Equatable, Sendable, Codable {
        /// The network's name.
        public var network: String
        /// The network's id; empty where the engine does not tell.
        public var networkID: String
        /// `bridge`, `overlay`, `macvlan`, …; `nil` while unknown.
        public var driver: String?
        /// IPv4, or empty while the container has none.
        public var address: String
        /// IPv6, or empty.
        public var address6: String

        public init(
            network: String, networkID: String = "", driver: String? = nil, address: String, address6: String = ""
        ) {
            self.network = network
            self.networkID = networkID
            self.driver = driver
            self.address = address
            self.address6 = address6
        }
    }

    public var id: String
    /// Without the engine's leading slash.
    public var name: String
    public var image: String
    public var state: State
    public var health: Health
    /// It was told to stop and may still be running: nothing new is sent to it.
    public var isStopping: Bool
    public var labels: [String: String]
    /// Sorted.
    public var exposedPorts: [Port]
    /// Sorted by the network's name.
    public var networks: [Attachment]
    /// `default`, `bridge`, `host`, `none`, `container:ID`, or a network's name.
    public var networkMode: String
    /// Seconds that it has to end after it was told to stop; negative: for ever; `nil`: the engine's standard.
    public var stopTimeout: Int?
    /// The number of the signal that it is told to stop by; `nil`: SIGTERM.
    public var stopSignal: Int?
    /// `true`: a person, or a person's tool, has told it to stop, and nobody has started it since, as far as was heard.
    public var wasStoppedByHand: Bool?

    public init(
        id: String, name: String, image: String = "", state: State = .running, health: Health = .none,
        isStopping: Bool = false, labels: [String: String] = [:], exposedPorts: [Port] = [],
        networks: [Attachment] = [], networkMode: String = "default"
    ) {
        self.id = id
        self.name = name
        self.image = image
        self.state = state
        self.health = health
        self.isStopping = isStopping
        self.labels = labels
        self.exposedPorts = exposedPorts.sorted()
        self.networks = networks.sorted { $0.network < $1.network }
        self.networkMode = networkMode
    }

    /// Whether its labels may ask for something: then more is wanted of it than a list tells.
    public var isOfInterest: Bool { labels.keys.contains { $0.hasPrefix("kontainers.") } }
}

/// An engine's containers at one moment.
public struct EngineState: Equatable, Sendable {
    /// The engine's address as it was configured.
    public var endpoint: String
    /// The IP at which the engine's own host is reached: where containers with the host's network listen.
    public var hostAddress: String
    /// Whether the engine answers now. While it does not, `containers` are the last known.
    public var reachable: Bool
    /// Why it is not reachable, or what answered.
    public var message: String
    /// Sorted by name, then id.
    public var containers: [ContainerRecord]

    public init(
        endpoint: String, hostAddress: String = "127.0.0.1", reachable: Bool, message: String = "",
        containers: [ContainerRecord] = []
    ) {
        self.endpoint = endpoint
        self.hostAddress = hostAddress
        self.reachable = reachable
        self.message = message
        self.containers = containers
    }
}
