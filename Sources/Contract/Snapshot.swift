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

    public init(name: String, address: String, wireProtocol: WireProtocol, proxyProtocol: ProxyProtocol = .off) {
        self.name = name
        self.address = address
        self.wireProtocol = wireProtocol
        self.proxyProtocol = proxyProtocol
    }

    enum CodingKeys: String, CodingKey {
        case name, address, proxyProtocol
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
        case name, listeners, hosts, path, tls, certificate, endpoints, note, options, pool, holding
    }

    public enum TLS: String, Codable, Sendable {
        /// Served on `http` and `https` listeners alike.
        case any
        /// Served on `http` listeners only.
        case off
        /// Served on `https` listeners; a plain request is redirected to `https`.
        case required
    }

    /// Unique among the rules of a snapshot; the identity by which its state survives a change.
    public var name: String
    /// Names of the listeners that serve this rule; empty means every `http` and `https` listener.
    public var listeners: [String]
    /// Exact names, `*.suffix`, or `*` for the default host; lower case, without port or trailing dot.
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

    public init(
        name: String, listeners: [String] = [], hosts: [String] = [], path: String = "/", tls: TLS = .any,
        certificate: String? = nil, endpoints: [Endpoint] = [], note: String? = nil, options: RuleOptions? = nil,
        pool: PoolOptions? = nil, holding: Holding? = nil
    ) {
        self.name = name
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
    }
}

/// One address of a pool. Its address is its identity: counts and idle connections survive every change that keeps it.
public struct Endpoint: Equatable, Hashable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case address, name, weight, tier }

    /// `IPv4:port` or `[IPv6]:port`.
    public var address: String
    /// For people: the container's name, for instance.
    public var name: String
    /// 0 to 1,000: what it gets beside the other endpoints; with 0 nobody new.
    public var weight: Int
    /// 0 is served first, a higher one while nobody of those below is usable. 0 to 7.
    public var tier: Int

    public static let weightRange = 0...1_000
    public static let tierRange = 0...7

    public init(address: String, name: String = "", weight: Int = 1, tier: Int = 0) {
        self.address = address
        self.name = name
        self.weight = weight
        self.tier = tier
    }
}
