import AsyncHTTPClient
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TestKit
import Testing

@testable import Management

@Suite("The control socket", .timeLimit(.minutes(1)))
struct ControlSocketTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static let reading = EndpointReading(
        rule: "docker:site", endpoint: "web-1", address: "198.18.1.2:80", container: "0123", state: .ready, weight: 1,
        inFlight: 2, requests: 7)

    /// What was asked for.
    private final class Orders: Sendable {
        let all = Mutex<[String]>([])

        var interface: Interface {
            Interface(EndpointOperations(desk).all, accounts: nil, logger: ControlSocketTests.quiet)
        }

        private var desk: EndpointDesk {
            EndpointDesk(
                list: { rule in
                    if rule == "nobody" { return .failure(.init(.unknown, "found no rule")) }
                    var other = ControlSocketTests.reading
                    (other.rule, other.endpoint) = ("mine", "a b")
                    let all = [ControlSocketTests.reading, other].filter { rule == nil || $0.rule == rule }
                    return .success(EndpointList(revision: 3, edges: 1, endpoints: all))
                },
                change: { rule, endpoint, patch in
                    self.all.withLock { $0.append("\(rule)|\(endpoint)|\(patch)") }
                    switch rule {
                    case "unknown": return .failure(.init(.unknown, "found no rule \"unknown\""))
                    case "late": return .failure(.init(.unavailable, "not now"))
                    case "alone":
                        return .success(EndpointChanged(revision: 4, edges: 0, serving: 0, endpoints: []))
                    default:
                        return .success(
                            EndpointChanged(
                                revision: 4, edges: 1, serving: 1, endpoints: [ControlSocketTests.reading]))
                    }
                })
        }
    }

    private static func serving(
        _ change: (inout ControlSocket) -> Void = { _ in },
        _ body: @Sendable (String, Orders) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder("control")
        let path = folder("control.sock")
        let orders = Orders()
        var socket = ControlSocket(path: path, interface: orders.interface, logger: quiet)
        change(&socket)
        let ready = socket.ready
        try await withThrowingTaskGroup(of: Void.self) { group in
            let socket = socket
            group.addTask { await socket.run() }
            for await _ in ready { break }
            try await body(path, orders)
            group.cancelAll()
        }
        #expect(!FileManager.default.fileExists(atPath: path), "the socket stays behind")
    }

    private static func ask(
        _ path: String, _ method: String, _ target: String, body: String? = nil,
        type: String = "application/json"
    ) async throws -> (status: UInt, text: String, type: String?) {
        var request = HTTPClientRequest(url: "http+unix://\(PercentText.encoded(path))\(target)")
        request.method = .RAW(value: method)
        request.headers.add(name: "host", value: "control")
        request.headers.add(name: "connection", value: "close")
        if let body {
            request.headers.add(name: "content-type", value: type)
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
        return (response.status.code, text, response.headers.first(name: "content-type"))
    }

    private static let one = "/api/endpoints/docker%3Asite/web-1"

    @Test("the list says what is not known as null, and can be of one rule")
    func list() async throws {
        try await Self.serving { path, _ in
            let all = try await Self.ask(path, "GET", "/api/endpoints")
            #expect(all.status == 200 && all.type == "application/json")
            let list = try JSONDecoder().decode(EndpointList.self, from: Data(all.text.utf8))
            #expect(list.endpoints.map(\.rule) == ["docker:site", "mine"] && list.endpoints[0] == Self.reading)
            #expect(all.text.contains("\"ownWeight\":null"))
            let some = try await Self.ask(path, "GET", "/api/endpoints?rule=docker%3Asite").text
            #expect(some.contains("docker:site") && !some.contains("mine"))
            let none = try await Self.ask(path, "GET", "/api/endpoints?rule=nobody")
            #expect(none.status == 404 && none.type == "application/problem+json")
        }
    }

    @Test("an order reaches the desk with its names as they were meant")
    func orders() async throws {
        try await Self.serving { path, orders in
            let drained = try await Self.ask(path, "PATCH", Self.one, body: "{\"drained\":true}")
            #expect(drained.status == 200 && drained.text.contains("\"serving\":1"))
            let target = "/api/endpoints/a%2Fb/%5B%3A%3A1%5D%3A80"
            _ = try await Self.ask(
                path, "PATCH", target, body: "{\"weight\":null}", type: "application/merge-patch+json")
            let alone = try await Self.ask(path, "PATCH", "/api/endpoints/alone/x", body: "{\"weight\":5}")
            #expect(alone.status == 202)
            #expect(
                orders.all.withLock { $0 } == [
                    "docker:site|web-1|\(EndpointPatch(isDrained: true))",
                    "a/b|[::1]:80|\(EndpointPatch(weight: .own))",
                    "alone|x|\(EndpointPatch(weight: .fixed(5)))",
                ])
        }
    }

    @Test("what the desk refuses is a problem with its status")
    func refusals() async throws {
        try await Self.serving { path, _ in
            let unknown = try await Self.ask(path, "PATCH", "/api/endpoints/unknown/x", body: "{\"drained\":true}")
            #expect(unknown.status == 404 && unknown.type == "application/problem+json")
            #expect(unknown.text.contains("found no rule \\\"unknown\\\""))
            let late = try await Self.ask(path, "PATCH", "/api/endpoints/late/x", body: "{\"drained\":true}")
            #expect(late.status == 503)
        }
    }

    @Test("what is not there, and what may not be done")
    func places() async throws {
        try await Self.serving { path, orders in
            for (method, target, status) in [
                ("GET", "/api/endpoint", 404), ("DELETE", "/api/endpoints", 405), ("GET", Self.one, 405),
                ("PATCH", "/api/endpoints/a/b/c", 404), ("GET", "/../../etc/passwd", 404),
            ] as [(String, String, UInt)] {
                let answer = try await Self.ask(path, method, target, body: method == "PATCH" ? "{}" : nil)
                #expect(answer.status == status, "\(method) \(target): \(answer)")
                #expect(answer.type == "application/problem+json")
            }
            // The client would mend these.
            for name in ["%zz", "a%2", "%", "%ff", "%c3%28"] {
                let answer = try await Self.raw(
                    path,
                    "PATCH /api/endpoints/\(name)/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                        + "Content-Length: 16\r\n\r\n{\"drained\":true}", within: .seconds(20))
                #expect(answer?.hasPrefix("HTTP/1.1 400") == true, "\(name): \(answer ?? "nothing")")
            }
            #expect(orders.all.withLock { $0 }.isEmpty)
        }
    }

    @Test(
        "a body that is not what is wanted is told, and reaches nobody",
        arguments: [
            ("", 400), ("nonsense", 400), ("[]", 422), ("null", 422), ("{}", 422), ("{\"drain\":true}", 422),
            ("{\"drained\":true,\"more\":1}", 422), ("{\"drained\":1}", 422), ("{\"drained\":null}", 422),
            ("{\"weight\":1.5}", 422), ("{\"weight\":\"5\"}", 422), ("{\"weight\":1e30}", 422),
            ("{\"drained\":true", 400), (String(repeating: "[", count: 4_000), 400),
            ("{\"drained\":" + String(repeating: " ", count: 5_000) + "true}", 413),
        ] as [(String, UInt)])
    func bodies(_ body: String, _ status: UInt) async throws {
        try await Self.serving { path, orders in
            let answer = try await Self.ask(path, "PATCH", Self.one, body: body)
            #expect(answer.status == status, "\(answer)")
            #expect(answer.type == "application/problem+json")
            let form = try await Self.ask(path, "PATCH", Self.one, body: "drained=true", type: "text/plain")
            #expect(form.status == 415)
            #expect(orders.all.withLock { $0 }.isEmpty)
        }
    }

    // MARK: - Peers that mean no good

    /// Sends bytes and reads until the server closes, or `limit` is over (then `nil`).
    private static func raw(_ path: String, _ bytes: String, within limit: Duration) async throws -> String? {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let end = channel.channel.eventLoop.scheduleTask(in: .init(limit)) { channel.channel.close(promise: nil) }
        let began = ContinuousClock.now
        let text = Mutex("")
        // A server that closes while bytes are on their way resets the connection: that is an end, too.
        try? await channel.executeThenClose { inbound, outbound in
            if !bytes.isEmpty { try? await outbound.write(ByteBuffer(string: bytes)) }
            for try await part in inbound { text.withLock { $0 += String(buffer: part) } }
        }
        end.cancel()
        return began.duration(to: .now) < limit ? text.withLock { $0 } : nil
    }

    @Test("heads beyond the limits, and what is no HTTP, end the connection at once")
    func heads() async throws {
        let long = String(repeating: "x", count: 20_000)
        let attacks = [
            "GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n",
            "GET / HTTP/1.1\r\n" + (0..<500).map { "X\($0): y\r\n" }.joined() + "\r\n",
            "\u{16}\u{3}\u{1}nonsense\r\n\r\n",
            "PATCH \(Self.one) HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "PATCH \(Self.one) HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ]
        try await Self.serving { path, orders in
            for attack in attacks {
                let answer = try await Self.raw(path, attack, within: .seconds(5))
                #expect(answer?.isEmpty == true || answer?.hasPrefix("HTTP/1.1 400") == true, "\(attack.prefix(60))")
            }
            #expect(orders.all.withLock { $0 }.isEmpty)
            #expect(try await Self.ask(path, "GET", "/api/endpoints").status == 200)
        }
    }

    @Test("who says nothing, half a head, or a body that never ends, is closed; the others are served")
    func slow() async throws {
        try await Self.serving({
            $0.limits.idle = .seconds(1)
            $0.limits.longest = .seconds(3)
        }) { path, _ in
            try await withThrowingTaskGroup(of: String?.self) { group in
                for bytes in [
                    "", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n",
                    "PATCH \(Self.one) HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{",
                ] {
                    group.addTask { try await Self.raw(path, bytes, within: .seconds(30)) }
                }
                // The life of a connection is short here, and a machine may be busier than that.
                try await eventually("others to be served") {
                    try await Self.ask(path, "GET", "/api/endpoints").status == 200
                }
                for try await answer in group { #expect(answer != nil) }
            }
        }
    }

    @Test("of very many connections no more are taken than may be, and the next has its turn when they end")
    func many() async throws {
        try await Self.serving({
            $0.limits.connections = 4
            $0.limits.idle = .milliseconds(300)
        }) { path, _ in
            try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<40 { group.addTask { try await Self.raw(path, "", within: .seconds(20)) } }
                #expect(try await Self.ask(path, "GET", "/api/endpoints").status == 200)
                for try await answer in group { #expect(answer != nil) }
            }
        }
    }

    @Test("another user's process is turned away")
    func strangers() async throws {
        try await Self.serving({ $0.mayConnect = { _ in false } }) { path, orders in
            let order = "PATCH \(Self.one) HTTP/1.1\r\nHost: a\r\nContent-Length: 16\r\n\r\n{\"drained\":true}"
            let answer = try await Self.raw(path, order, within: .seconds(5))
            #expect(answer == "")
            #expect(orders.all.withLock { $0 }.isEmpty)
        }
    }

    @Test("a socket that was left behind is replaced, and the new one is its owner's alone")
    func stale() async throws {
        let folder = try TemporaryFolder("control")
        let path = folder("control.sock")
        for _ in 0..<2 {
            let left = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            try await left.close()
            let socket = ControlSocket(path: path, interface: Orders().interface, logger: Self.quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await socket.run() }
                for await _ in socket.ready { break }
                let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
                #expect(mode == 0o600)
                #expect(try await Self.ask(path, "GET", "/api/endpoints").status == 200)
                group.cancelAll()
            }
        }
    }

    @Test("a path that is too long for a socket ends the attempt, and a file in the way is not removed")
    func paths() async throws {
        let folder = try TemporaryFolder("control")
        await ControlSocket(
            path: folder(String(repeating: "x", count: 108)), interface: Orders().interface, logger: Self.quiet
        )
        .run()
        let path = try folder.write("control.sock", "mine")
        let socket = ControlSocket(path: path, interface: Orders().interface, logger: Self.quiet)
        let running = Task { await socket.run() }
        try await Task.sleep(for: .milliseconds(300))
        running.cancel()
        await running.value
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
    }
}

