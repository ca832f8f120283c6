import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import Synchronization

/// Serves the commands of this machine over a Unix socket of control's own: JSON resources under `/api/v1`, and
/// problems by RFC 9457. Traffic does not depend on it: a path that cannot be had is told and tried again.
public struct ControlSocket: Sendable {
    /// What one connection may do, and how many there may be.
    struct Limits: Sendable {
        var connections = 64
        /// Bytes of a request's body.
        var body = 4 << 10
        /// Bytes of its target, and of one field; of all of the head; and how many fields.
        var field = 8 << 10
        var head = 16 << 10
        var fields = 64
        /// Without a request, and in the middle of one.
        var idle = TimeAmount.seconds(10)
        /// From a connection's beginning to its end, whatever it does.
        var longest = TimeAmount.seconds(30)
    }

    /// The longest path a Unix socket's address holds (unix(7)).
    public static let pathLimit = 107
    static let retryInterval = Duration.seconds(5)

    private let path: String
    private let desk: EndpointDesk
    private let logger: Logger
    var limits = Limits()
    var mayConnect: @Sendable (UInt32) -> Bool = PeerGate.isOwnOrRoot
    /// Yields at each start.
    public let ready: AsyncStream<Void>
    private let readyOutput: AsyncStream<Void>.Continuation

    /// - Parameter path: where the socket is made, with mode 0600; one that was left behind is replaced. It stands in a
    ///   folder that is closed to others: between making and mode the folder is what keeps them out.
    public init(path: String, desk: EndpointDesk, logger: Logger) {
        self.path = path
        self.desk = desk
        self.logger = logger
        (ready, readyOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    private final class Served: Sendable {
        let flag = Atomic(false)
    }

    /// Serves until its task is cancelled; then the socket is gone.
    public func run() async {
        guard path.utf8.count <= Self.pathLimit else {
            logger.error(
                "commands cannot be taken: the control socket's path is too long",
                metadata: [
                    "path": "\(path)", "found": "\(path.utf8.count) bytes",
                    "wanted": "at most \(Self.pathLimit): a shorter folder for state (--data)",
                ])
            return
        }
        var wasTold = false
        // What else stands at the path is not ours to remove.
        let wasServed = Served()
        while !Task.isCancelled {
            do {
                try await serve(wasServed)
            } catch {
                guard !Task.isCancelled else { break }
                if !wasTold {
                    logger.error(
                        "commands cannot be taken; traffic goes on, and it is tried again",
                        metadata: ["path": "\(path)", "reason": "\(error)"])
                }
                wasTold = true
            }
            try? await Task.sleep(for: Self.retryInterval)
        }
        if wasServed.flag.load(ordering: .acquiring) { try? FileManager.default.removeItem(atPath: path) }
    }

    private func serve(_ wasServed: Served) async throws {
        var quiet = logger
        quiet.logLevel = .critical
        let (limits, mayConnect, gateLogger) = (limits, mayConnect, logger)
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: limits.field, maxHeaderListSize: limits.head, maxHeaderFieldCount: limits.fields)
        let server = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [
                    PeerGate(longest: limits.longest, logger: gateLogger, mayConnect: mayConnect)
                ], idleTimeout: limits.idle, httpDecoderConfiguration: decoder))
        let application = Application(
            router: router(), server: server,
            configuration: .init(
                address: .unixDomainSocket(path: path),
                availableConnectionsDelegate: .maximum(limits.connections, logger: quiet)),
            onServerRunning: { _ in
                wasServed.flag.store(true, ordering: .releasing)
                do {
                    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                    logger.info("commands are taken", metadata: ["path": "\(path)"])
                } catch {
                    logger.error(
                        "the control socket's mode cannot be set; its folder and the check of users keep others out",
                        metadata: ["path": "\(path)", "reason": "\(error)"])
                }
                readyOutput.yield()
            }, logger: quiet)
        try await application.run()
    }

    // MARK: - Resources

    private static let list = "/api/v1/endpoints"
    private static let one = "/api/v1/endpoints/{rule}/{endpoint}"

    private func router() -> Router<BasicRequestContext> {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware(places: [Self.list: [.get, .head], Self.one: [.patch]]))
        router.get(RouterPath(Self.list)) { request, _ in
            switch await desk.list(request.uri.queryParameters["rule"].map(String.init)) {
            case .success(let list): return try Self.document(.ok, list)
            case .failure(let refusal): return Self.problem(refusal).response
            }
        }
        router.patch(RouterPath(Self.one)) { request, context in
            guard let rule = context.parameters.get("rule").flatMap(PercentText.decoded),
                let endpoint = context.parameters.get("endpoint").flatMap(PercentText.decoded)
            else {
                return Problem(status: .badRequest, detail: "the path's percent signs stand for no UTF-8").response
            }
            switch await patch(of: request) {
            case .failure(let problem): return problem.response
            case .success(let patch): return try await Self.response(desk.change(rule, endpoint, patch))
            }
        }
        return router
    }

    private static func response(_ result: Result<EndpointChanged, EndpointDesk.Refusal>) throws -> Response {
        switch result {
        // Accepted: kept, and somebody has yet to say that it is served (RFC 9110 §15.3.3).
        case .success(let changed):
            return try document(changed.edges > 0 && changed.serving == changed.edges ? .ok : .accepted, changed)
        case .failure(let refusal): return problem(refusal).response
        }
    }

    private static func problem(_ refusal: EndpointDesk.Refusal) -> Problem {
        let status: HTTPResponse.Status =
            switch refusal.kind {
            case .unknown: .notFound
            case .conflict: .conflict
            case .invalid: .unprocessableContent
            case .unavailable: .serviceUnavailable
            }
        return Problem(status: status, detail: refusal.detail)
    }

    private static func document(_ status: HTTPResponse.Status, _ value: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = ByteBuffer(bytes: try encoder.encode(value) + [0x0a])
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .init(byteBuffer: bytes))
    }

    private func patch(of request: Request) async -> Result<EndpointPatch, Problem> {
        let type = request.headers[.contentType]?.prefix { $0 != ";" }.lowercased() ?? "application/json"
        guard ["application/json", "application/merge-patch+json"].contains(type) else {
            return .failure(
                Problem(
                    status: .unsupportedMediaType, detail: "wanted application/json or application/merge-patch+json"))
        }
        var body = ByteBuffer()
        do {
            for try await part in request.body {
                guard body.readableBytes + part.readableBytes <= limits.body else {
                    return .failure(
                        Problem(status: .contentTooLarge, detail: "wanted a body of at most \(limits.body) bytes"))
                }
                body.writeImmutableBuffer(part)
            }
            return .success(try JSONDecoder().decode(EndpointPatch.self, from: Data(body.readableBytesView)))
        } catch let fault as EndpointPatch.Fault {
            return .failure(Problem(status: .unprocessableContent, detail: fault.sentence))
        } catch {
            return .failure(
                Problem(status: .badRequest, detail: "the body is no JSON; wanted for instance {\"drained\":true}"))
        }
    }
}
