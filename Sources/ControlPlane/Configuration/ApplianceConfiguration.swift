public import Contract

/// All that `kontainers.yaml` says, validated. Paths are absolute, or relative to the file's folder and resolved.
public struct ApplianceConfiguration: Equatable, Sendable {
    /// Where state is kept: certificates, the last good snapshot.
    public var data: String
    /// Worker threads of the edge; `nil` means one a core.
    public var workers: Int?
    public var listeners: [Listener]
    /// `address:port` of the management plane, or `off`.
    public var management: String
    public var dockerEndpoints: [DockerEndpoint]
    public var listenPolicy: ListenPolicy
    public var settings: Settings
    public var certificates: [CertificateFile]
    public var rules: [RuleDeclaration]
    public var users: Users

    /// One Docker engine: `unix:///path` or `tcp://host:port`.
    public struct DockerEndpoint: Equatable, Sendable {
        public enum Address: Equatable, Sendable {
            case unix(path: String)
            case tcp(host: String, port: Int)
        }
        public var address: Address
        /// As it was written.
        public var text: String

        public init(address: Address, text: String) {
            self.address = address
            self.text = text
        }
    }

    /// Which ports labels may have opened, and where.
    public struct ListenPolicy: Equatable, Sendable {
        public var ports: [ClosedRange<Int>]
        /// An IP address.
        public var address: String

        public init(ports: [ClosedRange<Int>] = [1_024...65_535], address: String = "0.0.0.0") {
            self.ports = ports
            self.address = address
        }

        public func allows(_ port: Int) -> Bool { ports.contains { $0.contains(port) } }
    }

    /// A certificate chain and its key in PEM files. Whether the files are there and fit is told by diagnoses, not by
    /// its absence: a file that is being replaced must not take the certificate in service away.
    public struct CertificateFile: Equatable, Sendable {
        public var name: String
        public var certificatePath: String
        public var keyPath: String
        public var place: Place

        public init(name: String, certificatePath: String, keyPath: String, place: Place) {
            self.name = name
            self.certificatePath = certificatePath
            self.keyPath = keyPath
            self.place = place
        }
    }

    /// Who runs what when the supervisor was started by root. Names or numeric ids.
    public struct Users: Equatable, Sendable {
        /// The edge's user; `nil` means a numeric user of its own that owns nothing.
        public var edge: String?
        /// Control's user; `nil` means the supervisor's.
        public var control: String?

        public init(edge: String? = nil, control: String? = nil) {
            self.edge = edge
            self.control = control
        }
    }

    public init(
        data: String, workers: Int? = nil, listeners: [Listener] = [], management: String = "127.0.0.1:8600",
        dockerEndpoints: [DockerEndpoint] = [], listenPolicy: ListenPolicy = ListenPolicy(),
        settings: Settings = Settings(), certificates: [CertificateFile] = [], rules: [RuleDeclaration] = [],
        users: Users = Users()
    ) {
        self.data = data
        self.workers = workers
        self.listeners = listeners
        self.management = management
        self.dockerEndpoints = dockerEndpoints
        self.listenPolicy = listenPolicy
        self.settings = settings
        self.certificates = certificates
        self.rules = rules
        self.users = users
    }
}

extension Listener {
    /// How those are called that labels ask for by their ports, such as `docker:tcp:5432`; names in the file have no
    /// colon.
    public static let labelPrefix = "docker:"

    public var isAskedForByLabels: Bool { name.hasPrefix(Self.labelPrefix) }
}
