import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("How long an exchange may take", .timeLimit(.minutes(5)))
struct TimeoutTests {
    private static let post = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\nabc"

    /// One that begins a response and says no more.
    private static func stopping() throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
            _ = try peer.readToEnd()
        }
    }

    /// One that sends a byte of a body without end now and then.
    private static func dribbling() throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while try peer.isQuiet(milliseconds: 20) { try peer.send("x") }
        }
    }

    @Test("a rule's own first byte is shorter or longer than the edge's")
    func firstByte() throws {
        let upstream = try ScriptedUpstream.stalling()
        let short = site(upstream) { $0.timeouts = RuleTimeouts { $0.firstByte = 150 } }
        try proxying(short) { proxy throws in
            expect(try proxy.get(), .upstreamTimeout)
            #expect(proxy.tally.timeouts.firstByte.current == 1)
            #expect(proxy.tally.upstreamTimeouts.current == 1)
        }
        let gate = try Signal()
        let late = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            _ = gate.wait(Peer.patience)
            try peer.send(ok("late"))
        }
        let long = site(late) { $0.timeouts = RuleTimeouts { $0.firstByte = 60_000 } }
        try proxying(long, settings: quick { $0.timeouts.firstByte = 100 }) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.isQuiet(milliseconds: 400))
            gate.give()
            #expect(try client.response().text == "late")
            #expect(proxy.tally.timeouts.firstByte.current == 0)
        }
    }

    @Test("a rule's own body idle answers 408, its own response idle cuts, each under its counter")
    func idle() throws {
        let echo = try ScriptedUpstream.echoing()
        try proxying(site(echo) { $0.timeouts = RuleTimeouts { $0.bodyIdle = 150 } }) { proxy throws in
            expect(try proxy.ask(Self.post), .requestTimeout)
            #expect(proxy.tally.timeouts.bodyIdle.current == 1)
            #expect(proxy.tally.clientTimeouts.current == 1)
        }
        let stopping = try Self.stopping()
        try proxying(site(stopping) { $0.timeouts = RuleTimeouts { $0.responseIdle = 150 } }) { proxy throws in
            let response = try proxy.get()
            #expect(response.status == 200)
            #expect(!response.isWhole)
            #expect(proxy.tally.timeouts.responseIdle.current == 1)
        }
    }

    @Test("a rule's own connect answers 504")
    func connect() throws {
        let full = try FullBacklog()
        var options = RuleOptions()
        options.timeouts = RuleTimeouts { $0.connect = 150 }
        let rules = [Rule(name: "site", hosts: ["site.test"], endpoints: [full.endpoint], options: options)]
        try proxying(rules) { proxy throws in
            expect(try proxy.get(), .connectTimeout)
            #expect(proxy.tally.timeouts.connect.current == 1)
        }
    }

    @Test("a rule's own tunnel idle cuts a tunnel, which the total does not")
    func tunnel() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            while case let some = try peer.readSome(), !some.isEmpty { try peer.send(some) }
        }
        let rules = site(upstream) {
            $0.timeouts = RuleTimeouts {
                $0.tunnelIdle = 600
                $0.total = 200
            }
        }
        try proxying(rules) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            #expect(try client.response().status == 101)
            for _ in 0..<5 {
                #expect(try client.isQuiet(milliseconds: 100))
                try client.send("x")
                #expect(try client.read(1).text == "x")
            }
            #expect(try client.readToEnd().isEmpty)
            #expect(proxy.tally.timeouts.tunnelIdle.current == 1)
            #expect(proxy.tally.timeouts.total.current == 0)
        }
    }

    @Test("the total answers 504 for a response that is not there, 408 for a request that is not, and cuts what moves")
    func total() throws {
        let settings = quick { $0.timeouts.total = 200 }
        let silent = try ScriptedUpstream.stalling()
        try proxying(site(silent), settings: settings) { proxy throws in
            expect(try proxy.get(), .exchangeTimeout)
            #expect(proxy.tally.timeouts.total.current == 1)
            try waitUntil("the upstream's connection ends") { silent.openCount == 0 }
            // Whose body goes on coming, byte by byte.
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 100000\r\n\r\n")
            while try client.isQuiet(milliseconds: 20) { _ = client.offer([120]) }
            expect(try client.response(), .requestTimeout)
            #expect(proxy.tally.timeouts.total.current == 2)
        }
        let dribbling = try Self.dribbling()
        try proxying(site(dribbling), settings: settings) { proxy throws in
            let response = try proxy.get()
            #expect(response.status == 200)
            #expect(!response.isWhole)
            #expect(!response.body.isEmpty)
            #expect(proxy.tally.timeouts.total.current == 1)
        }
        let full = try FullBacklog()
        try proxying(
            [Rule(name: "site", hosts: ["site.test"], endpoints: [full.endpoint])], settings: settings
        ) { proxy throws in
            expect(try proxy.get(), .exchangeTimeout)
            #expect(proxy.tally.timeouts.connect.current == 0)
        }
    }

    @Test("a rule is free of the edge's total where it says so, and a connection's next exchange has its own")
    func ownTotal() throws {
        let dribbling = try Self.dribbling()
        let free = site(dribbling) { $0.timeouts = RuleTimeouts { $0.total = 0 } }
        try proxying(free, settings: quick { $0.timeouts.total = 100 }) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            _ = try client.read(through: "\r\n\r\n")
            let began = Clock.monotonic()
            while Clock.monotonic() - began < 500_000_000 { #expect(try !client.readSome().isEmpty) }
            #expect(proxy.tally.timeouts.total.current == 0)
        }
        let quickly = try ScriptedUpstream.saying("x")
        try proxying(site(quickly), settings: quick { $0.timeouts.total = 250 }) { proxy throws in
            let client = try proxy.client()
            for _ in 0..<5 {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(try client.response().text == "x")
                #expect(try client.isQuiet(milliseconds: 100))
            }
        }
    }
}

extension RuleTimeouts {
    init(_ change: (inout RuleTimeouts) -> Void) {
        self.init()
        change(&self)
    }
}
