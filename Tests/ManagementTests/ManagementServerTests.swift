import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Reconciliation
import Testing

@testable import Management

@Suite("The management plane over HTTP")
struct ManagementServerTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static var interface: Interface {
        let facts = SystemOperations.Facts(
            version: "1.2.3", started: 0, hostname: "host", processors: 2, read: { MetricsPageTests.readings })
        let reconciler = Reconciler(parser: { _, _ in ([], []) }, logger: quiet) { _ in }
        return Interface(
            SystemOperations(facts, reconciler: reconciler, keeper: nil, reconcile: {}).all, accounts: nil,
            logger: quiet)
    }

    /// Runs `body` with the base of the server's URLs.
    private static func serving(_ body: @Sendable (String) async throws -> Void) async throws {
        let server = ManagementServer(address: "127.0.0.1:0", interface: interface, logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            for await port in server.ports {
                try await body("http://127.0.0.1:\(port)")
                break
            }
            group.cancelAll()
        }
    }

    private static func ask(_ method: HTTPMethodName, _ url: String, accept: String? = nil) async throws -> (
        HTTPClientResponse, String
    ) {
        var request = HTTPClientRequest(url: url)
        request.method = .RAW(value: method.rawValue)
        if let accept { request.headers.add(name: "accept", value: accept) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        let body = try await response.body.collect(upTo: 1 << 20)
        return (response, String(buffer: body))
    }

    private enum HTTPMethodName: String { case get = "GET", head = "HEAD", post = "POST", delete = "DELETE" }

    @Test("metrics in the form that is asked for")
    func metrics() async throws {
        try await Self.serving { base in
            let (plain, page) = try await Self.ask(.get, base + "/metrics")
            #expect(plain.status == .ok)
            #expect(plain.headers.first(name: "content-type") == "text/plain; version=0.0.4; charset=utf-8")
            #expect(page == MetricsPage.render(MetricsPageTests.readings, as: .text))
            let (open, other) = try await Self.ask(.get, base + "/metrics", accept: "application/openmetrics-text")
            #expect(
                open.headers.first(name: "content-type")?.hasPrefix("application/openmetrics-text; version=1") == true)
            #expect(other.hasSuffix("# EOF\n"))
            let (head, nothing) = try await Self.ask(.head, base + "/metrics")
            #expect(head.status == .ok && nothing.isEmpty)
        }
    }

    @Test("health says whether the edge is there")
    func health() async throws {
        try await Self.serving { base in
            let (response, text) = try await Self.ask(.get, base + "/health")
            #expect(response.status == .ok && text == "{\"control\":true,\"edge\":true}\n")
        }
    }

    @Test("what is not there, and what may not be done, is told as a problem")
    func problems() async throws {
        try await Self.serving { base in
            let (missing, text) = try await Self.ask(.get, base + "/metric%22s")
            #expect(missing.status == .notFound)
            #expect(missing.headers.first(name: "content-type") == "application/problem+json")
            #expect(text.contains("\"status\":404") && text.contains("/metrics"))
            for method in [HTTPMethodName.post, .delete] {
                let (refused, why) = try await Self.ask(method, base + "/metrics")
                #expect(refused.status == .methodNotAllowed)
                #expect(refused.headers.first(name: "allow") == "GET, HEAD")
                #expect(why.contains("\"status\":405") && why.contains(method.rawValue))
            }
        }
    }

    @Test("a taken address is no end: the server waits for it")
    func taken() async throws {
        let other = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(other.localAddress?.port)
        let server = ManagementServer(address: "127.0.0.1:\(port)", interface: Self.interface, logger: Self.quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            try await Task.sleep(for: .milliseconds(200))
            try await other.close()
            for await bound in server.ports {
                #expect(bound == port)
                break
            }
            group.cancelAll()
        }
    }
}
