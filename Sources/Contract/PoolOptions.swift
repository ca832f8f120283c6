/// How a rule's pool is balanced, watched and protected. What is left out of the JSON has the default stated here.
public struct PoolOptions: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case policy, hashBy, bound, panic, sticky, slowStart, healthCheck, ejection, breaker, queue
    }

    public enum Policy: String, Codable, Sendable, CaseIterable {
        case roundRobin = "round-robin"
        case random
        case leastConnections = "least-connections"
        case twoChoices = "two-choices"
        case leastTime = "least-time"
        case hash
    }

    public var policy = Policy.roundRobin
    /// What `hash` goes by: `client`, `path`, `header:<name>` or `cookie:<name>`.
    public var hashBy = HashKey.client
    /// With `hash`: percent of its share of what is in flight that an endpoint takes at most, 101 to 10,000; 0 is no
    /// bound.
    public var bound = 0
    /// Percent of usable endpoints below which a tier counts as gone, 0 to 100.
    public var panic = 0
    /// The cookie that keeps a client with its endpoint.
    public var sticky: String?
    /// Milliseconds in which a new endpoint grows into its weight, 0 to an hour.
    public var slowStart = 0
    public var healthCheck: HealthCheck?
    /// `nil` is the standard one; with ``Ejection/off`` nobody is ejected.
    public var ejection: Ejection?
    public var breaker: Breaker?
    public var queue: Queue?

    public static let boundRange = 101...10_000
    public static let slowStartRange = 0...3_600_000

    public init() {}

    public func check() throws(OptionFault) {
        if bound != 0 { try within(bound, Self.boundRange, "percent as the bound of an endpoint") }
        try within(panic, 0...100, "percent as the panic share")
        try within(slowStart, Self.slowStartRange, "milliseconds of slow start")
        if let sticky { try checkToken(sticky, "name of the sticky cookie") }
        try hashBy.check()
        try healthCheck?.check()
        try ejection?.check()
        try breaker?.check()
        try queue?.check()
    }
}

/// What a hash goes by.
public enum HashKey: Equatable, Sendable {
    case client, path
    case header(String)
    case cookie(String)

    public init(_ written: String) throws(OptionFault) {
        let parts = written.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch (parts[0], parts.count) {
        case ("client", 1): self = .client
        case ("path", 1): self = .path
        case ("header", 2): self = .header(parts[1])
        case ("cookie", 2): self = .cookie(parts[1])
        default:
            throw OptionFault(
                found: "found \"\(written.prefix(40))\" to hash by",
                wanted: "wanted client, path, header:<name> or cookie:<name>")
        }
        try check()
    }

    public var written: String {
        switch self {
        case .client: "client"
        case .path: "path"
        case .header(let name): "header:\(name)"
        case .cookie(let name): "cookie:\(name)"
        }
    }

    func check() throws(OptionFault) {
        switch self {
        case .client, .path: return
        case .header(let name): try checkToken(name, "name of a header to hash by")
        case .cookie(let name): try checkToken(name, "name of a cookie to hash by")
        }
    }
}

