/// What holds for the whole edge. Times are milliseconds, sizes are bytes.
public struct Settings: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case timeouts, limits, accessLog, tlsPolicy, trustedProxies }

    public var timeouts: Timeouts
    public var limits: Limits
    public var accessLog: AccessLog
    /// `modern` (TLS 1.3 only) or `intermediate` (TLS 1.2 with forward secrecy, and 1.3).
    public var tlsPolicy: TLSPolicy
    /// Addresses and ranges (`10.0.0.0/8`, `2001:db8::1`) of proxies in front of this one: what they say of whom they
    /// speak for is believed. Empty: nobody is.
    public var trustedProxies: [String]

    public init(
        timeouts: Timeouts = Timeouts(), limits: Limits = Limits(), accessLog: AccessLog = AccessLog(),
        tlsPolicy: TLSPolicy = .intermediate, trustedProxies: [String] = []
    ) {
        self.timeouts = timeouts
        self.limits = limits
        self.accessLog = accessLog
        self.tlsPolicy = tlsPolicy
        self.trustedProxies = trustedProxies
    }

    public enum TLSPolicy: String, Codable, Sendable, CaseIterable { case modern, intermediate }
}

/// How long each wait may last, in milliseconds: 1 to a day; `total` and `drain` may be 0.
public struct Timeouts: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case head, handshake, bodyIdle, connect, firstByte, responseIdle, keepAlive, upstreamIdle, tunnelIdle, total
        case drain
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
    /// After SIGTERM: exchanges in flight get this long to finish.
    public var drain = 30_000

    public init() {}
}

/// What one peer may take.
public struct Limits: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case headBytes, fieldCount, bodyBytes, connectionsPerWorker, idlePerEndpoint,
            bufferedBytesPerWorker
    }

    /// Request or response head, 1,024 to 61,440. Answer: 431 (request), 502 (response).
    public var headBytes = 32_768
    /// Fields in a head, 1 to 256. Answer: 431.
    public var fieldCount = 128
    /// Request body; 0 means no limit. Answer: 413.
    public var bodyBytes = 0
    /// Open client connections of one worker. Beyond it the listener waits.
    public var connectionsPerWorker = 100_000
    /// Idle pooled connections of one worker to one endpoint.
    public var idlePerEndpoint = 256
    /// Memory of one worker for requests that are held until they are whole (``RuleOptions/bufferRequest``). Beyond it
    /// they are streamed.
    public var bufferedBytesPerWorker = 67_108_864

    public init() {}
}

public struct AccessLog: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case output }

    /// `stdout`, `stderr`, `off`, or the path of a file.
    public var output = "stdout"

    public init(output: String = "stdout") { self.output = output }
}
