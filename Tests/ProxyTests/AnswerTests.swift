import Contract
import HTTP
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("What the proxy answers itself", .timeLimit(.minutes(5)))
struct AnswerTests {
    @Test("the table has a sentence for each row, which needs no escapes in JSON or HTML")
    func table() {
        for answer in Proxy.Answer.allCases {
            let text = "\(answer.detail)"
            #expect(text.hasSuffix(".") && text.first?.isUppercase == true)
            #expect(text.utf8.allSatisfy { (0x20...0x7e).contains($0) && !"\"\\<>&".utf8.contains($0) })
            #expect((answer.retryAfter > 0) == (answer.status == 503))
        }
    }

    @Test("404 for a host that no rule names, and the connection goes on")
    func noRoute() throws {
        let upstream = try ScriptedUpstream.saying("hello")
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
            let answer = try client.response()
            expect(answer, .noRoute)
            #expect(answer["connection"] == nil)
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.response().text == "hello")
        }
    }

    @Test("503 with Retry-After for a rule without endpoints, 503 without any table")
    func unavailable() throws {
        try proxying([Rule(name: "site", hosts: ["site.test"])]) { proxy throws in
            let answer = try proxy.get()
            expect(answer, .noEndpoint)
            #expect(answer["retry-after"] == "5")
        }
        try proxying(nil) { proxy throws in expect(try proxy.get(), .overloaded) }
    }

    @Test(
        "400, 413, 414, 431, 501 and 505 for what is no request that can be served, and the connection ends",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", Proxy.Answer.badRequest),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .badRequest),
            ("GET / HTTP/1.1\nHost: site.test\n\n", .badRequest),
            ("GET / HTTP/1.1\r\nHost: site.test\r\nX : 1\r\n\r\n", .badRequest),
            (
                "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                .badRequest
            ),
            ("\u{0}\u{1}\u{2}\r\n\r\n", .badRequest),
            ("GET / HTTP/1.1\r\nHost: site.test\r\nX: \(String(repeating: "x", count: 40_000))\r\n\r\n", .headTooLarge),
            ("GET /\(String(repeating: "x", count: 40_000)) HTTP/1.1\r\nHost: site.test\r\n\r\n", .targetTooLong),
            ("GET / HTTP/1.1\r\nHost: site.test\r\n\(String(repeating: "X: 1\r\n", count: 200))\r\n", .headTooLarge),
            ("CONNECT site.test:443 HTTP/1.1\r\nHost: site.test\r\n\r\n", .notImplemented),
            ("POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .notImplemented),
            ("GET / HTTP/3.0\r\nHost: site.test\r\n\r\n", .versionNotSupported),
        ])
    func refused(_ request: String, _ wanted: Proxy.Answer) throws {
        let upstream = try ScriptedUpstream.saying("never")
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(request)
            let answer = try client.response()
            expect(answer, wanted)
            #expect(answer["connection"] == "close")
            #expect(try client.readToEnd().isEmpty)
            #expect(!client.wasReset)
        }
        #expect(upstream.acceptedCount == 0)
    }

    @Test("400 for a path that leads above the root", arguments: ["/../etc/passwd", "/a/../../b", "/%2e%2e/x"])
    func aboveTheRoot(_ path: String) throws {
        let upstream = try ScriptedUpstream.saying("never")
        try proxying(site(upstream)) { proxy throws in expect(try proxy.get(path), .badTarget) }
    }

    @Test("413 for a body beyond the limit: at once when it is announced, as soon as it is seen when not")
    func bodyTooLarge() throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(site(upstream), settings: quick { $0.limits.bodyBytes = 1_000 }) { proxy throws in
            let head = "POST / HTTP/1.1\r\nHost: site.test\r\n"
            let whole = String(repeating: "b", count: 1_000)
            #expect(try proxy.ask(head + "Content-Length: 1000\r\n\r\n" + whole).text == whole)
            expect(try proxy.ask(head + "Content-Length: 1001\r\n\r\n"), .bodyTooLarge)
            let chunked = head + "Transfer-Encoding: chunked\r\n\r\n3e8\r\n\(whole)\r\n"
            #expect(try proxy.ask(chunked + "0\r\n\r\n").text == whole)
            expect(try proxy.ask(chunked + "1\r\nx\r\n"), .bodyTooLarge)
        }
    }

    @Test("408 for a head that does not come in time, silence for a client that sent nothing")
    func headTimeout() throws {
        let upstream = try ScriptedUpstream.saying("hello")
        try proxying(site(upstream), settings: quick { $0.timeouts.head = 150 }) { proxy throws in
            let (slow, silent) = (try proxy.client(), try proxy.client())
            try slow.send("GET / HTTP/1.1\r\nHost: si")
            expect(try slow.response(), .requestTimeout)
            #expect(try slow.readToEnd().isEmpty)
            #expect(try silent.readToEnd().isEmpty)
        }
    }

    @Test("408 for a head of which a byte comes now and then")
    func dribbledHead() throws {
        let upstream = try ScriptedUpstream.saying("hello")
        try proxying(site(upstream), settings: quick { $0.timeouts.head = 250 }) { proxy throws in
            let slow = try proxy.client()
            let began = Clock.monotonic()
            for byte in Array("GET / HTTP/1.1\r\nHost: site.test\r\nX-Long: \(String(repeating: "x", count: 500))".utf8)
            {
                guard try slow.isQuiet(milliseconds: 20) else { break }
                try slow.send([byte])
            }
            expect(try slow.response(), .requestTimeout)
            #expect(Clock.monotonic() - began < 5_000_000_000)
        }
    }

    @Test("408 for a body that stops coming")
    func bodyTimeout() throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(site(upstream), settings: quick { $0.timeouts.bodyIdle = 150 }) { proxy throws in
            expect(
                try proxy.ask("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\nabc"), .requestTimeout)
        }
    }

    @Test("504 for an upstream that takes the request and says nothing, and that connection ends")
    func firstByteTimeout() throws {
        let upstream = try ScriptedUpstream.stalling()
        try proxying(site(upstream), settings: quick { $0.timeouts.firstByte = 150 }) { proxy throws in
            expect(try proxy.get(), .upstreamTimeout)
            try waitUntil("the upstream's connection ends") { upstream.openCount == 0 }
        }
    }

    @Test("504 for an upstream that does not take the body, though it is the client that sends it")
    func stuckUpload() throws {
        let answered = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            _ = answered.wait(Peer.patience)
        }
        try proxying(site(upstream), settings: quick { $0.timeouts.bodyIdle = 300 }) { proxy throws in
            let client = try proxy.client()
            let size = 64 << 20
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: \(size)\r\n\r\n")
            let block = [UInt8](repeating: 1, count: 1 << 20)
            let deadline = Deadline(Peer.patience)
            while deadline.left > 0, try client.isQuiet(milliseconds: 5) { _ = client.offer(block) }
            expect(try client.response(), .upstreamTimeout)
            answered.give()
        }
    }

    @Test("502 when every endpoint refuses, whatever the method")
    func refusedEverywhere() throws {
        let rules = [
            Rule(
                name: "site", hosts: ["site.test"],
                endpoints: try (0..<3).map { _ in Endpoint(address: "127.0.0.1:\(try freePort())") })
        ]
        try proxying(rules) { proxy throws in
            expect(try proxy.get(), .connectFailed)
            let post = try proxy.ask("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc")
            expect(post, .connectFailed)
            #expect(proxy.tally.upstreamConnectFailures.current == 6)
        }
    }

    @Test("504 when no endpoint takes a connection in time")
    func connectTimeout() throws {
        let full = try FullBacklog()
        let rules = [Rule(name: "site", hosts: ["site.test"], endpoints: [full.endpoint])]
        try proxying(rules, settings: quick { $0.timeouts.connect = 150 }) { proxy throws in
            expect(try proxy.get(), .connectTimeout)
        }
    }

    @Test("502 for an upstream that closes without a word")
    func upstreamClosed() throws {
        let upstream = try ScriptedUpstream.earlyCloser()
        try proxying(site(upstream)) { proxy throws in expect(try proxy.get(), .upstreamClosed) }
    }

    @Test(
        "502 for a response that is no HTTP/1.1",
        arguments: [
            "garbage\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 40_000))\r\n\r\n", "HTTP/1.1 200",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "\u{0}",
        ])
    func malformedResponse(_ response: String) throws {
        let upstream = try ScriptedUpstream.once(Array(response.utf8))
        try proxying(site(upstream)) { proxy throws in expect(try proxy.get(), .upstreamMalformed) }
    }

    @Test("an answer to HEAD has the length of its body and no body")
    func head() throws {
        try proxying([]) { proxy throws in
            let client = try proxy.client()
            try client.send(
                "HEAD / HTTP/1.1\r\nHost: x.test\r\n\r\nGET / HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n")
            let head = try client.response(toHead: true)
            #expect(head.status == 404)
            #expect(head["content-length"] == "\(Proxy.Answer.noRoute.problem.utf8.count)")
            expect(try client.response(), .noRoute)
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("a body that came with a request answered here is stepped over; one still to come ends the connection")
    func skippedBodies() throws {
        try proxying([]) { proxy throws in
            let client = try proxy.client()
            let post = "POST / HTTP/1.1\r\nHost: x.test\r\nContent-Length: 5\r\n\r\n"
            try client.send(post + "12345" + post + "12345")
            for _ in 0..<2 {
                let answer = try client.response()
                expect(answer, .noRoute)
                #expect(answer["connection"] == nil)
            }
            try client.send(post + "123")
            #expect(try client.response()["connection"] == "close")
            #expect(try client.readToEnd().isEmpty)
        }
    }
}

/// The answer is this row of the table, whole.
func expect(_ message: Message, _ wanted: Proxy.Answer, at place: SourceLocation = #_sourceLocation) {
    #expect(message.status == wanted.status, sourceLocation: place)
    #expect(message.text == wanted.problem, sourceLocation: place)
    #expect(message["content-type"] == "application/problem+json", sourceLocation: place)
    #expect(message["cache-control"] == "no-store", sourceLocation: place)
    #expect(message["date"]?.hasSuffix(" GMT") == true, sourceLocation: place)
}

extension Proxy.Answer {
    /// The body for those who do not ask for pages.
    var problem: String {
        "{\"type\":\"about:blank\",\"title\":\"\(statusText(status))\",\"status\":\(status),\"detail\":\"\(detail)\"}\n"
    }
}

/// A listening socket whose queue is full: connecting to it neither succeeds nor fails.
final class FullBacklog {
    private let listener: CInt
    private var waiting: [CInt] = []
    let endpoint: Endpoint

    init() throws {
        listener = try Socket.listen(on: SocketAddress(ipv4: 0x7f00_0001, port: 0), backlog: 0).release()
        let address = Socket.localAddress(listener) ?? SocketAddress(ipv4: 0, port: 0)
        endpoint = Endpoint(address: address.description)
        for _ in 0..<4 {
            switch Socket.connect(to: address) {
            case .connected(let socket), .inProgress(let socket): waiting.append(socket)
            case .failed(let code): throw PeerFault.failed(code)
            }
        }
    }

    deinit { for socket in waiting + [listener] { Socket.close(socket) } }
}
