import Contract
import Engine
import Foundation
import Kernel
import TLS
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("PROXY protocol on a listener", .timeLimit(.minutes(5)))
struct ProxiedClientTests {
    private static let line = "PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n"
    private static let local: [UInt8] = signature + [0x20, 0x00, 0, 0]
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
    private static let binary: [UInt8] =
        signature + [0x21, 0x11, 0, 19, 203, 0, 113, 9, 198, 51, 100, 1, 0x12, 0x67, 1, 0xBB]
        + [4, 0, 4, 1, 2, 3, 4]
    private static let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"

    private func trusting(_ change: (inout Settings) -> Void = { _ in }) -> Settings {
        quick {
            $0.trustedProxies = ["127.0.0.0/8"]
            change(&$0)
        }
    }

    private func serving(
        _ mode: Contract.Listener.ProxyProtocol, _ settings: Settings, log: AccessLogSink? = nil,
        _ body: (TestProxy, ScriptedUpstream) throws -> Void
    ) throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: settings, log: log, proxyProtocol: mode) { proxy throws in
            try body(proxy, upstream)
        }
    }

    private func ends(_ proxy: TestProxy, _ bytes: [UInt8]) throws -> Bool {
        let client = try proxy.client()
        // The proxy may close before everything is sent.
        _ = client.offer(bytes)
        return try client.readToEnd().isEmpty
    }

    @Test("the address of a header is the client's for the whole connection", arguments: [true, false])
    func taken(_ isBinary: Bool) throws {
        let header = isBinary ? Self.binary : Array(Self.line.utf8)
        try serving(.required, trusting()) { proxy, upstream throws in
            let client = try proxy.client()
            // The last of them in pieces, the first together with the header.
            try client.send(header + Array((Self.get + Self.get).utf8))
            for _ in 0..<2 { #expect(try client.response().text == "x") }
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n")
            #expect(try client.response().text == "x")
            #expect(upstream.requests.map { $0.all("x-forwarded-for") } == Array(repeating: ["203.0.113.9"], count: 3))
            #expect(upstream.requests.first?["forwarded"] == "for=203.0.113.9;host=\"site.test\";proto=http")
            #expect(proxy.tally.proxyHeaders.current == 1 && proxy.tally.proxyHeadersRefused.current == 0)
        }
    }

    @Test("a header may come byte by byte")
    func dribbled() throws {
        for header in [Array(Self.line.utf8), Self.binary] {
            try serving(.optional, trusting()) { proxy, upstream throws in
                let client = try proxy.client()
                for (place, byte) in header.enumerated() {
                    try client.send([byte])
                    // Each byte is looked at alone, the last one too.
                    try waitUntil("byte \(place) is seen") {
                        proxy.look { worker in
                            (0..<worker.connections.extent).contains {
                                worker.connections.isTaken($0) && worker.connections[$0].role == .client
                                    && worker.connections[$0].scanned == (place + 1 == header.count ? 0 : place + 1)
                            }
                        }
                    }
                }
                #expect(proxy.books.used == 0)
                try client.send(Self.get)
                #expect(try client.response().text == "x")
                #expect(upstream.requests.first?["x-forwarded-for"] == "203.0.113.9")
            }
        }
    }

    @Test("a header without an address leaves the connection's own, which stays trusted")
    func ownAddress() throws {
        try serving(.required, trusting()) { proxy, upstream throws in
            for header in [Self.local, Array("PROXY UNKNOWN\r\n".utf8)] {
                let client = try proxy.client()
                try client.send(
                    header + Array("GET / HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n".utf8))
                #expect(try client.response().text == "x")
            }
            #expect(upstream.requests.map { $0["x-forwarded-for"] } == Array(repeating: "6.6.6.6, 127.0.0.1", count: 2))
        }
    }

    @Test("optional: a trusted client may do without, another's header is no header")
    func optional() throws {
        try serving(.optional, trusting()) { proxy, upstream throws in
            for start in ["", "\r\n\r\n"] { #expect(try proxy.ask(start + Self.get).text == "x") }
            #expect(upstream.requests.map { $0["x-forwarded-for"] } == ["127.0.0.1", "127.0.0.1"])
            #expect(proxy.tally.proxyHeaders.current == 0)
            #expect(try ends(proxy, Array("PROXY / HTTP/1.1\r\n\r\n".utf8)))
            #expect(proxy.tally.proxyHeadersRefused.current == 1)
        }
        try serving(.optional, quick { $0.trustedProxies = ["10.0.0.0/8"] }) { proxy, upstream throws in
            #expect(try proxy.ask(Self.get).text == "x")
            #expect(try proxy.ask(Self.line + Self.get).status == 400)
            #expect(upstream.requests.count == 1)
            #expect(proxy.tally.proxyHeaders.current == 0 && proxy.tally.proxyHeadersUntrusted.current == 0)
        }
    }

    @Test("required: who is not trusted, or sends no header, is not let in")
    func required() throws {
        try serving(.required, trusting()) { proxy, upstream throws in
            let bad = ["GET / HTTP/1.1\r\n", "PROXY TCP4 203.0.113.9 198.51.100.1 4711\r\n", "\u{16}\u{3}\u{1}"]
            for bytes in bad { #expect(try ends(proxy, Array(bytes.utf8)), "\(bytes)") }
            #expect(try ends(proxy, Self.signature + [0x21, 0x12, 0, 0]))
            #expect(try ends(proxy, Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 65, count: 200)))
            #expect(proxy.tally.proxyHeadersRefused.current == 5)
            proxy.use(Settings())
            #expect(try ends(proxy, Array((Self.line + Self.get).utf8)))
            #expect(proxy.tally.proxyHeadersUntrusted.current == 1)
            #expect(upstream.requests.isEmpty && proxy.tally.requests.current == 0)
        }
    }

    @Test("off: a header is a malformed request, whoever sends it")
    func off() throws {
        try serving(.off, trusting()) { proxy, upstream throws in
            #expect(try proxy.ask(Self.line + Self.get).status == 400)
            #expect(upstream.requests.isEmpty)
        }
    }

    @Test("a header that stays away, or stays in pieces, is waited for as long as a head")
    func late() throws {
        for sent in ["", "PROXY TCP4 "] {
            try serving(.required, trusting { $0.timeouts.head = 200 }) { proxy, _ throws in
                #expect(try ends(proxy, Array(sent.utf8)))
                #expect(proxy.tally.clientTimeouts.current == (sent.isEmpty ? 0 : 1))
                #expect(proxy.tally.proxyHeadersRefused.current == (sent.isEmpty ? 0 : 1))
            }
        }
    }

    @Test("a client that ends in the middle of a header is let go at once")
    func cut() throws {
        try serving(.required, trusting()) { proxy, _ throws in
            let client = try proxy.client()
            try client.send("PROXY TCP4 ")
            client.finish()
            #expect(try client.readToEnd().isEmpty)
            #expect(proxy.tally.proxyHeadersRefused.current == 1)
            let other = try proxy.client()
            try other.send("PROXY TCP4 ")
            other.reset()
        }
    }

    @Test("the header's address may be a trusted one: then what it says of others counts too")
    func chained() throws {
        let folder = try TemporaryFolder("proxied")
        let sink = try AccessLogSink(output: .file(folder("access.log")))
        try serving(.required, trusting { $0.trustedProxies.append("203.0.113.0/24") }, log: sink) {
            proxy, upstream throws in
            let request = "GET / HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-For: 192.0.2.77\r\n\r\n"
            #expect(try proxy.ask(Self.line + request).text == "x")
            #expect(upstream.requests.first?["x-forwarded-for"] == "192.0.2.77, 203.0.113.9")
        }
        sink.flush()
        #expect(try System.readFile(folder("access.log")).text.contains("\"client\":\"192.0.2.77\""))
    }

    @Test("a refused request is recorded with the header's address")
    func recorded() throws {
        let folder = try TemporaryFolder("proxied")
        let sink = try AccessLogSink(output: .file(folder("access.log")))
        try serving(.optional, trusting(), log: sink) { proxy, _ throws in
            #expect(try proxy.ask("PROXY TCP6 2001:db8::9 ::1 1 2\r\nBAD\r\n\r\n").status == 400)
        }
        sink.flush()
        #expect(try System.readFile(folder("access.log")).text.contains("\"client\":\"2001:db8::9\""))
    }

    @Test("before TLS: in one segment with the client's hello, by a real client, or not at all")
    func tls() async throws {
        let (folder, certificate) = try await TLSServingTests.made.value
        let upstream = try ScriptedUpstream.saying("hello")
        let proxy = try TestProxy(
            site(upstream), settings: trusting(), certificate: certificate, proxyProtocol: .optional)
        for header in [Self.binary, Array(Self.line.utf8), Self.local, []] {
            let secure = proxy.secure
            let relay = try ScriptedUpstream { client, _ in
                let server = try Peer(to: secure)
                try server.send(header + client.readSome())
                while !client.hasEnded, !server.hasEnded {
                    if try !client.isQuiet(milliseconds: 1) { try server.send(client.readSome()) }
                    if try !server.isQuiet(milliseconds: 1) { try client.send(server.readSome()) }
                }
            }
            let client = try TLSPeer(to: relay.endpoint.address)
            try client.peer.send(Self.get)
            #expect(try client.peer.response().text == "hello")
        }
        #expect(
            upstream.requests.map { $0["x-forwarded-for"] }
                == ["203.0.113.9", "203.0.113.9", "127.0.0.1", "127.0.0.1"])
        #expect(upstream.requests.allSatisfy { $0["x-forwarded-proto"] == "https" })
        let output = try await run(
            "curl",
            [
                "-sS", "--max-time", "15", "--haproxy-protocol", "--cacert", folder("authority.pem"), "--http1.1",
                "--resolve", "site.test:\(proxy.secure.port):127.0.0.1", "https://site.test:\(proxy.secure.port)/",
            ])
        #expect(output.out == "hello", "\(output)")
        #expect(proxy.tally.proxyHeaders.current == 4)
        try proxy.settle()
        proxy.drain(within: 0)
        #expect(proxy.hasEnded(within: Peer.patience))
    }

    @Test("a random beginning leaves nothing behind", arguments: 1...4 as ClosedRange<UInt64>)
    func noise(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        try serving(.optional, trusting { $0.timeouts.head = 300 }) { proxy, _ throws in
            for _ in 0..<60 {
                let client = try proxy.client()
                var bytes = Bool.random(using: &generator) ? Self.binary : Array(Self.line.utf8)
                bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: 0...255, using: &generator)
                _ = client.offer(Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &generator))))
                if Bool.random(using: &generator) { client.reset() }
            }
            try proxy.settle()
            #expect(proxy.books.isSettled)
        }
    }
}
