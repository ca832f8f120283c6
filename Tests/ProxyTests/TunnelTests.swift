import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("Tunnels", .timeLimit(.minutes(5)))
struct TunnelTests {
    /// Takes an upgrade and sends back whatever comes.
    private static func echoing() throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            guard let head = try peer.requestHead() else { return }
            guard head["upgrade"] != nil else { return try peer.send(ok("plain")) }
            try peer.send(UpgradeTests.switching)
            while case let some = try peer.readSome(), !some.isEmpty { try peer.send(some, reading: true) }
        }
    }

    /// A part of the time that a tunnel may rest.
    private func rest() {
        let deadline = Deadline(120)
        while deadline.left > 0 { pause() }
    }

    private func open(_ proxy: TestProxy) throws -> Peer {
        let client = try proxy.client()
        try client.send(UpgradeTests.upgrade)
        #expect(try client.response().status == 101)
        return client
    }

    @Test("survive a hundred changes: of rules, endpoints, options, settings, trust, and the end of their rule")
    func changes() throws {
        let (one, other) = (try Self.echoing(), try Self.echoing())
        try proxying(site(one)) { proxy throws in
            let tunnels = try (0..<20).map { _ in try open(proxy) }
            for number in 0..<100 {
                switch number % 6 {
                case 0: proxy.adopt(site(other))
                case 1: proxy.adopt([])
                case 2:
                    var rules = site(one, other)
                    rules[0].options = RuleOptions()
                    rules[0].options?.deny = ["127.0.0.0/8"]
                    rules[0].options?.maintenance = true
                    proxy.adopt(rules)
                case 3:
                    proxy.use(
                        quick {
                            $0.trustedProxies = ["127.0.0.0/8"]
                            $0.limits.idlePerEndpoint = 0
                            $0.timeouts.responseIdle = 1
                            $0.timeouts.firstByte = 1
                            $0.timeouts.keepAlive = 1
                            $0.limits.bodyBytes = 1
                        })
                case 4: proxy.use(Settings())
                case _:
                    proxy.adopt(
                        (0..<50).map { Rule(name: "r\($0)", hosts: ["h\($0).test"], endpoints: [one.endpoint]) })
                }
                let tunnel = tunnels[number % tunnels.count]
                try tunnel.send("change \(number)")
                #expect(try tunnel.read("change \(number)".utf8.count).text == "change \(number)")
            }
            let body = pattern(100_000)
            for tunnel in tunnels {
                try tunnel.send(body, reading: true)
                #expect(try tunnel.read(body.count) == body)
            }
            #expect(proxy.books.exchanges == tunnels.count)
            proxy.closeListener("web")
            for tunnel in tunnels {
                try tunnel.send("last")
                tunnel.finish()
                #expect(try tunnel.readToEnd().text == "last")
                #expect(!tunnel.wasReset)
            }
        }
        #expect(one.acceptedCount == 20 && other.acceptedCount == 0)
        #expect(one.faults.isEmpty)
    }

    @Test("are recorded with the bytes of each direction, behind the head and without it")
    func recorded() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send(UpgradeTests.switching + "hello")
            #expect(try peer.readToEnd() == pattern(70_000))
            try peer.send("bye")
        }
        let seen = try records(site(upstream)) { proxy throws in
            let tunnel = try open(proxy)
            #expect(try tunnel.read(5).text == "hello")
            try tunnel.send(pattern(70_000))
            tunnel.finish()
            #expect(try tunnel.readToEnd().text == "bye")
        }
        #expect(upstream.faults.isEmpty)
        let record = try #require(seen.first)
        #expect(seen.count == 1)
        #expect(record["status"] as? Int == 101)
        #expect(record["received"] as? Int == 70_000)
        #expect(record["sent"] as? Int == 8)
        #expect(record["end"] as? String == "complete")
    }

    @Test("that one side has ended still carry the other direction for as long as it moves", arguments: [true, false])
    func halfClosed(_ clientEnds: Bool) throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send(UpgradeTests.switching)
            guard clientEnds else {
                peer.finish()
                #expect(try peer.readToEnd() == pattern(300_000))
                return
            }
            #expect(try peer.readToEnd().isEmpty)
            for _ in 0..<5 {
                try peer.send(pattern(60_000))
                rest()
            }
        }
        // Longer than each pause and shorter than all of them.
        try proxying(site(upstream), settings: quick { $0.timeouts.tunnelIdle = 400 }) { proxy throws in
            let tunnel = try open(proxy)
            guard clientEnds else {
                #expect(try tunnel.readToEnd().isEmpty)
                for place in 0..<5 {
                    try tunnel.send(Array(pattern(300_000)[(place * 60_000)..<(place + 1) * 60_000]))
                    rest()
                }
                tunnel.finish()
                return try waitUntil("the upstream's end") { upstream.openCount == 0 }
            }
            tunnel.finish()
            #expect(try tunnel.readToEnd().count == 300_000)
            #expect(!tunnel.wasReset)
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("that are reset on one side end on the other, and leave nothing behind", arguments: [true, false])
    func reset(_ byClient: Bool) throws {
        let ended = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send(UpgradeTests.switching)
            guard byClient else {
                _ = try peer.read(1)
                return peer.reset()
            }
            _ = try? peer.readToEnd()
            ended.give()
        }
        try proxying(site(upstream)) { proxy throws in
            let tunnel = try open(proxy)
            if byClient {
                tunnel.reset()
                #expect(ended.wait(Peer.patience))
            } else {
                try tunnel.send("x")
                #expect(try tunnel.readToEnd().isEmpty)
            }
        }
    }

    @Test("outlive a drain until its deadline")
    func drained() throws {
        let upstream = try Self.echoing()
        let proxy = try TestProxy(site(upstream))
        let tunnel = try open(proxy)
        proxy.drain(within: 600)
        try tunnel.send("still")
        #expect(try tunnel.read(5).text == "still")
        #expect(proxy.hasEnded(within: Peer.patience))
        #expect(try tunnel.readToEnd().isEmpty)
        #expect(proxy.lastBooks.exchanges == 0)
    }
}
