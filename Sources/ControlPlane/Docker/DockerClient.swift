import AsyncHTTPClient
import FoundationEssentials
public import KontainersConfiguration
import NIOCore
import NIOHTTP1

/// One engine's API, the part that is read here. Speaks over a Unix socket or TCP.
///
/// Every answer is bounded and every call has an end (``EngineLimits``); whatever an engine sends ends in a value or in
/// an ``EngineError``. Call ``close()`` when done.
public struct DockerClient: Sendable {
    private let http: HTTPClient
    private let base: String
    private let isLocal: Bool
    private let limits: EngineLimits

    /// Old enough for Docker 18.09 and Podman 4, new enough for all that is read here.
    static let apiVersion = "v1.39"

    public init(address: ApplianceConfiguration.DockerEndpoint.Address, limits: EngineLimits = EngineLimits()) {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .init(limits.connectTime)
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        // Trying again is the caller's business, who knows what it means.
        configuration.connectionPool.retryConnectionEstablishment = false
        // The stream of events holds one connection for good.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
            limits.inspectionsAtOnce + limits.changesAtOnce + 2
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        switch address {
        case .unix(let path):
            base = "http+unix://\(Self.percentEncoded(path))"
            isLocal = true
        case .tcp(let host, let port):
            base = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
            isLocal = false
        }
        self.limits = limits
    }

    public func close() async {
        // Fails only when called twice, and then there is nothing left to close.
        try? await http.shutdown()
    }

    /// Whether it answers at all.
    public func ping() async throws {
        _ = try await get("/_ping", limit: limits.smallAnswerBytes)
    }

    public func version() async throws -> EngineVersion {
        try await get("/version", limit: limits.smallAnswerBytes)
    }

    /// All containers, also those that do not run. Of each only what a list tells: see ``ContainerLedger``.
    public func containers() async throws -> [ContainerRecord] {
        let summaries: [Lenient<ContainerSummary>] = try await get("/containers/json?all=1", limit: limits.listBytes)
        return summaries.compactMap { $0.value?.record }
    }

    /// One container, or `nil` when there is none of this id.
    public func container(_ id: String) async throws -> ContainerRecord? {
        do {
            let path = "/containers/\(Self.percentEncoded(id))/json"
            let inspection: ContainerInspection = try await get(path, limit: limits.inspectBytes)
            return inspection.record
        } catch EngineError.refused(_, status: 404, _) {
            return nil
        }
    }

    public func networks() async throws -> [NetworkRecord] {
        let networks: [Lenient<NetworkRecord>] = try await get("/networks", limit: limits.networksBytes)
        return networks.compactMap(\.value)
    }

    /// Opens the stream of events. When it returns, the engine has accepted the subscription.
    func events() async throws -> EventStream {
        let filters: [String: [String]] = [
            "type": ["container", "network"],
            "event": Array(Set(EngineEvent.containerActions + EngineEvent.networkActions)).sorted(),
        ]
        let text = String(decoding: try JSONEncoder().encode(filters), as: UTF8.self)
        let call = "/events"
        let response = try await execute(
            call, path: "\(call)?filters=\(Self.percentEncoded(text))", time: limits.connectTime)
        guard response.status == .ok else { throw await refusal(call, response) }
        return EventStream(body: response.body, limit: limits.eventBytes)
    }

    /// Stops a container as its image says, and waits until it has stopped.
    /// - Parameter grace: how long the engine may let it live on.
    /// - Returns: `false` when there is none of this id.
    func stop(_ id: String, grace: Duration) async throws -> Bool {
        try await post("/containers/\(Self.percentEncoded(id))/stop", time: limits.callTime + grace)
    }

    /// Starts a container.
    /// - Returns: `false` when there is none of this id.
    func start(_ id: String) async throws -> Bool {
        try await post("/containers/\(Self.percentEncoded(id))/start", time: limits.callTime + limits.callTime)
    }

    // MARK: - For whoever runs containers

