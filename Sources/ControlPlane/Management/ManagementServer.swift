import HTTPTypes
import Hummingbird
public import Logging
import NIOCore

/// Serves people and their tools: the page of metrics, and whether all is well. Traffic does not depend on it: an
/// address that cannot be had is told and tried again.
public struct ManagementServer: Sendable {
    public typealias Read = @Sendable () async -> Readings

    /// Between two attempts to have the address.
    static let retryInterval = Duration.seconds(5)
    /// A connection without a request is closed after this long.
    static let idleLimit = TimeAmount.seconds(60)
    private static let asked: [HTTPRequest.Method] = [.get, .head]

    private let address: String
    private let read: Read
    private let logger: Logger
    /// Yields the port at each start.
    public let ports: AsyncStream<Int>
    private let portsOutput: AsyncStream<Int>.Continuation

    /// - Parameters:
    ///   - address: `IPv4:port` or `[IPv6]:port`.
    ///   - read: asked once for each page.
    public init(address: String, logger: Logger, read: @escaping Read) {
        self.address = address
        self.read = read
        self.logger = logger
        (ports, portsOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Serves until its task is cancelled.
    public func run() async {
        var wasTold = false
        while !Task.isCancelled {
            do {
                try await serve()
            } catch {
                guard !Task.isCancelled else { return }
                if !wasTold {
                    logger.error(
                        "the management plane cannot be served; traffic goes on, and it is tried again",
                        metadata: [
                            "address": "\(address)", "reason": "\(error)",
                            "wanted": "a management.address of its own, or \"off\"",
                        ])
                }
                wasTold = true
            }
            try? await Task.sleep(for: Self.retryInterval)
        }
    }

    private func serve() async throws {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]) else {
            throw BadAddress()
        }
        let host = address[..<colon].filter { $0 != "[" && $0 != "]" }
        var quiet = logger
        quiet.logLevel = .critical
        let application = Application(
            router: router(), server: .http1(configuration: .init(idleTimeout: Self.idleLimit)),
            configuration: .init(address: .hostname(host, port: port)),
            onServerRunning: { channel in
                let bound = channel.localAddress?.port ?? port
                logger.info("the management plane is served", metadata: ["address": "\(host):\(bound)"])
                portsOutput.yield(bound)
            }, logger: quiet)
        try await application.run()
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router(options: .autoGenerateHeadEndpoints)
        router.add(middleware: ProblemMiddleware(places: ["/health": Self.asked, "/metrics": Self.asked]))
        router.get("/metrics") { request, _ in
            let form = Exposition.Form(accept: request.headers[.accept])
            return Self.response(MetricsPage.render(await read(), as: form), form.contentType)
        }
        router.get("/health") { _, _ in
            let isUp = await read().isEdgeUp
            return Self.response("{\"control\":true,\"edge\":\(isUp)}\n", "application/json")
        }
        return router
    }

    private static func response(_ text: String, _ contentType: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: contentType, .cacheControl: "no-store"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    private struct BadAddress: Error, CustomStringConvertible {
        var description: String { "wanted an address and a port, such as 127.0.0.1:8600" }
    }
}
