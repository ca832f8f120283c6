import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

/// One `udp` rule for the listener `dns`.
func datagramRule(
    _ endpoints: [DatagramPeer], idle: Int = 100, pool: PoolOptions? = nil,
    _ change: (inout TransportOptions, inout SessionOptions) -> Void = { _, _ in }
) -> Rule {
    var (transport, sessions) = (TransportOptions(), SessionOptions())
    sessions.idle = idle
    change(&transport, &sessions)
    transport.sessions = sessions
    return Rule(
        name: "names", kind: .udp, listeners: ["dns"], endpoints: endpoints.map(\.endpoint), pool: pool,
        transport: transport)
}

@Suite("Datagrams", .timeLimit(.minutes(1)))
struct DatagramTests {
    @Test("a datagram goes to the endpoint, its answer comes back, and the next takes the same way")
    func thereAndBack() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream])]) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            try client.send("one")
            let first = try upstream.answer("first")
            #expect(try client.text() == "first")
            try client.send("two")
            #expect(try upstream.answer("second") == first)
            #expect(try client.text() == "second")
            #expect(proxy.tally.datagrams.sessions.current == 1)
            #expect(proxy.tally.datagrams.validated.current == 1)
            // Nothing says that a session has one answer for each datagram.
            try upstream.send("third", to: first)
            #expect(try client.text() == "third")
        }
    }

    @Test("each client has a session of its own, and gets its own answers")
    func manyClients() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream], idle: 2_000)]) { proxy in
            let address = try proxy.openDatagrams()
            let clients = try (0..<150).map { _ in try DatagramPeer(to: address) }
            for (number, client) in clients.enumerated() { try client.send("from \(number)") }
            for _ in clients { try upstream.answer() }
            for (number, client) in clients.enumerated() { #expect(try client.text() == "from \(number)") }
            #expect(proxy.books.sessions == 150)
        }
    }

    @Test("datagrams without a byte and of the largest size pass both ways")
    func sizes() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream]) { $1.amplification = 0 }]) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            for size in [0, 1, 1_472, 1_473, 9_000, 65_507] {
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
                try client.send(bytes)
                try upstream.answer()
                #expect(client.receive()?.bytes == bytes, "\(size) bytes")
            }
        }
    }

    @Test("many datagrams of one client go together, whole and in order, in both directions")
    func bulk() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream], idle: 1_000)]) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            try client.send("hello")
            let session = try upstream.answer()
            _ = try client.text()
            func content(_ number: Int) -> [UInt8] {
                let size = number % 7 == 0 ? 100 : number % 50 == 1 ? 0 : 1_200
                return (0..<size).map { UInt8(truncatingIfNeeded: number &+ $0) }
            }
            for round in 0..<5 {
                let numbers = round * 60..<round * 60 + 60
                for number in numbers { try client.send(content(number)) }
                for number in numbers { #expect(upstream.receive()?.bytes == content(number)) }
                for number in numbers { try upstream.send(content(number), to: session) }
                for number in numbers { #expect(client.receive()?.bytes == content(number)) }
            }
            #expect(proxy.tally.datagrams.unforwarded.current + proxy.tally.datagrams.unsent.current == 0)
            #expect(proxy.tally.datagrams.forwarded.current == 301)
        }
    }

    @Test("an answer leaves from the address that was asked, where the listener stands for all")
    func askedAddress() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream])]) { proxy in
            let port = try proxy.openDatagrams(on: "0.0.0.0:0").port
            for host in ["127.0.0.1", "127.0.0.7"] {
                let asked = try #require(SocketAddress(text: "\(host):\(port)"))
                // Not connected: it would take an answer from anybody.
                let client = try DatagramPeer()
                try client.send("asked", to: asked)
                try upstream.answer()
                #expect(client.receive()?.from == asked)
            }
        }
    }

    @Test("IPv6 is served like IPv4, and one may stand before the other")
    func ipv6() throws {
        for (front, back) in [("[::1]:0", "[::1]:0"), ("[::]:0", "127.0.0.1:0"), ("127.0.0.1:0", "[::1]:0")] {
            let upstream = try DatagramPeer(on: back)
            try proxying([datagramRule([upstream])]) { proxy in
                let bound = try proxy.openDatagrams(on: front)
                let host = front.hasPrefix("[") ? "[::1]" : "127.0.0.1"
                let client = try DatagramPeer(to: try #require(SocketAddress(text: "\(host):\(bound.port)")))
                try client.send("hello")
                try upstream.answer("there")
                #expect(try client.text() == "there")
            }
        }
    }
}
