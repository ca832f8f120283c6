import Bytes
import Contract
import Engine
import Kernel
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// One rule for `site.test` that holds.
func holding(_ endpoints: [Endpoint], _ change: (inout Holding) -> Void = { _ in }) -> [Rule] {
    var holding = Holding()
    // Longer than a slow machine takes for any of these tests.
    holding.time = 60_000
    change(&holding)
    return [Rule(name: "site", hosts: ["site.test"], endpoints: endpoints, holding: holding)]
}

private let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"

extension TestProxy {
    /// Waits until so many exchanges are held.
    func waitUntilHeld(_ count: UInt64) throws {
        try waitUntil("\(count) are held") {
            tally.holding.now.current == count
        } orTell: {
            "\(tally.holding.now.current)"
        }
    }
}

@Suite("Requests that are held", .timeLimit(.minutes(5)))
struct HoldingTests {
    @Test("while nobody listens requests wait, with their bodies and what is pipelined behind them, and are served")
    func refusedThenListening() throws {
        let port = try freePort()
        try proxying(holding([Endpoint(address: "127.0.0.1:\(port)")])) { proxy throws in
            let clients = try (0..<3).map { _ in try proxy.client() }
            try clients[0].send(get + get)
            let body = String(repeating: "b", count: 300_000)
            try clients[1].send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 300000\r\n\r\n" + body.prefix(9))
            try clients[2].send("PUT / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            try proxy.waitUntilHeld(3)
            #expect(try clients[0].isQuiet(milliseconds: 250))
            let upstream = try ScriptedUpstream.echoing(at: "127.0.0.1:\(port)")
            try clients[1].send(String(body.dropFirst(9)))
            try clients[2].send("0\r\n\r\n")
            #expect(try clients[1].response().text == body)
            #expect(try clients[2].response().text == "abc")
            for _ in 0..<2 { #expect(try clients[0].response().status == 200) }
            for client in clients {
                try client.send(get)
                #expect(try client.response().status == 200)
                client.close()
            }
            #expect(proxy.tally.holding.held.current == 3)
            #expect(proxy.tally.holding.served.current == 3)
            #expect(proxy.tally.holding.now.current == 0)
            _ = upstream
        }
    }

    @Test("a rule that lost its endpoints holds until it has others, also over a time when it is gone")
    func emptiedThenFilled() throws {
        let (old, new) = (try ScriptedUpstream.saying("old"), try ScriptedUpstream.saying("new"))
        let other = Rule(name: "other", hosts: ["other.test"], endpoints: [old.endpoint])
        try proxying(holding([old.endpoint])) { proxy throws in
            let (first, second) = (try proxy.client(), try proxy.client())
            try first.send(get)
            #expect(try first.response().text == "old")
            proxy.adopt(holding([]))
            try first.send(get)
            try proxy.waitUntilHeld(1)
            proxy.adopt([other])
            try proxy.waitUntilHeld(1)
            proxy.adopt([other] + holding([]))
            try second.send(get)
            try proxy.waitUntilHeld(2)
            #expect(proxy.look { Books($0).tableHolds } == 2)
            proxy.adopt(holding([new.endpoint]) + [other])
            #expect(try first.response().text == "new")
            #expect(try second.response().text == "new")
            #expect(try proxy.get(host: "other.test").text == "old")
            first.close()
            second.close()
        }
    }

    @Test("an exchange that began with an endpoint that is gone is served by the one that came")
    func movesOn() throws {
        let port = try freePort()
        let new = try ScriptedUpstream.saying("new")
        try proxying(holding([Endpoint(address: "127.0.0.1:\(port)")])) { proxy throws in
            let client = try proxy.client()
            try client.send(get)
            try proxy.waitUntilHeld(1)
            proxy.adopt(holding([new.endpoint]))
            #expect(try client.response().text == "new")
            #expect(proxy.books.tables == 1)
            client.close()
        }
    }

    @Test("a rule without holding, and one that never had an endpoint, answer at once")
    func atOnce() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(holding([])) { proxy throws in
            expect(try proxy.get(), .noEndpoint)
            proxy.adopt(site(upstream))
            #expect(try proxy.get().text == "x")
            proxy.adopt(site())
            expect(try proxy.get(), .noEndpoint)
            #expect(proxy.tally.holding.held.current == 0)
        }
    }

    @Test("an outage has one time: who comes later is answered at once")
    func oneBudget() throws {
        let port = try freePort()
        let upstream = try ScriptedUpstream.saying("x")
        let dead = holding([Endpoint(address: "127.0.0.1:\(port)")]) { $0.time = 300 }
        try proxying(dead) { proxy throws in
            expect(try proxy.get(), .connectFailed)
            #expect(proxy.tally.holding.givenUp.current == 1)
            for _ in 0..<3 { expect(try proxy.get(), .connectFailed) }
            #expect(proxy.tally.holding.held.current == 1)
            // A newcomer has a time of its own, and so has the outage after a success.
            proxy.adopt(holding([upstream.endpoint]) { $0.time = 300 })
            #expect(try proxy.get().text == "x")
            proxy.adopt(holding([]) { $0.time = 300 })
            let answer = try proxy.get()
            expect(answer, .noEndpoint)
            #expect(answer["retry-after"] == "5")
            expect(try proxy.get(), .noEndpoint)
            #expect(proxy.tally.holding.held.current == 2)
            proxy.adopt(dead)
            expect(try proxy.get(), .connectFailed)
            #expect(proxy.tally.holding.held.current == 3)
        }
    }

    @Test("as many are held as the rule says, and those beyond are answered at once", arguments: [1, 2, 5])
    func limit(_ limit: Int) throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(holding([upstream.endpoint]) { $0.limit = limit }) { proxy throws in
            proxy.adopt(holding([]) { $0.limit = limit })
            let clients = try (0..<limit).map { _ in try proxy.client() }
            for (number, client) in clients.enumerated() {
                try client.send(get)
                try proxy.waitUntilHeld(UInt64(number + 1))
            }
            for _ in 0..<3 { expect(try proxy.get(), .tooManyHeld) }
            #expect(proxy.tally.answers(.tooManyHeld) == 3)
            proxy.adopt(holding([upstream.endpoint]) { $0.limit = limit })
            for client in clients {
                #expect(try client.response().text == "x")
                client.close()
            }
        }
    }

