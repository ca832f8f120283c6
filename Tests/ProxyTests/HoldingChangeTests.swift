import Balancing
import Contract
import Kernel
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Proxy

private let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"

@Suite("Requests that are held while the configuration changes", .timeLimit(.minutes(5)))
struct HoldingChangeTests {
    @Test("a number of a rule that is gone does not take those that it holds to another rule")
    func otherRules() throws {
        let (mine, other) = (try ScriptedUpstream.saying("mine"), try ScriptedUpstream.saying("other"))
        let others = (0..<20).map { Rule(name: "other\($0)", hosts: ["o\($0).test"], endpoints: [other.endpoint]) }
        try proxying(holding([mine.endpoint]) { $0.time = 400 }) { proxy throws in
            let client = try proxy.client()
            proxy.adopt(holding([]) { $0.time = 400 })
            try client.send(get)
            try proxy.waitUntilHeld(1)
            for count in [1, 5, 20] { proxy.adopt(Array(others.prefix(count))) }
            expect(try client.response(), .noEndpoint)
            #expect(proxy.books.tables == 1)
            // Whoever has the number now has no outage of its predecessor.
            proxy.adopt(others.map { Rule(name: $0.name, hosts: $0.hosts, holding: Holding()) })
            #expect(proxy.look { $0.heldRoutes.isEmpty })
            client.close()
        }
        #expect(other.acceptedCount == 0 && mine.acceptedCount == 0)
    }

    @Test("connections to an endpoint that goes end by a reset, and keep no port from its successor's")
    func ports() throws {
        let wasReset = Atomic(false)
        let old = try ScriptedUpstream { peer, _ in
            guard try peer.request() != nil else { return }
            try peer.send(ok("old"))
            _ = try peer.readToEnd()
            wasReset.store(peer.wasReset, ordering: .relaxed)
        }
        try proxying(holding([old.endpoint])) { proxy throws in
            #expect(try proxy.get().text == "old")
            proxy.adopt(holding([]))
            try waitUntil("its connection has ended") { old.openCount == 0 }
            let isReset = wasReset.load(ordering: .relaxed)
            #expect(isReset)
        }
    }

    @Test("from a pool with a plan to one without, and back, and to one with a sticky cookie")
    func plans() throws {
        let (one, two) = (try ScriptedUpstream.saying("one"), try ScriptedUpstream.saying("two"))
        let weighed = [one, two].map { Endpoint(address: $0.endpoint.address, weight: 3) }
        var sticky = holding(weighed)
        sticky[0].pool = PoolOptions()
        sticky[0].pool?.sticky = "route"
        let empty = holding([])
        var emptySticky = sticky
        emptySticky[0].endpoints = []
        let changes: [([Rule], [Rule])] = [
            (empty, holding([two.endpoint])), (empty, holding(weighed)), (emptySticky, sticky),
            (emptySticky, holding([one.endpoint])), (empty, sticky),
        ]
        try proxying(holding(weighed)) { proxy throws in
            for (before, after) in changes {
                let clients = try (0..<4).map { _ in try proxy.client() }
                proxy.adopt(before)
                for client in clients { try client.send(get) }
                try proxy.waitUntilHeld(4)
                proxy.adopt(after)
                for client in clients {
                    let answer = try client.response()
                    #expect(["one", "two"].contains(answer.text))
                    #expect((answer["set-cookie"] != nil) == (after[0].pool?.sticky != nil))
                    client.close()
                }
                #expect(proxy.look { $0.exchangesAtEndpoints } == 0)
                #expect(try proxy.get().status == 200)
            }
        }
    }

    @Test("a request that is gathered first waits with its whole body, and is sent again where it may be")
    func gathered() throws {
        let upstream = try ScriptedUpstream.echoing()
        var rules = holding([upstream.endpoint])
        rules[0].options = RuleOptions()
        rules[0].options?.bufferRequest = 1 << 20
        rules[0].options?.responseHeaders.set = [HeaderField("X-ID", "${request_id}")]
        var empty = rules
        empty[0].endpoints = []
        try proxying(rules) { proxy throws in
            proxy.adopt(empty)
            let client = try proxy.client()
            let body = String(repeating: "b", count: 200_000)
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 200000\r\n\r\n" + body)
            try proxy.waitUntilHeld(1)
            #expect(proxy.tally.requestBufferBytes.current >= 200_000)
            proxy.adopt(rules)
            #expect(try client.response().text == body)
            client.close()
        }
    }

    @Test("an endpoint that does not answer connects is waited for, and left for one that comes meanwhile")
    func connectTimeout() throws {
        let full = try FullBacklog()
        let upstream = try ScriptedUpstream.saying("x")
        let settings = quick { $0.timeouts.connect = 100 }
        try proxying(holding([full.endpoint]) { $0.time = 20_000 }, settings: settings) { proxy throws in
            let clients = try (0..<3).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try proxy.waitUntilHeld(3)
            proxy.adopt(holding([upstream.endpoint]))
            for client in clients {
                #expect(try client.response().text == "x")
                client.close()
            }
        }
    }

    @Test("a pool all of whose endpoints are barred holds too, and goes on when one no longer is")
    func barred() throws {
        let upstream = try ScriptedUpstream.saying("x")
        var rules = holding([upstream.endpoint]) { $0.time = 2_000 }
        rules[0].pool = PoolOptions()
        try proxying(rules) { proxy throws in
            #expect(try proxy.get().text == "x")
            func bar(_ isBarred: Bool) {
                proxy.look { worker in
                    for number in worker.loads.indices {
                        worker.loads[number].bars = isBarred ? .draining : []
                    }
                    worker.poolEpoch &+= 1
                }
            }
            for round in 1...2 as ClosedRange<UInt64> {
                bar(true)
                let client = try proxy.client()
                try client.send(get)
                try proxy.waitUntilHeld(1)
                bar(false)
                #expect(try client.response().text == "x")
                #expect(proxy.tally.holding.served.current == round)
                client.close()
            }
        }
    }

    @Test("an endpoint that is killed with a request: what is idempotent is held for its successor, POST is not")
    func killed() throws {
        let port = try freePort()
        let gate = try Signal()
        let first = try ScriptedUpstream(at: "127.0.0.1:\(port)") { peer, _ in
            _ = try peer.requestHead()
            _ = gate.wait(Peer.patience)
        }
        try proxying(holding([first.endpoint])) { proxy throws in
            let (getter, poster) = (try proxy.client(), try proxy.client())
            try getter.send(get)
            try poster.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")
            try waitUntil("both are there") { first.openCount == 2 }
            first.stop()
            try waitUntil("it refuses") { (try? Peer(to: first.address)) == nil }
            gate.give()
            expect(try poster.response(), .upstreamClosed)
            try proxy.waitUntilHeld(1)
            let second = try ScriptedUpstream.saying("second", at: "127.0.0.1:\(port)")
            #expect(try getter.response().text == "second")
            getter.close()
            poster.close()
            _ = second
        }
    }

    @Test("the old endpoint's last connection does not end the outage that its rule has begun")
    func lateConnect() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(holding([upstream.endpoint])) { proxy throws in
            let client = try proxy.client()
            proxy.adopt(holding([]))
            proxy.look { $0.endOutage(0) }
            try client.send(get)
            try proxy.waitUntilHeld(1)
            proxy.adopt(holding([upstream.endpoint]))
            #expect(try client.response().text == "x")
            client.close()
        }
    }
}