/// How endpoints are asked whether they are well.
public struct HealthCheck: Hashable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case kind, path, host, method, expect, body, send, answer, port, interval, timeout, rise, fall, jitter
    }

    public enum Kind: String, Codable, Sendable, CaseIterable {
        case http, https, tcp
        /// A datagram is sent and one must come back.
        case udp
    }
    public enum Method: String, Codable, Sendable, CaseIterable { case get = "GET", head = "HEAD", options = "OPTIONS" }

    public var kind = Kind.http
    public var path = "/"
    /// The `Host` of the check; `nil` is the endpoint's address.
    public var host: String?
    public var method = Method.get
    public var expect = StatusRanges.usual
    /// What the first 64 KiB of the body must hold.
    public var body: String?
    /// With `udp`, which wants it: what the datagram holds, and what the first that comes back must hold somewhere; of
    /// an answer nothing need be known. Text with `\n`, `\r`, `\t`, `\\` and `\xNN` for other bytes, or `hex:` and
    /// digits.
    public var send: ProbeBytes?
    public var answer: ProbeBytes?
    /// `nil` is the endpoint's own.
    public var port: Int?
    /// Milliseconds, 100 to a day.
    public var interval = 5_000
    /// Milliseconds, 1 to a minute.
    public var timeout = 2_000
    /// Good checks in a row until one that is down is up, 1 to 100.
    public var rise = 2
    /// Bad checks in a row until one that is up is down, 1 to 100.
    public var fall = 3
    /// Percent by which an interval may be shorter or longer, 0 to 50.
    public var jitter = 10

    public static let textLimit = 1_024

    public init() {}

    public func check() throws(OptionFault) {
        try within(interval, 100...86_400_000, "milliseconds between health checks")
        try within(timeout, 1...60_000, "milliseconds for a health check")
        try within(rise, 1...100, "good checks until an endpoint is up")
        try within(fall, 1...100, "bad checks until an endpoint is down")
        try within(jitter, 0...50, "percent of jitter")
        if let port { try within(port, 1...65_535, "as the port of a health check") }
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw OptionFault(
                found: "found \"\(path.prefix(80))\" as the path of a health check",
                wanted: "wanted a path that starts with \"/\"; other bytes than printable ASCII as %XX")
        }
        try checkProbe()
        for (text, what) in [(path, "path"), (host ?? "-", "host"), (body ?? "-", "body")] {
            try within(text.utf8.count, 1...Self.textLimit, "bytes in the \(what) of a health check")
        }
        if let host, !host.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !"/@?#\\".utf8.contains($0) }) {
            throw OptionFault(
                found: "found \"\(host.prefix(80))\" as the host of a health check",
                wanted: "wanted a name, or name:port")
        }
    }

    private func checkProbe() throws(OptionFault) {
        guard kind == .udp else {
            guard send == nil, answer == nil else {
                throw OptionFault(
                    found: "found send or answer in a health check of kind \(kind.rawValue)",
                    wanted: "wanted kind udp, or neither")
            }
            return
        }
        guard let send else {
            throw OptionFault(
                found: "found no send in a health check of kind udp",
                wanted: "wanted what an endpoint answers, such as \"ping\" or \"hex:\" and digits")
        }
        try within(send.bytes.count, 1...Self.textLimit, "bytes to send in a health check")
        if let answer { try within(answer.bytes.count, 1...Self.textLimit, "bytes of answer in a health check") }
    }
}

/// When an endpoint is taken out of its pool for a while for how it answers.
public struct Ejection: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case consecutive, ratio, minimum, window, base, longest, cap, serverErrors, latency
    }

    /// Failures in a row, 1 to 1,000; 0: these do not eject.
    public var consecutive = 5
    /// Percent of failures in a window, 1 to 100; 0: these do not eject.
    public var ratio = 50
    /// Exchanges in a window without which its ratio says nothing, 1 to a million.
    public var minimum = 20
    /// Milliseconds, 100 to an hour.
    public var window = 10_000
    /// Milliseconds of the first ejection, 100 to an hour.
    public var base = 10_000
    /// Milliseconds of the longest, 100 to a day.
    public var longest = 300_000
    /// Percent of a pool, 0 to 100; one endpoint may always be ejected unless it is the only one.
    public var cap = 50
    /// Whether a response with a status of 500 to 599 is a failure, as no response is.
    public var serverErrors = false
    /// Percent of the median of the other endpoints' times to a first byte that ejects who takes as long for a window,
    /// 150 to 10,000; 0: none does.
    public var latency = 0

    public static let latencyRange = 150...10_000

    public static var off: Ejection {
        var ejection = Ejection()
        (ejection.consecutive, ejection.ratio) = (0, 0)
        return ejection
    }

    public init() {}

    public func check() throws(OptionFault) {
        try within(consecutive, 0...1_000, "failures in a row that eject")
        try within(ratio, 0...100, "percent of failures that eject")
        try within(minimum, 1...1_000_000, "exchanges as the least for a ratio")
        try within(window, 100...3_600_000, "milliseconds of a window of failures")
        try within(base, 100...3_600_000, "milliseconds of the first ejection")
        try within(longest, base...86_400_000, "milliseconds of the longest ejection")
        try within(cap, 0...100, "percent of a pool that may be ejected")
        if latency != 0 { try within(latency, Self.latencyRange, "percent of the others' time that ejects") }
    }
}