    /// An answer as the engine gave it; `nil` when it knows nothing of what was asked for.
    /// - Parameter version: of the engine's API, where an answer needs a newer one.
    func document(_ path: String, limit: Int, version: String = DockerClient.apiVersion) async throws -> JSONValue? {
        try await within(limits.callTime, of: path) {
            let response = try await execute(path, path: path, time: limits.callTime, version: version)
            if response.status == .notFound { return nil }
            guard response.status == .ok else { throw await refusal(path, response) }
            let bytes = try await collect(response.body, call: path, limit: limit)
            do {
                return try JSONDecoder().decode(JSONValue.self, from: Data(bytes.readableBytesView))
            } catch {
                throw EngineError.notUnderstood(call: path, found: Self.start(of: bytes))
            }
        }
    }

    /// Changes something. `nil` when the engine knows nothing of it.
    func change(
        _ method: HTTPMethod, _ path: String, body: JSONValue? = nil, time: Duration
    ) async throws -> JSONValue? {
        try await within(time, of: path) {
            let response = try await execute(path, path: path, time: time, method: method, body: body)
            guard response.status != .notFound || method == .POST && path.hasPrefix("/containers/create") else {
                return nil
            }
            guard (200...299).contains(response.status.code) || response.status == .notModified else {
                throw await refusal(path, response)
            }
            let bytes = try await collect(response.body, call: path, limit: limits.smallAnswerBytes)
            return (try? JSONDecoder().decode(JSONValue.self, from: Data(bytes.readableBytesView))) ?? .null
        }
    }

    /// Bytes as they come; `nil` when the engine knows nothing of what was asked for.
    func stream(_ path: String) async throws -> HTTPClientResponse.Body? {
        let response = try await execute(path, path: path, time: .seconds(86_400))
        if response.status == .notFound { return nil }
        guard response.status == .ok else { throw await refusal(path, response) }
        return response.body
    }

    // MARK: - Calls

    /// What is so already (304) is fine.
    private func post(_ path: String, time: Duration) async throws -> Bool {
        try await within(time, of: path) {
            let response = try await execute(path, path: path, time: time, method: .POST)
            switch response.status {
            case .ok, .noContent, .notModified:
                _ = try await collect(response.body, call: path, limit: limits.smallAnswerBytes)
                return true
            case .notFound: return false
            default: throw await refusal(path, response)
            }
        }
    }