@Suite("Names in a URI")
struct PercentTextTests {
    @Test(
        "every text comes back as it was",
        arguments: ["", "docker:site", "a/b", "[::1]:80", "100%", "a b?c#d", "straße", "\u{0}\n", "~._-"])
    func roundTrip(_ text: String) {
        let encoded = PercentText.encoded(text)
        #expect(encoded.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x3f })
        #expect(PercentText.decoded(encoded) == text)
    }
}

@Suite("The table of endpoints")
struct EndpointTableTests {
    @Test("columns stand under each other, numbers at their end, and a name cannot paint the terminal")
    func table() {
        let text = EndpointTable.text([
            EndpointReading(
                rule: "docker:site", endpoint: "web-1", address: "198.18.1.2:80", state: .ready, weight: 5,
                ownWeight: 1, inFlight: 2, requests: 1_234, opinions: [.init(bars: ["unhealthy"], reason: "refused")]),
            EndpointReading(rule: "x", endpoint: "w\u{1b}[31m", state: .down, reason: "has stopped", isDrained: false),
        ])
        #expect(
            text
                == [
                    "RULE         ENDPOINT     ADDRESS        WEIGHT  TIER  STATE  IN FLIGHT  REQUESTS  NOTE",
                    "docker:site  web-1        198.18.1.2:80       5     0  ready          2      1234  "
                        + "its own weight is 1; unhealthy: refused",
                    "x            w\\u{1b}[31m  -                   -     0  down           -         -  has stopped",
                    "",
                ].joined(separator: "\n"))
    }
}