    @Test("a client that leaves is forgotten at once, in the middle of the line too")
    func clientLeaves() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(holding([upstream.endpoint])) { proxy throws in
            proxy.adopt(holding([]))
            let clients = try (0..<5).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try proxy.waitUntilHeld(5)
            clients[2].reset()
            clients[0].close()
            try proxy.waitUntilHeld(3)
            #expect(proxy.look { Books($0).exchanges } == 3)
            #expect(proxy.tally.clientAborts.current == 2)
            // Who has only finished sending waits for the response.
            clients[1].finish()
            proxy.adopt(holding([upstream.endpoint]))
            for number in [1, 3, 4] { #expect(try clients[number].response().text == "x") }
            for client in clients { client.close() }
        }
    }

    @Test("the time that a request has in all ends the wait too")
    func total() throws {
        let upstream = try ScriptedUpstream.saying("x")
        var rules = holding([upstream.endpoint])
        rules[0].options = RuleOptions()
        rules[0].options?.timeouts = RuleTimeouts()
        rules[0].options?.timeouts?.total = 150
        let lines = try records(rules) { proxy throws in
            rules[0].endpoints = []
            proxy.adopt(rules)
            expect(try proxy.get(), .exchangeTimeout)
        }
        #expect(lines.last?["end"] as? String == "total timeout")
        #expect(lines.last?["step"] as? String == "held")
        #expect(lines.last?["held_us"] as? Int ?? 0 >= 100_000)
    }

    @Test("the record tells how long it was held, and how that ended")
    func record() throws {
        let port = try freePort()
        let lines = try records(holding([Endpoint(address: "127.0.0.1:\(port)")]) { $0.time = 200 }) { proxy throws in
            expect(try proxy.get(), .connectFailed)
        }
        #expect(lines[0]["end"] as? String == "hold timeout")
        #expect(lines[0]["reason"] as? String == "connect failed")
        #expect(lines[0]["held_us"] as? Int ?? 0 >= 150_000)
        let again = try records(holding([Endpoint(address: "127.0.0.1:\(port)")])) { proxy throws in
            let client = try proxy.client()
            try client.send(get)
            try proxy.waitUntilHeld(1)
            let upstream = try ScriptedUpstream.saying("x", at: "127.0.0.1:\(port)")
            #expect(try client.response().text == "x")
            client.close()
            _ = upstream
        }
        let record = try #require(again.first)
        #expect(record["end"] as? String == "complete")
        let steps = ["head_us", "route_us", "held_us", "connect_us", "first_byte_us", "body_us"]
        let sum = steps.reduce(0) { $0 + (record[$1] as? Int ?? 0) }
        #expect(abs(sum - (record["total_us"] as? Int ?? 0)) <= steps.count, "\(record)")
    }

