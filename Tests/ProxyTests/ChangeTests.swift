import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("Changes while traffic flows", .timeLimit(.minutes(5)))
struct ChangeTests {
    /// Answers when it is told to.
    private func gated(_ text: String, _ gate: Signal) throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            while let request = try peer.request() {
                if request.target == "/slow" { _ = gate.wait(Peer.patience) }
                try peer.send(ok(text))
            }
        }
    }

    @Test("an exchange in flight ends on the endpoint where it began; the next goes to the new one")
    func adoption() throws {
        let gate = try Signal()
        let (old, new) = (try gated("old", gate), try gated("new", gate))
        try proxying(site(old)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET /slow HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try waitUntil("the old one has it") { old.openCount == 1 }
            proxy.adopt(site(new))
            #expect(try proxy.get().text == "new")
            #expect(proxy.books.tables == 2)
            gate.give()
            #expect(try client.response().text == "old")
            // Its connection leads nowhere any more.
            try waitUntil("the old one's connection ends") { old.openCount == 0 }
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.response().text == "new")
            #expect(proxy.books.tables == 1)
        }
    }

    @Test("pooled connections to endpoints that went are closed, to those that stayed are used")
    func pooled() throws {
        let gate = try Signal()
        let (gone, kept) = (try gated("gone", gate), try gated("kept", gate))
        let rules = [
            Rule(name: "a", hosts: ["a.test"], endpoints: [gone.endpoint]),
            Rule(name: "b", hosts: ["b.test"], endpoints: [kept.endpoint]),
        ]
        try proxying(rules) { proxy throws in
            #expect(try proxy.get(host: "a.test").text == "gone")
            #expect(try proxy.get(host: "b.test").text == "kept")
            try waitUntil("both are pooled") { proxy.books.pooled == 2 }
            proxy.adopt([rules[1], Rule(name: "c", hosts: ["c.test"], endpoints: [kept.endpoint])])
            try waitUntil("one ends") { gone.openCount == 0 }
            #expect(try proxy.get(host: "a.test").status == 404)
            #expect(try proxy.get(host: "b.test").text == "kept")
            #expect(try proxy.get(host: "c.test").text == "kept")
        }
        #expect(kept.acceptedCount == 1)
    }

    @Test("a rule that loses its endpoints answers 503, and serves again when it gets one")
    func emptied() throws {
        let gate = try Signal()
        let upstream = try gated("x", gate)
        try proxying(site(upstream)) { proxy throws in
            #expect(try proxy.get().text == "x")
            proxy.adopt(site())
            expect(try proxy.get(), .noEndpoint)
            proxy.adopt(site(upstream))
            #expect(try proxy.get().text == "x")
        }
    }

    @Test("a thousand changes drop no connection and leave one table")
    func many() throws {
        let gate = try Signal()
        let (one, other) = (try gated("x", gate), try gated("x", gate))
        try proxying(site(one)) { proxy throws in
            let client = try proxy.client()
            for number in 0..<1_000 {
                proxy.adopt(site(number % 2 == 0 ? other : one))
                if number % 10 == 0 {
                    try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                    #expect(try client.response().text == "x")
                }
            }
            #expect(proxy.books.tables == 1)
        }
    }

    @Test("a listener that is closed accepts nobody, and the connections it accepted live on")
    func closedListener() throws {
        let gate = try Signal()
        let upstream = try gated("x", gate)
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.response().text == "x")
            proxy.closeListener("web")
            #expect(proxy.books.listeners == 2)
            #expect(throws: PeerFault.self) { try proxy.client() }
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.response().text == "x")
        }
    }

    @Test("a drain closes idle connections at once, lets the busy finish, and tells them that it is the last time")
    func drain() throws {
        let gate = try Signal()
        let upstream = try gated("x", gate)
        let proxy = try TestProxy(site(upstream))
        let (idle, busy, partial) = (try proxy.client(), try proxy.client(), try proxy.client())
        for client in [idle, busy, partial] {
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.response().text == "x")
        }
        try busy.send("GET /slow HTTP/1.1\r\nHost: site.test\r\n\r\n")
        try partial.send("GET / HTTP/1.1\r\n")
        try waitUntil("both have begun") { proxy.tally.requests.current == 4 && proxy.books.used >= 1 }
        proxy.drain(within: Peer.patience)
        #expect(try idle.readToEnd().isEmpty)
        #expect(!proxy.hasEnded(within: 50))
        gate.give()
        let answer = try busy.response()
        #expect(answer.text == "x" && answer["connection"] == "close")
        #expect(try busy.readToEnd().isEmpty)
        try partial.send("Host: site.test\r\n\r\n")
        #expect(try partial.response()["connection"] == "close")
        #expect(proxy.hasEnded(within: Peer.patience))
        #expect(proxy.lastBooks.connections == 1)
        #expect(throws: PeerFault.self) { try proxy.client() }
    }

    @Test("a connection whose response had begun before the drain ends behind it")
    func drainInTheMiddle() throws {
        let gate = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.request()
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
            _ = gate.wait(Peer.patience)
            try peer.send("later")
            _ = try peer.readToEnd()
        }
        let proxy = try TestProxy(site(upstream))
        let client = try proxy.client()
        try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
        #expect(try client.read(through: "first") != nil)
        proxy.drain(within: Peer.patience)
        gate.give()
        #expect(try client.readToEnd().text == "later")
        #expect(proxy.hasEnded(within: 5_000))
    }

    @Test("what is not done at the drain's deadline is cut off")
    func deadline() throws {
        let upstream = try ScriptedUpstream.stalling()
        let proxy = try TestProxy(site(upstream))
        let client = try proxy.client()
        try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
        try waitUntil("the upstream has it") { upstream.openCount == 1 }
        proxy.drain(within: 200)
        #expect(try client.readToEnd().isEmpty)
        #expect(proxy.hasEnded(within: Peer.patience))
        #expect(proxy.lastBooks.exchanges == 0 && proxy.lastBooks.connections == 1)
        try waitUntil("the upstream's connection ends") { upstream.openCount == 0 }
    }
}
