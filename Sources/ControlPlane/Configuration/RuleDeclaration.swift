public import Contract

/// What an endpoint gets beside the others of its pool, and when it serves at all.
public struct EndpointShare: Equatable, Sendable {
    public var weight: Int
    public var tier: Int

    public init(weight: Int = 1, tier: Int = 0) {
        self.weight = weight
        self.tier = tier
    }
}

/// When a container is stopped because nobody asks for it, and how long a request waits until it is back.
public struct SleepDeclaration: Equatable, Sendable {
    /// Milliseconds without a request.
    public var after: Int
    /// Milliseconds that a request waits.
    public var wake: Int

    public static let standardWake = 60_000
    /// Up to a week.
    public static let afterRange = 1_000...604_800_000
    public static let wakeRange = 1_000...Holding.timeRange.upperBound

    public init(after: Int, wake: Int = SleepDeclaration.standardWake) {
        self.after = after
        self.wake = wake
    }
}

/// A rule as it was asked for, before containers are resolved to addresses.
public struct RuleDeclaration: Equatable, Sendable {
    public typealias Kind = Rule.Kind

    /// What was said about TLS: `auto`, `off`, or a certificate's name; nothing said means served both ways.
    public enum TLS: Equatable, Sendable {
        case unspecified, auto, off
        case certificate(String)
    }

    /// Where its traffic goes.
    public enum Target: Equatable, Sendable {
        /// Addresses written down: `IPv4:port`, `[IPv6]:port`, or `name:port` resolved by the system.
        case addresses([String])
        /// A container of an engine. `port` is needed only when the image exposes several.
        case container(id: String, port: Int?, network: String?)
    }

    /// Unique within its source. Containers that declare the same rule (equal kind, listeners and claims) form one
    /// pool.
    public var name: String
    public var kind: Kind
    public var listeners: [String]
    /// Lower case; exact, `*.suffix` or `*`. Of a tcp rule: what clients name when they begin TLS (`sni`).
    public var hosts: [String]
    public var path: String
    public var tls: TLS
    public var target: Target
    /// A port of its own to listen on, asked for by a label of a tcp or udp rule; granted only where policy allows.
    public var listenPort: Int?
    /// What it asks for where it passes on connections or datagrams; `nil` is nothing. The authorities of its
    /// `upstreamTLS` are those of the file when it was read.
    public var transport: TransportOptions?
    /// The PEM file of those authorities, absolute.
    public var authoritiesPath: String?
    /// What it does beside passing requests on; `nil` is nothing.
    public var options: RuleOptions?
    /// How its endpoints share what comes; `nil`: each has its turn.
    public var pool: PoolOptions?
    /// What becomes of requests while no endpoint is ready; `nil`: nothing was said.
    public var hold: Holding?
    /// Of the container alone; `nil`: it is never stopped.
    public var sleep: SleepDeclaration?
    /// Of the container, or by address; standard where it is left out.
    public var share = EndpointShare()
    public var shares: [String: EndpointShare] = [:]
    public var place: Place

    public init(
        name: String, kind: Kind = .http, listeners: [String] = [], hosts: [String] = [], path: String = "/",
        tls: TLS = .unspecified, target: Target, listenPort: Int? = nil,
        options: RuleOptions? = nil, place: Place
    ) {
        self.name = name
        self.kind = kind
        self.listeners = listeners
        self.hosts = hosts
        self.path = path
        self.tls = tls
        self.target = target
        self.listenPort = listenPort
        self.options = options
        self.place = place
    }
}
