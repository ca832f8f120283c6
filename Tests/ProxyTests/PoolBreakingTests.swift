import Balancing
import Contract
import Kernel
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Proxy

private func whole(
    _ endpoints: [Endpoint], queue: Queue? = nil, _ change: (inout Breaker) -> Void
) -> [Rule] {
    balanced(endpoints) { pool in
        var breaker = Breaker()
        change(&breaker)
        pool.breaker = breaker
        pool.ejection = .off
        pool.queue = queue
    }
}

@Suite("Limits and circuits of whole pools", .timeLimit(.minutes(5)))
struct PoolBreakingTests {
    private let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"

    private func gated(_ gate: Signal, _ fields: String = "") throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            while try peer.request() != nil {
                _ = gate.wait(Peer.patience)
                try peer.send(ok("served", fields))
            }
        }
    }

    @Test(
        "two endpoints have together no more exchanges or connections than the pool may",
        arguments: ["poolInFlight", "poolConnections"])
    func limits(_ which: String) throws {
        let gate = try Signal()
        let upstreams = try (0..<2).map { _ in try gated(gate) }
        let rules = whole(upstreams.map { $0.endpoint() }) { breaker in
            if which == "poolInFlight" { breaker.poolInFlight = 3 } else { breaker.poolConnections = 3 }
        }
        try proxying(rules) { proxy throws in
            var clients: [Peer] = []
            for count in 1...3 {
                let client = try proxy.client()
                try client.send(get)
                try waitUntil("they have it") { upstreams.reduce(0) { $0 + $1.openCount } == count }
                clients.append(client)
            }
            let refused = try proxy.get()
            expect(refused, .poolFull)
            #expect(refused["retry-after"] == "1")
            let refusals = (
                proxy.tally.breakers.poolInFlight.current, proxy.tally.breakers.poolConnections.current
            )
            #expect((which == "poolInFlight" ? refusals.0 : refusals.1) > 0)
            gate.give()
            for client in clients { #expect(try client.response().text == "served") }
            #expect(try proxy.counts(8) == ["served": 8])
            #expect(upstreams.reduce(0) { $0 + $1.openCount } <= 3)
            for client in clients { client.close() }
            // The rule is given other limits, and its connections go with their endpoints.
            proxy.adopt(whole([]) { $0.poolConnections = 3 })
            try waitUntil("they are closed") { upstreams.allSatisfy { $0.openCount == 0 } }
            proxy.adopt(rules)
            #expect(try proxy.counts(4) == ["served": 4])
        }
    }

    @Test("no more connects are under way than the pool may have, and each has its place until it is over")
    func pending() throws {
        let sockets = try (0..<2).map { _ in
            try Socket.listen(on: SocketAddress(ipv4: 0x7f00_0001, port: 0), backlog: 0).release()
        }
        defer { for socket in sockets { Socket.close(socket) } }
        let addresses = sockets.compactMap { Socket.localAddress($0) }
        // Backlogs of one are taken, so that connects stay under way.
        let peers = try addresses.map { try Peer(to: $0) }
        let rules = whole(addresses.map { Endpoint(address: $0.description) }) { $0.poolPending = 2 }
        try proxying(rules, settings: quick { $0.timeouts.connect = 700 }) { proxy throws in
            let clients = try (0..<2).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try waitUntil("two connects are under way") {
                proxy.look { worker in worker.endpoints.reduce(0) { $0 + Int($1.connectingCount) } } == 2
            }
            expect(try proxy.get(), .poolFull)
            #expect(proxy.tally.breakers.poolPending.current > 0)
            for client in clients { #expect(try client.response().status >= 502) }
            // Their places are free again.
            let another = try proxy.client()
            try another.send(get)
            try waitUntil("it is under way") {
                proxy.look { worker in worker.endpoints.reduce(0) { $0 + Int($1.connectingCount) } } == 1
            }
            for client in clients + [another] { client.close() }
        }
        for peer in peers { peer.close() }
    }

    @Test("where the pool has a line, who finds it full waits, and has no place meanwhile")
    func line() throws {
        let gate = try Signal()
        let upstream = try gated(gate)
        let rules = whole([upstream.endpoint()], queue: Queue()) { $0.poolInFlight = 1 }
        try proxying(rules) { proxy throws in
            let clients = try (0..<5).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try proxy.waitUntilHeld(4)
            gate.give()
            for client in clients {
                #expect(try client.response().text == "served")
                client.close()
            }
            #expect(proxy.tally.holding.served.current == 4)
            #expect(upstream.acceptedCount == 1)
        }
    }

    @Test("the circuit opens for what clients are told, refuses at once, tries a few, and closes")
    func circuit() throws {
        let isWell = Atomic(false)
        func upstream() throws -> ScriptedUpstream {
            try ScriptedUpstream { peer, _ in
                while try peer.requestHead() != nil {
                    guard isWell.load(ordering: .relaxed) else { return }
                    try peer.send(ok("well"))
                }
            }
        }
        let upstreams = try [upstream(), upstream()]
        let rules = whole(upstreams.map { $0.endpoint() }) { breaker in
            (breaker.poolRatio, breaker.minimum, breaker.base, breaker.longest, breaker.trials) = (50, 4, 300, 600, 2)
        }
        let post = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\n\r\nx"
        try proxying(rules) { proxy throws in
            for _ in 0..<4 { #expect(try proxy.ask(post).status == 502) }
            let tried = upstreams.reduce(0) { $0 + $1.acceptedCount }
            let refused = try proxy.ask(post)
            expect(refused, .circuitOpen)
            #expect(refused["retry-after"] == "1")
            #expect(upstreams.reduce(0) { $0 + $1.acceptedCount } == tried)
            #expect(proxy.tally.breakers.poolCircuitsOpen.current == 1)
            // A trial fails: twice as long.
            try waitUntil("a trial") { try proxy.ask(post).status == 502 }
            expect(try proxy.ask(post), .circuitOpen)
            isWell.store(true, ordering: .relaxed)
            try waitUntil("a good trial") { try proxy.get().text == "well" }
            #expect(try proxy.counts(10) == ["well": 10])
            #expect(
                proxy.tally.breakers.poolCircuitsOpened.current == 2
                    && proxy.tally.breakers.poolCircuitsClosed.current == 1)
            #expect(proxy.tally.breakers.poolCircuitsOpen.current == 0 && proxy.tally.breakers.poolTrials.current >= 3)
            // It has nothing to do with those of endpoints.
            #expect(proxy.tally.breakers.opened.current == 0)
        }
    }

    @Test("a dead endpoint of two opens nothing: its requests go to the other")
    func retried() throws {
        let good = try ScriptedUpstream.saying("good")
        let rules = whole([Endpoint(address: "127.0.0.1:\(try freePort())"), good.endpoint()]) {
            ($0.poolRatio, $0.minimum) = (10, 2)
        }
        try proxying(rules) { proxy throws in
            #expect(try proxy.counts(20) == ["good": 20])
            #expect(proxy.tally.breakers.poolCircuitsOpened.current == 0)
        }
    }

    @Test("statuses from 500 count when the rule says so, clients that leave never", arguments: [true, false])
    func serverErrors(_ counts: Bool) throws {
        let bad = try ScriptedUpstream.steady { _ in "HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad" }
        let rules = whole([bad.endpoint()]) { breaker in
            (breaker.poolRatio, breaker.minimum, breaker.serverErrors) = (50, 2, counts)
        }
        try proxying(rules) { proxy throws in
            #expect(
                try (0..<4).map { _ in try proxy.get().status }
                    == (counts ? [500, 500, 503, 503] : [500, 500, 500, 500]))
            // A rule that wants none has none, and begins anew when it wants one again.
            proxy.adopt(whole([bad.endpoint()]) { $0.inFlight = 9 })
            #expect(try proxy.get().status == 500)
            #expect(proxy.tally.breakers.poolCircuitsOpen.current == 0)
            proxy.adopt(rules)
            #expect(try proxy.get().status == 500)
        }
    }
}
