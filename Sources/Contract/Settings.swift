/// What holds for the whole edge. Times are milliseconds, sizes are bytes.
public struct Settings: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case timeouts, limits, accessLog, tlsPolicy, trustedProxies, headers }

    public var timeouts: Timeouts
    public var limits: Limits
    public var accessLog: AccessLog
    /// `modern` (TLS 1.3 only) or `intermediate` (TLS 1.2 with forward secrecy, and 1.3).
    public var tlsPolicy: TLSPolicy
    /// Addresses and ranges (`10.0.0.0/8`, `2001:db8::1`) of proxies in front of this one: what they say of whom they
    /// speak for is believed. Empty: nobody is.
    public var trustedProxies: [String]
    public var headers: HeaderSettings

    public init(
        timeouts: Timeouts = Timeouts(), limits: Limits = Limits(), accessLog: AccessLog = AccessLog(),
        tlsPolicy: TLSPolicy = .intermediate, trustedProxies: [String] = [], headers: HeaderSettings = HeaderSettings()
    ) {
        self.timeouts = timeouts
        self.limits = limits
        self.accessLog = accessLog
        self.tlsPolicy = tlsPolicy
        self.trustedProxies = trustedProxies
        self.headers = headers
    }

    public enum TLSPolicy: String, Codable, Sendable, CaseIterable { case modern, intermediate }
}

/// How long each wait may last, in milliseconds: 1 to a day; `total` and `drain` may be 0.
public struct Timeouts: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case head, handshake, bodyIdle, connect, firstByte, responseIdle, keepAlive, upstreamIdle, tunnelIdle, total
        case drain, preface
    }

    /// A day, the longest that any wait may be set to.
    public static let longest = 86_400_000

    /// From the first byte of a request head (or from accept, or the end of the TLS handshake) to its last. Answer:
    /// 408.
    public var head = 10_000
    /// The TLS handshake, from accept.
    public var handshake = 10_000
    /// Without a byte of the request body moving. Answer: 408.
    public var bodyIdle = 60_000
    /// TCP connect to an endpoint. Answer: 504 when no other endpoint is left.
    public var connect = 5_000
    /// From the end of the request to the first byte of the response. Answer: 504.
    public var firstByte = 60_000
    /// Without a byte of the response moving, either side.
    public var responseIdle = 60_000
    /// An idle keep-alive connection of a client.
    public var keepAlive = 75_000
    /// An idle pooled connection to an endpoint.
    public var upstreamIdle = 60_000
    /// A tunnel (WebSocket, for instance) without a byte in either direction.
    public var tunnelIdle = 3_600_000
    /// The whole exchange, from the end of the request head to the last byte of the response, whatever moves; 0 is
    /// none. Tunnels are exempt: once the protocol is switched, `tunnelIdle` alone counts. Answer: 408 while the
    /// request is still coming, 504 while the response is awaited.
    public var total = 0
    /// Accept to the first byte of a client, where its connection could be of several kinds: after that it is taken for
    /// one that waits for its server to speak.
    public var preface = 3_000
    /// After SIGTERM: exchanges in flight get this long to finish.
    public var drain = 30_000

    public init() {}
}

/// What one peer may take.
public struct Limits: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case headBytes, fieldCount, targetBytes, bodyBytes, connectionsPerWorker, connectionsPerListener
        case connectionsPerAddress, requestsPerConnection, pendingPerPool, idlePerEndpoint, bufferedBytesPerWorker
    }

    /// Request or response head, 1,024 to 61,440. Answer: 431 (request), 502 (response).
    public var headBytes = 32_768
    /// Fields in a head, 1 to 256. Answer: 431.
    public var fieldCount = 128
    /// The target of a request, 256 to 61,440; more than fits into a head is never there. Answer: 414.
    public var targetBytes = 16_384
    /// Request body; 0 means no limit. Answer: 413.
    public var bodyBytes = 0
    /// Open client connections of one worker. Beyond it the listener waits.
    public var connectionsPerWorker = 100_000
    /// Open client connections of one listener, of all workers together; 0 means no limit. Answer: 503, or closed where
    /// the client would have to be answered in TLS or to a PROXY protocol header.
    public var connectionsPerListener = 0
    /// The same of one client: an IPv4 address, or 64 bits of an IPv6 address. Trusted proxies are exempt. Answer: 429,
    /// or closed as above.
    public var connectionsPerAddress = 0
    /// Requests of one client connection, the last of which is answered with `Connection: close`; 0 means no limit.
    public var requestsPerConnection = 0
    /// Exchanges of one rule, of all workers together, that wait for a connect or the head of a response; 0 means no
    /// limit. Answer: 503.
    public var pendingPerPool = 0
    /// What the four limits above may be set to.
    public static let countRange = 0...4_000_000
    public static let targetRange = 256...61_440
    /// Idle pooled connections of one worker to one endpoint.
    public var idlePerEndpoint = 256
    /// Memory of one worker for requests that are held until they are whole (``RuleOptions/bufferRequest``). Beyond it
    /// they are streamed.
    public var bufferedBytesPerWorker = 67_108_864

    public init() {}
}

/// Where a line for each exchange goes, and how it looks.
public struct AccessLog: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case output, format, rotateAt, keep, sample }

    public enum Format: String, Codable, Sendable, CaseIterable {
        case json
        /// Apache's "combined".
        case combined
    }

    /// The least that `rotateAt` may be, beside 0.
    public static let rotateAtLeast = 65_536
    public static let keepMost = 1_000
    public static let sampleMost = 1_000_000

    /// `stdout`, `stderr`, `off`, or the path of a file.
    public var output = "stdout"
    public var format = Format.json
    /// Bytes of a file beyond which it is rotated; 0 is never.
    public var rotateAt = 0
    /// Files kept beside the one that is written, 1 to 1,000.
    public var keep = 5
    /// One of so many exchanges is written, of those that neither failed nor were cut; 1 to 1,000,000.
    public var sample = 1

    public init(
        output: String = "stdout", format: Format = .json, rotateAt: Int = 0, keep: Int = 5, sample: Int = 1
    ) {
        self.output = output
        self.format = format
        self.rotateAt = rotateAt
        self.keep = keep
        self.sample = sample
    }
}