    private func get<Answer: Decodable>(_ path: String, limit: Int) async throws -> Answer {
        let bytes = try await get(path, limit: limit)
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(bytes.readableBytesView))
        } catch {
            throw EngineError.notUnderstood(call: path, found: Self.start(of: bytes))
        }
    }

    private func get(_ path: String, limit: Int) async throws -> ByteBuffer {
        try await within(limits.callTime, of: path) {
            let response = try await execute(path, path: path, time: limits.callTime)
            guard response.status == .ok else { throw await refusal(path, response) }
            return try await collect(response.body, call: path, limit: limit)
        }
    }

    private func execute(
        _ call: String, path: String, time: Duration, method: HTTPMethod = .GET, body: JSONValue? = nil,
        version: String = DockerClient.apiVersion
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "\(base)/\(version)\(path)")
        request.method = method
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        }
        request.headers.add(name: "User-Agent", value: "kontainers")
        // RFC 9112 §3.2 wants one in every request; the HTTP library sends none over a Unix socket, and engines refuse
        // that.
        if isLocal { request.headers.add(name: "Host", value: "engine") }
        do {
            return try await http.execute(request, timeout: .init(time))
        } catch {
            throw Self.sentence(for: error, call: call, time: time)
        }
    }

    private func collect(
        _ body: HTTPClientResponse.Body, call: String, limit: Int
    ) async throws -> ByteBuffer {
        var whole = ByteBuffer()
        do {
            for try await part in body {
                guard whole.readableBytes + part.readableBytes <= limit else {
                    throw EngineError.tooLarge(call: call, limit: limit)
                }
                whole.writeImmutableBuffer(part)
            }
        } catch {
            throw Self.sentence(for: error, call: call, time: limits.callTime)
        }
        try Task.checkCancellation()
        return whole
    }

    /// The engine's own words, when it has some.
    private func refusal(_ call: String, _ response: HTTPClientResponse) async -> EngineError {
        let bytes = try? await collect(response.body, call: call, limit: limits.smallAnswerBytes)
        let complaint = bytes.flatMap {
            try? JSONDecoder().decode(EngineComplaint.self, from: Data($0.readableBytesView))
        }
        let message = complaint?.message ?? bytes.map(Self.start(of:)) ?? ""
        return .refused(call: call, status: Int(response.status.code), message: String(message.prefix(300)))
    }

    private static func sentence(for error: any Error, call: String, time: Duration) -> any Error {
        switch error {
        case is EngineError, is CancellationError: error
        case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout:
            EngineError.timedOut(call: call, after: time)
        case let error as HTTPClientError where error == .cancelled: CancellationError()
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            EngineError.notUnderstood(call: call, found: "the connection was closed before its end")
        case is HTTPParserError: EngineError.notUnderstood(call: call, found: "it is no HTTP")
        case let error as IOError: EngineError.unreachable(reason(error))
        default: EngineError.unreachable(String(String(describing: error).prefix(300)))
        }
    }

    private static func reason(_ error: IOError) -> String {
        switch error.errnoCode {
        case 2: "the socket does not exist: is the engine installed and running?"
        case 13: "no permission for the socket: add the program's user to the socket's group, or run it as root"
        case 111: "the connection is refused: is the engine running?"
        case _: error.description
        }
    }

    private static func start(of bytes: ByteBuffer) -> String {
        let text = String(decoding: bytes.readableBytesView.prefix(60), as: UTF8.self)
        return bytes.readableBytes == 0 ? "it is empty" : "it starts with \(text.debugDescription)"
    }

    /// RFC 3986 §2.1; everything but unreserved characters.
    static func percentEncoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}

/// Runs `body` and gives up on it after `limit`.
func within<Answer: Sendable>(
    _ limit: Duration, of call: String, _ body: @escaping @Sendable () async throws -> Answer
) async throws -> Answer {
    try await withThrowingTaskGroup(of: Answer.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw EngineError.timedOut(call: call, after: limit)
        }
        // Two tasks were added, so there is a first answer.
        guard let first = try await group.next() else { throw CancellationError() }
        return first
    }
}

/// The events of an engine, as they come in.
struct EventStream: Sendable {
    fileprivate let body: HTTPClientResponse.Body
    fileprivate let limit: Int

    /// Hands over what has arrived, several events at once when they came together. Ends by throwing:
    /// ``EngineError/streamEnded`` at the latest. An event that is not understood throws too: what it said is unknown,
    /// so all that is known is in doubt.
    func forEach(_ take: ([EngineEvent]) async -> Void) async throws {
        var splitter = LineSplitter(limit: limit)
        do {
            for try await part in body {
                let events = try splitter.lines(adding: part.readableBytesView).map(Self.event)
                if !events.isEmpty { await take(events) }
            }
        } catch is LineSplitter.TooLong {
            throw EngineError.tooLarge(call: "/events", limit: limit)
        } catch let error as EngineError {
            throw error
        } catch {
            try Task.checkCancellation()
            throw EngineError.streamEnded
        }
        try Task.checkCancellation()
        throw EngineError.streamEnded
    }

    static func event(_ line: [UInt8]) throws -> EngineEvent {
        do {
            return try JSONDecoder().decode(EngineEvent.self, from: Data(line))
        } catch {
            let start = String(decoding: line.prefix(60), as: UTF8.self)
            throw EngineError.notUnderstood(call: "/events", found: "a line starts with \(start.debugDescription)")
        }
    }
}
