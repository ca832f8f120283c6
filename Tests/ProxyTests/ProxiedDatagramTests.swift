import Bytes
import Contract
import Kernel
import ProxyProtocol
import Telemetry
import Testing

@testable import Proxy

@Suite("PROXY protocol of datagrams", .timeLimit(.minutes(1)))
struct ProxiedDatagramTests {
    /// A header of version 2 for datagrams, with the bytes behind it.
    private func proxied(_ source: String, to destination: String, _ text: String) throws -> [UInt8] {
        var pool = BufferPool()
        let buffer = pool.take(.small)
        defer { pool.give(buffer) }
        let (from, to) = (try #require(SocketAddress(text: source)), try #require(SocketAddress(text: destination)))
        let nothing: [UInt8] = []
        buffer.append(
            proxyHeader2: ProxiedAddress(from), to: ProxiedAddress(to), .datagram, extensions: nothing.span)
        return [UInt8](copying: buffer.readable) + Array(text.utf8)
    }

    private let trusting = quick { $0.trustedProxies = ["127.0.0.0/8"] }

    @Test("each client that a trusted proxy speaks for has a session, and is told to the endpoint")
    func acceptedAndSent() throws {
        let upstream = try DatagramPeer()
        let lines = try recordLines(
            [datagramRule([upstream], idle: 300) { transport, _ in transport.proxyProtocol = .v2 }],
            settings: trusting
        ) { proxy in
            let front = try DatagramPeer(to: try proxy.openDatagrams(proxyProtocol: .required))
            for client in ["192.0.2.1:1000", "192.0.2.2:1000", "[2001:db8::1]:1000"] {
                let destination = client.hasPrefix("[") ? "[2001:db8::53]:53" : "198.51.100.53:53"
                let whole = try proxied(client, to: destination, client)
                try front.send(whole)
                let came = try #require(upstream.receive())
                // The endpoint gets a header of ours that says the same.
                #expect(came.bytes == whole)
                try upstream.send("for \(client)", to: came.from)
                #expect(try front.text() == "for \(client)")
            }
            #expect(proxy.tally.datagrams.sessions.current == 3)
            #expect(proxy.tally.proxyHeaders.current == 3)
        }
        #expect(lines.contains { $0.contains(#""client":"2001:db8::1""#) })
    }

    @Test("what is missing, malformed or from strangers goes nowhere, and is counted")
    func refused() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream])], settings: trusting) { proxy in
            let front = try DatagramPeer(to: try proxy.openDatagrams(proxyProtocol: .required))
            let whole = try proxied("192.0.2.1:1000", to: "198.51.100.53:53", "")
            try front.send("no header")
            try front.send([])
            for count in [12, 15, 27] { try front.send(Array(whole.prefix(count))) }
            var stream = whole
            stream[13] = 0x11
            try front.send(stream)
            // A datagram without a byte behind its header is one.
            try front.send(whole)
            #expect(upstream.receive()?.bytes == [])
            try waitUntil("all were looked at") { proxy.tally.datagrams.headersRefused.current == 6 }
        }
        try proxying([datagramRule([upstream])]) { proxy in
            let stranger = try DatagramPeer(to: try proxy.openDatagrams(proxyProtocol: .required))
            try stranger.send(try proxied("192.0.2.1:1000", to: "198.51.100.53:53", "x"))
            try waitUntil("it was looked at") { proxy.tally.datagrams.untrusted.current == 1 }
            #expect(upstream.receive(within: 20) == nil)
        }
    }

    @Test("where a header is optional, clients may speak for themselves; a stranger's header is its own bytes")
    func optional() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream])], settings: trusting) { proxy in
            let front = try DatagramPeer(to: try proxy.openDatagrams(proxyProtocol: .optional))
            try front.send("plain")
            #expect(try upstream.text() == "plain")
            try front.send(try proxied("192.0.2.1:1000", to: "198.51.100.53:53", "proxied"))
            #expect(try upstream.text() == "proxied")
        }
        try proxying([datagramRule([upstream])]) { proxy in
            let stranger = try DatagramPeer(to: try proxy.openDatagrams(proxyProtocol: .optional))
            let whole = try proxied("192.0.2.1:1000", to: "198.51.100.53:53", "x")
            try stranger.send(whole)
            #expect(upstream.receive()?.bytes == whole)
        }
    }

    @Test("datagrams that go together have a header each")
    func bulk() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream], idle: 300) { transport, _ in transport.proxyProtocol = .v2 }]) { proxy in
            let address = try proxy.openDatagrams()
            let client = try DatagramPeer(to: address)
            for number in 0..<50 { try client.send([UInt8](repeating: UInt8(number), count: number == 49 ? 3 : 1_000)) }
            let header = try proxied("\(client.address)", to: "\(address)", "")
            for number in 0..<50 {
                let came = try #require(upstream.receive()).bytes
                #expect(came == header + [UInt8](repeating: UInt8(number), count: number == 49 ? 3 : 1_000))
            }
        }
    }
}
