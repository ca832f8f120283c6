/// The number of a route. It follows the rule's name: the same in every table that holds the rule, and given to another
/// name only after every table that held it is gone. So a worker may keep what it knows of a route in an array.
public struct RouteID: Hashable, Sendable, BitwiseCopyable {
    public let number: UInt32

    @inlinable public init(number: UInt32) { self.number = number }

    /// Below ``RouteTable/routeIDLimit``.
    @inlinable public var index: Int { Int(number) }
}

/// The number of an endpoint. It follows the canonical address as ``RouteID`` follows a name.
public struct EndpointID: Hashable, Sendable, BitwiseCopyable {
    public let number: UInt32

    @inlinable public init(number: UInt32) { self.number = number }

    /// Below ``RouteTable/endpointIDLimit``.
    @inlinable public var index: Int { Int(number) }
}

/// What the table says about one request.
public enum RouteMatch: Hashable, Sendable, BitwiseCopyable {
    case route(RouteID)
    /// The rule wants TLS and the request came without: send the client to `https`.
    case redirectToTLS(RouteID)
    /// No rule serves this host and path on this listener. Answer: 404.
    case none
    /// The path climbs above the root, has a `%` without two hexadecimal digits, a `%00`, or does not start with `/`.
    /// Answer: 400.
    case badPath
    /// The host has bytes or empty labels that no name has, and two readers could take it for different names.
    /// Answer: 400.
    case badHost
}

/// A rule compiled for matching; trivial. What it says is read through the ``RouteView`` it came from.
public struct Route: Sendable, BitwiseCopyable {
    public let id: RouteID
    @usableFromInline let endpointsStart: UInt32
    @usableFromInline let endpointsCount: UInt32
    @usableFromInline let nameStart: UInt32
    @usableFromInline let nameCount: UInt32
    @usableFromInline let noteStart: UInt32
    @usableFromInline let noteCount: UInt32
    /// Which of the table's options, or `nobody`.
    @usableFromInline let options: UInt32
    /// Which of the table's pools, or `nobody`.
    @usableFromInline let pool: UInt32
    /// Which of the table's ways to hold requests, or `nobody`.
    @usableFromInline let holding: UInt32
    /// Which of the table's transports, or `nobody`.
    let transport: UInt32

    /// Zero means: the rule exists and nothing serves it now. Answer: 503.
    @inlinable public var endpointCount: Int { Int(endpointsCount) }
    /// Whether the rule does anything beside passing requests on.
    @inlinable public var hasOptions: Bool { options != .max }
    /// Whether its endpoints are chosen by a plan; without one each has its turn.
    @inlinable public var hasPlan: Bool { pool != .max }
    /// Whether its requests are held while no endpoint is ready.
    @inlinable public var isHolding: Bool { holding != .max }
    /// Whether it takes connections or datagrams, and not requests.
    public var isTransport: Bool { transport != nobody }
    /// Whether the rule says why nothing serves it.
    @inlinable public var hasNote: Bool { noteCount > 0 }
}

/// Where an endpoint listens; trivial. In the shape of the kernel module's socket address.
public struct EndpointAddress: Hashable, Sendable, BitwiseCopyable {
    public enum Family: UInt8, Sendable, BitwiseCopyable { case ipv4 = 4, ipv6 = 6 }

    public let family: Family
    public let port: UInt16
    /// The first eight bytes of an IPv6 address, the most significant first; zero for IPv4.
    public let high: UInt64
    /// The last eight bytes of an IPv6 address; an IPv4 address as a number, 127.0.0.1 being 0x7f000001.
    public let low: UInt64

    public init(ipv4: UInt32, port: UInt16) {
        family = .ipv4
        self.port = port
        high = 0
        low = UInt64(ipv4)
    }

    public init(ipv6High: UInt64, low: UInt64, port: UInt16) {
        family = .ipv6
        self.port = port
        high = ipv6High
        self.low = low
    }
}
