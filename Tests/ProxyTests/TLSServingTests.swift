import Contract
import Glibc
import Kernel
import TLS
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("The same over TLS", .timeLimit(.minutes(5)))
struct TLSServingTests {
    /// A certificate for site.test, made once by the program that makes those for development.
    static let made = Task { try await make() }

    private static func make() async throws -> (folder: TemporaryFolder, certificate: CertificateInput) {
        let folder = try TemporaryFolder("certs")
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        try await run("sh", ["\(root)/certs/make.sh", folder.path])
        let (chain, key) = (try System.readFile(folder("local.pem")), try System.readFile(folder("local.key")))
        return (folder, CertificateInput(name: "local", chain: chain.text, key: key.text))
    }

    private func serving(
        _ rules: [Rule], settings: Settings = Settings(), _ body: (TestProxy) throws -> Void
    ) async throws {
        try proxying(rules, settings: settings, certificate: try await Self.made.value.certificate, body)
    }

    @Test("requests, pipelines, chunks and local answers")
    func essentials() async throws {
        let upstream = try ScriptedUpstream.echoing()
        try await serving(site(upstream)) { proxy throws in
            let client = try TLSPeer(proxy)
            let head = "POST / HTTP/1.1\r\nHost: site.test\r\n"
            try client.peer.send(
                head + "Content-Length: 5\r\n\r\nhello" + head
                    + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            try client.peer.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
            #expect(try client.peer.response().text == "hello")
            #expect(try client.peer.response().text == "abc")
            expect(try client.peer.response(), .noRoute)
            for size in [16_383, 16_384, 16_385, 65_537, 3_000_000] {
                let body = pattern(size)
                try client.peer.send(Array((head + "Content-Length: \(size)\r\n\r\n").utf8) + body, reading: true)
                #expect(try client.peer.response().body == body, "\(size)")
            }
            #expect(proxy.tally.handshakes.current == 1)
        }
    }

    @Test("the upstream is told of https and the secure port")
    func forwarding() async throws {
        let upstream = try ScriptedUpstream.saying("x")
        try await serving([Rule(name: "site", hosts: ["site.test"], tls: .required, endpoints: [upstream.endpoint])]) {
            proxy throws in
            let client = try TLSPeer(proxy)
            try client.peer.send("GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")
            #expect(try client.peer.response().text == "x")
            let request = try #require(upstream.requests.first)
            #expect(request["x-forwarded-proto"] == "https")
            #expect(request["x-forwarded-port"] == "\(proxy.secure.port)")
            #expect(request["forwarded"] == "for=127.0.0.1;host=\"site.test\";proto=https")
            #expect(try client.peer.readToEnd().isEmpty)
            #expect(try proxy.get().status == 308)
        }
    }

    @Test("a slow client of a large response gets it whole")
    func slow() async throws {
        let body = pattern(8 << 20)
        let upstream = try ScriptedUpstream.once(
            Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body)
        try await serving(site(upstream)) { proxy throws in
            let client = try TLSPeer(proxy)
            try client.peer.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try waitUntil("much has moved") { proxy.tally.responseBytes.current > 100_000 }
            #expect(proxy.books.used <= 3)
            #expect(try client.peer.response().body == body)
        }
    }

    @Test("a tunnel")
    func tunnel() async throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send(UpgradeTests.switching)
            while case let some = try peer.readSome(), !some.isEmpty { try peer.send(some, reading: true) }
        }
        try await serving(site(upstream)) { proxy throws in
            let client = try TLSPeer(proxy)
            try client.peer.send(UpgradeTests.upgrade)
            #expect(try client.peer.response().status == 101)
            for size in [1, 16_384, 100_000] {
                try client.peer.send(pattern(size), reading: true)
                #expect(try client.peer.read(size) == pattern(size))
            }
        }
    }

    @Test("a client that only shakes hands, or does not even that, is closed in time")
    func timeouts() async throws {
        let upstream = try ScriptedUpstream.saying("x")
        let settings = quick {
            $0.timeouts.head = 400
            $0.timeouts.handshake = 400
        }
        try await serving(site(upstream), settings: settings) { proxy throws in
            let silent = try Peer(to: proxy.secure)
            let shaken = try TLSPeer(proxy)
            #expect(try silent.readToEnd().isEmpty)
            #expect(try shaken.peer.readToEnd().isEmpty)
        }
    }

    @Test("plain HTTP on a secure listener ends the connection, and nobody else's")
    func plainHTTP() async throws {
        let upstream = try ScriptedUpstream.saying("x")
        try await serving(site(upstream)) { proxy throws in
            let client = try Peer(to: proxy.secure)
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.readToEnd().firstPlace(of: Array("200 OK".utf8)) == nil)
            #expect(proxy.tally.handshakeFailures.current == 1)
            let good = try TLSPeer(proxy)
            try good.peer.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try good.peer.response().text == "x")
        }
    }

    @Test("curl trusts the chain and gets the page")
    func curl() async throws {
        let upstream = try ScriptedUpstream.saying("hello")
        let (folder, certificate) = try await Self.made.value
        let proxy = try TestProxy(site(upstream), certificate: certificate)
        let output = try await run(
            "curl",
            [
                "-sS", "--max-time", "15", "--cacert", folder("authority.pem"), "--http1.1", "--resolve",
                "site.test:\(proxy.secure.port):127.0.0.1", "https://site.test:\(proxy.secure.port)/",
            ])
        #expect(output.out == "hello")
        try proxy.settle()
        proxy.drain(within: 0)
        #expect(proxy.hasEnded(within: Peer.patience))
    }
}

/// A client of TLS: the program `openssl s_client` between a plain connection of ours and the proxy.
final class TLSPeer {
    let peer: Peer
    private let program: CInt

    convenience init(_ proxy: TestProxy) throws { try self.init(to: "\(proxy.secure)") }

    init(to server: String, name: String = "site.test", _ more: [String] = []) throws {
        let listener = try Socket.listen(on: SocketAddress(ipv4: 0x7f00_0001, port: 0))
        let address = Socket.localAddress(listener.raw) ?? SocketAddress(ipv4: 0, port: 0)
        peer = try Peer(to: address)
        guard case .connection(let socket, _) = Socket.accept(listener.raw) else { throw PeerFault.late("ourselves") }
        defer { Socket.close(socket) }
        // The program expects descriptors that block.
        guard fcntl(socket, F_SETFL, 0) == 0 else { throw PeerFault.failed(errno) }
        let silence = try System.openForAppending("/dev/null")
        let arguments = ["-quiet", "-connect", server, "-servername", name] + more
        program = try uncopied {
            try ChildProcess.spawn(
                ProgramStart(path: "/usr/bin/openssl", arguments: ["s_client"] + arguments),
                descriptors: [socket, socket, silence.raw])
        }
    }

    deinit {
        ChildProcess.kill(program)
        try? waitUntil("openssl ends") { ChildProcess.reap(program) != nil }
    }
}
