/// The desired state as the edge needs it, numbered by revision. A snapshot file is the edge's only configuration.
///
/// Every field but `revision` may be left out of the JSON; what is missing takes the default stated here, so a file
/// written by hand stays short. Unknown keys are ignored: an older edge can read a newer control's snapshot.
public struct Snapshot: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case format, revision, epoch, settings, listeners, certificates, rules
    }

    /// The layout of this JSON. An edge refuses a number it does not know.
    public static let knownFormat = 1

    public var format: Int
    /// Grows by any amount with each change; never reused for a different content within one `epoch`.
    public var revision: UInt64
    /// Which life of control numbered the revision. Revisions of different epochs cannot be compared.
    public var epoch: String
    public var settings: Settings
    public var listeners: [Listener]
    public var certificates: [Certificate]
    public var rules: [Rule]

    public init(
        revision: UInt64, epoch: String = "", settings: Settings = Settings(), listeners: [Listener] = [],
        certificates: [Certificate] = [], rules: [Rule] = []
    ) {
        self.format = Self.knownFormat
        self.revision = revision
        self.epoch = epoch
        self.settings = settings
        self.listeners = listeners
        self.certificates = certificates
        self.rules = rules
    }
}

/// An accepting address.
public struct Listener: Equatable, Hashable, Sendable, Encodable {
    public enum WireProtocol: String, Codable, Sendable, CaseIterable { case http, https, tcp, udp }

    /// Whether connections begin with a PROXY protocol header, which says for whom the client speaks.
    public enum ProxyProtocol: String, Codable, Sendable, CaseIterable {
        /// They do not; one that does is malformed.
        case off
        /// Trusted proxies may send one, others do not.
        case optional
        /// Trusted proxies must send one, others are not let in.
        case required
    }

    /// Unique among the listeners of a snapshot; the identity by which an open socket survives a change.
    public var name: String
    /// `IPv4:port` or `[IPv6]:port`. Port 0 lets the kernel choose.
    public var address: String
    public var wireProtocol: WireProtocol
    public var proxyProtocol: ProxyProtocol
    /// Open connections (or sessions of `udp`) of all clients together, and of one client's address, in place of the
    /// edge's ``Limits/connectionsPerListener`` and ``Limits/connectionsPerAddress``; `nil`: as the edge has it, 0: no
    /// limit.
    public var connections: Int?
    public var connectionsPerAddress: Int?

    public init(
        name: String, address: String, wireProtocol: WireProtocol, proxyProtocol: ProxyProtocol = .off,
        connections: Int? = nil, connectionsPerAddress: Int? = nil
    ) {
        self.name = name
        self.address = address
        self.wireProtocol = wireProtocol
        self.proxyProtocol = proxyProtocol
        self.connections = connections
        self.connectionsPerAddress = connectionsPerAddress
    }

    enum CodingKeys: String, CodingKey {
        case name, address, proxyProtocol, connections, connectionsPerAddress
        case wireProtocol = "protocol"
    }
}

/// A certificate chain with its private key.
public struct Certificate: Equatable, Sendable, Codable {
    public var name: String
    /// PEM, leaf first.
    public var chain: String
    /// PEM; or, in the edge's own last good snapshot, sealed under the machine key (prefix `sealed:`).
    public var key: String

    public init(name: String, chain: String, key: String) {
        self.name = name
        self.chain = chain
        self.key = key
    }
}

/// What a person, a label or a file asked for, linted and resolved: addresses instead of containers.
public struct Rule: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case name, kind, listeners, hosts, path, tls, certificate, endpoints, note, options, pool, holding, transport
    }

    /// What the rule passes on.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// Requests.
        case http
        /// Connections, byte for byte.
        case tcp
        /// Datagrams.
        case udp
    }

    public enum TLS: String, Codable, Sendable {
        /// Served on `http` and `https` listeners alike.
        case any
        /// Served on `http` listeners only.
        case off
        /// Served on `https` listeners; a plain request is redirected to `https`. Of a rule of kind `tcp`: TLS is taken
        /// off here, with the other two it is passed on as it comes.
        case required
    }

    /// Unique among the rules of a snapshot; the identity by which its state survives a change.
    public var name: String
    public var kind: Kind
    /// Names of the listeners that serve this rule; empty means every `http` and `https` listener, and is nothing for
    /// a rule of another kind.
    public var listeners: [String]
    /// Exact names, `*.suffix`, or `*` for the default host; lower case, without port or trailing dot. Of a rule of
    /// kind `tcp`: what a ClientHello names (SNI, RFC 6066 §3); empty: whatever comes to the listener.
    public var hosts: [String]
    /// Path prefix, matched by whole segments; the longest wins.
    public var path: String
    public var tls: TLS
    /// The certificate to present for this rule's hosts; `nil` picks by the names in the certificates.
    public var certificate: String?
    public var endpoints: [Endpoint]
    /// Whether a request is told to come back later (503) because the rule's containers are down, in words for the log.
    public var note: String?
    /// What it does beside passing requests on; `nil` is nothing.
    @Aside public var options: RuleOptions?
    /// How its endpoints share what comes; `nil`: each in turn, and nobody is ejected, while no endpoint has a weight
    /// or tier of its own.
    @Aside public var pool: PoolOptions?
    /// What becomes of requests while no endpoint is ready; `nil`: they are answered at once.
    public var holding: Holding?
    /// What it asks for where it passes on connections or datagrams; `nil` is the standard.
    @Aside public var transport: TransportOptions?

    public init(
        name: String, kind: Kind = .http, listeners: [String] = [], hosts: [String] = [], path: String = "/",
        tls: TLS = .any,
        certificate: String? = nil, endpoints: [Endpoint] = [], note: String? = nil, options: RuleOptions? = nil,
        pool: PoolOptions? = nil, holding: Holding? = nil, transport: TransportOptions? = nil
    ) {
        self.name = name
        self.kind = kind
        self.listeners = listeners
        self.hosts = hosts
        self.path = path
        self.tls = tls
        self.certificate = certificate
        self.endpoints = endpoints
        self.note = note
        self.options = options
        self.pool = pool
        self.holding = holding
        self.transport = transport
    }
}

/// One address of a pool. Its address is its identity: counts and idle connections survive every change that keeps it.
public struct Endpoint: Equatable, Hashable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case address, name, weight, tier, isStarting }

    /// `IPv4:port` or `[IPv6]:port`.
    public var address: String
    /// For people: the container's name, for instance.
    public var name: String
    /// 0 to 1,000: what it gets beside the other endpoints; with 0 nobody new.
    public var weight: Int
    /// 0 is served first, a higher one while nobody of those below is usable. 0 to 7.
    public var tier: Int
    /// `true` while its health check has not passed yet, else left out. It serves all the same; when it has passed, the
    /// rule is another, so that whoever waits for it asks at once.
    public var isStarting: Bool?

    public static let weightRange = 0...1_000
    public static let tierRange = 0...7

    public init(address: String, name: String = "", weight: Int = 1, tier: Int = 0) {
        self.address = address
        self.name = name
        self.weight = weight
        self.tier = tier
    }
}