/// When a pool refuses at once, and how much may be under way. 0 is no limit.
public struct Breaker: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case connections, pending, inFlight, ratio, minimum, window, base, longest, trials, serverErrors
        case poolConnections, poolPending, poolInFlight, poolRatio
    }

    /// Of one endpoint and worker: open connections, exchanges that wait for one, exchanges that have one.
    public var connections = 0
    public var pending = 0
    public var inFlight = 0
    /// Of the pool as a whole and all workers together: the same.
    public var poolConnections = 0
    public var poolPending = 0
    public var poolInFlight = 0
    /// Percent of failures in a window that open the circuit of an endpoint, 1 to 100; 0: none do. The same of the
    /// circuit of the whole pool, for which a failure is what the client is told in the end.
    public var ratio = 0
    public var poolRatio = 0
    public var minimum = 20
    /// Milliseconds, 100 to an hour.
    public var window = 10_000
    /// Milliseconds that it stays open the first time, 100 to an hour, and at the longest.
    public var base = 5_000
    public var longest = 60_000
    /// Exchanges that must end well until it closes, 1 to 100.
    public var trials = 3
    /// Whether a response with a status of 500 to 599 is a failure, as no response is.
    public var serverErrors = false

    public init() {}

    public func check() throws(OptionFault) {
        for limit in [connections, pending, inFlight, poolConnections, poolPending, poolInFlight] {
            try within(limit, 0...1_000_000, "as a limit of a breaker")
        }
        for share in [ratio, poolRatio] { try within(share, 0...100, "percent of failures that open a circuit") }
        try within(minimum, 1...1_000_000, "exchanges as the least for a ratio")
        try within(window, 100...3_600_000, "milliseconds of a window of failures")
        try within(base, 100...3_600_000, "milliseconds that a circuit stays open")
        try within(longest, base...86_400_000, "milliseconds that a circuit stays open at the longest")
        try within(trials, 1...100, "trials of a circuit")
    }
}

/// Who may wait while no endpoint is ready or free.
public struct Queue: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case size, timeout }

    /// Exchanges of one worker, 1 to 100,000.
    public var size = 1_000
    /// Milliseconds, 1 to ten minutes.
    public var timeout = 10_000

    public init() {}

    public func check() throws(OptionFault) {
        try within(size, 1...100_000, "exchanges in a queue")
        try within(timeout, 1...600_000, "milliseconds in a queue")
    }
}

func within(_ value: Int, _ range: ClosedRange<Int>, _ what: String) throws(OptionFault) {
    guard !range.contains(value) else { return }
    throw OptionFault(found: "found \(value) \(what)", wanted: "wanted \(range.lowerBound) to \(range.upperBound)")
}

/// RFC 9110 §5.6.2: what the name of a header or cookie may consist of.
private func checkToken(_ text: String, _ what: String) throws(OptionFault) {
    let isToken = text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case let other: "!#$%&'*+-.^_`|~".utf8.contains(other)
        }
    }
    guard isToken, (1...256).contains(text.utf8.count) else {
        throw OptionFault(
            found: "found \"\(text.prefix(40))\" as the \(what)",
            wanted: "wanted 1 to 256 letters, digits or \"-_.\" and the like")
    }
}