    @Test("a drain waits for them, and ends them at its deadline")
    func draining() throws {
        let upstream = try ScriptedUpstream.saying("x")
        let proxy = try TestProxy(holding([upstream.endpoint]))
        proxy.adopt(holding([]))
        let client = try proxy.client()
        try client.send(get)
        try proxy.waitUntilHeld(1)
        proxy.drain(within: 300)
        #expect(!proxy.hasEnded(within: 100))
        #expect(try client.readToEnd().isEmpty)
        #expect(proxy.hasEnded(within: Peer.patience))
        #expect(proxy.lastBooks.connections == 1 && proxy.lastBooks.exchanges == 0)
        #expect(proxy.tally.holding.now.current == 0)
    }

    @Test("a thousand that wait keep 2 KiB of request each, and all are served")
    func thousand() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(holding([upstream.endpoint]) { $0.limit = 1_000 }) { proxy throws in
            proxy.adopt(holding([]) { $0.limit = 1_000 })
            let clients = try (0..<1_000).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try proxy.waitUntilHeld(1_000)
            expect(try proxy.get(), .tooManyHeld)
            #expect(proxy.tally.answers(.tooManyHeld) == 1)
            #expect(proxy.books.used <= 1_000)
            let bytes = proxy.look { worker in
                (0..<worker.exchanges.extent).reduce(0) { $0 + (worker.exchanges[$1].held.head?.capacity ?? 0) }
            }
            #expect(bytes <= 1_000 * 2_048)
            proxy.adopt(holding([upstream.endpoint]))
            for client in clients { #expect(try client.response().text == "x") }
            for client in clients { client.close() }
            #expect(proxy.tally.holding.served.current == 1_000)
            // Nothing is left to look after.
            #expect(proxy.look { $0.heldRoutes.isEmpty && $0.heldCount == 0 })
        }
    }

    @Test("a rule that wakes is told of, once a second at most, and its requests are served when it has an endpoint")
    func wake() throws {
        let told = Told()
        let upstream = try ScriptedUpstream.saying("x")
        let rules = holding([]) { ($0.time, $0.wake) = (0, 10_000) }
        try proxying(rules, notify: { told.note($0) }) { proxy throws in
            let clients = try (0..<3).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try proxy.waitUntilHeld(3)
            try waitUntil("it is told") { !told.rules.isEmpty }
            #expect(told.rules == ["site"])
            // Nobody may have heard it.
            try waitUntil("it is told again") { told.rules.count == 2 }
            proxy.adopt(holding([upstream.endpoint]) { ($0.time, $0.wake) = (0, 10_000) })
            for client in clients { #expect(try client.response().text == "x") }
            #expect(proxy.tally.holding.wakes.current == 2)
            for client in clients { client.close() }
        }
    }

    @Test("nobody comes for a rule that wakes: each request has its own time")
    func wakeInVain() throws {
        let told = Told()
        try proxying(holding([]) { ($0.time, $0.wake) = (10_000, 200) }, notify: { told.note($0) }) { proxy throws in
            for _ in 0..<2 { expect(try proxy.get(), .noEndpoint) }
            #expect(proxy.tally.holding.givenUp.current == 2)
        }
        #expect(told.rules == ["site"])
    }
}

/// Which rules were to be woken.
private final class Told: Sendable {
    private let names = Mutex<[String]>([])
    var rules: [String] { names.withLock { $0 } }

    func note(_ notice: WorkerNotice) {
        switch notice {
        case .wake(let rule): names.withLock { $0.append(rule) }
        case .endpoint: break
        }
    }
}

extension Tally {
    func answers(_ answer: Proxy.Answer) -> UInt64 { count(of: answer) }
}
