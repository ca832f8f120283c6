import Balancing
import Contract
import Kernel
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Proxy

private func broken(_ endpoints: [Endpoint], _ change: (inout Breaker) -> Void) -> [Rule] {
    balanced(endpoints) { pool in
        var breaker = Breaker()
        change(&breaker)
        pool.breaker = breaker
        pool.ejection = .off
    }
}

/// Of circuits that open after two failures.
private func quickly(_ breaker: inout Breaker) {
    (breaker.ratio, breaker.minimum, breaker.base, breaker.longest, breaker.trials) = (50, 2, 300, 600, 2)
}

@Suite("Limits and circuits of endpoints", .timeLimit(.minutes(5)))
struct BreakingTests {
    @Test("a circuit opens for failures, refuses at once with the time to wait, and closes after good trials")
    func circuit() throws {
        let isWell = Atomic(false)
        let upstream = try ScriptedUpstream { peer, _ in
            while try peer.requestHead() != nil {
                guard isWell.load(ordering: .relaxed) else { return }
                try peer.send(ok("well"))
            }
        }
        try proxying(broken([upstream.endpoint()], quickly)) { proxy throws in
            for _ in 0..<2 { #expect(try proxy.get().status == 502) }
            let tried = upstream.acceptedCount
            let refused = try proxy.get()
            expect(refused, .circuitOpen)
            #expect(refused["retry-after"] == "1")
            #expect(upstream.acceptedCount == tried)
            let breakers = { @Sendable (worker: Worker) in worker.tally.breakers.circuitsOpen.current }
            #expect(proxy.look(breakers) == 1)
            // A trial fails: twice as long.
            try waitUntil("a trial") { try proxy.get().status == 502 }
            expect(try proxy.get(), .circuitOpen)
            isWell.store(true, ordering: .relaxed)
            try waitUntil("a good trial") { try proxy.get().text == "well" }
            #expect(try proxy.counts(10) == ["well": 10])
            #expect(proxy.look(breakers) == 0)
            #expect(proxy.tally.breakers.opened.current == 2 && proxy.tally.breakers.closed.current == 1)
            #expect(proxy.tally.breakers.trials.current == 3)
        }
    }

    @Test("while one circuit is open the others serve, whatever the request's method")
    func others() throws {
        let bad = try ScriptedUpstream.earlyCloser()
        let good = try ScriptedUpstream.saying("good")
        let notices = Notices()
        try proxying(broken([bad.endpoint(), good.endpoint()], quickly), notify: notices.take) { proxy throws in
            let post = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\n\r\nx"
            let statuses = try (0..<40).map { _ in try proxy.ask(post).status }
            #expect(statuses.count { $0 == 502 } == 2 && statuses.count { $0 == 200 } == 38)
            #expect(bad.acceptedCount == 2)
            guard case .endpoint(let notice) = notices.all.first else { throw PeerFault.malformed("no notice") }
            #expect(notice.change == .circuitOpened(300_000_000))
            #expect(notice.address == bad.address.description && notice.rule == "site")
        }
    }

    @Test("statuses from 500 open circuits when the rule says so", arguments: [true, false])
    func serverErrors(_ counts: Bool) throws {
        let bad = try ScriptedUpstream.steady { _ in "HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nbad" }
        let rules = broken([bad.endpoint()]) { breaker in
            quickly(&breaker)
            breaker.serverErrors = counts
        }
        try proxying(rules) { proxy throws in
            let statuses = try (0..<4).map { _ in try proxy.get().status }
            #expect(statuses == (counts ? [500, 500, 503, 503] : [500, 500, 500, 500]))
        }
    }

    @Test(
        "an endpoint has no more exchanges, connections or connects than it may",
        arguments: ["inFlight", "connections"])
    func limits(_ which: String) throws {
        let gate = try Signal()
        let upstreams = try (0..<2).map { _ in
            try ScriptedUpstream { peer, _ in
                while try peer.request() != nil {
                    _ = gate.wait(Peer.patience)
                    try peer.send(ok("served"))
                }
            }
        }
        let rules = broken(upstreams.map { $0.endpoint() }) { breaker in
            if which == "inFlight" { breaker.inFlight = 2 } else { breaker.connections = 2 }
        }
        try proxying(rules) { proxy throws in
            var clients: [Peer] = []
            for count in 1...4 {
                let client = try proxy.client()
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                try waitUntil("they have it") { upstreams.reduce(0) { $0 + $1.openCount } == count }
                clients.append(client)
            }
            #expect(upstreams.allSatisfy { $0.openCount == 2 })
            let refused = try proxy.get()
            expect(refused, .poolFull)
            #expect(refused["retry-after"] == "1")
            gate.give()
            for client in clients { #expect(try client.response().text == "served") }
            #expect(try proxy.counts(8) == ["served": 8])
            // Idle connections were used, or one was closed for another.
            #expect(upstreams.allSatisfy { $0.openCount <= 2 })
        }
    }

    @Test("a limit that a revision lifts or lowers counts at once, and goes with its rule")
    func changes() throws {
        let gate = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            while try peer.request() != nil {
                _ = gate.wait(Peer.patience)
                try peer.send(ok("served"))
            }
        }
        func rules(_ limit: Int) -> [Rule] { broken([upstream.endpoint()]) { $0.inFlight = limit } }
        try proxying(rules(1)) { proxy throws in
            var clients: [Peer] = []
            func begin() throws {
                clients.append(try proxy.client())
                try clients.last?.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                try waitUntil("it has it") { upstream.openCount == clients.count }
            }
            try begin()
            expect(try proxy.get(), .poolFull)
            proxy.adopt(rules(2))
            try begin()
            expect(try proxy.get(), .poolFull)
            proxy.adopt(rules(1))
            expect(try proxy.get(), .poolFull)
            proxy.adopt(rules(0))
            try begin()
            gate.give()
            for client in clients { #expect(try client.response().text == "served") }
        }
    }

    @Test("a circuit outlives revisions, ends when nobody asks for it, and with its endpoint")
    func revisions() throws {
        let bad = try ScriptedUpstream.earlyCloser()
        func rules(_ bound: Int, _ base: Int = 60_000) -> [Rule] {
            var rules = broken([bad.endpoint()]) { breaker in
                quickly(&breaker)
                (breaker.base, breaker.longest) = (base, base)
            }
            rules[0].pool?.panic = bound
            return rules
        }
        try proxying(rules(0)) { proxy throws in
            for _ in 0..<2 { _ = try proxy.get() }
            for change in 1...5 {
                proxy.adopt(rules(change))
                expect(try proxy.get(), .circuitOpen)
            }
            proxy.adopt(broken([bad.endpoint()]) { $0.inFlight = 5 })
            #expect(try proxy.get().status == 502)
            proxy.adopt(rules(0))
            for _ in 0..<2 { #expect(try proxy.get().status == 502) }
            expect(try proxy.get(), .circuitOpen)
            proxy.adopt([Rule(name: "site", hosts: ["site.test"])])
            proxy.adopt(rules(0))
            #expect(try proxy.get().status == 502)
        }
    }

    @Test("a tunnel that stands is a good trial; a client that leaves is none")
    func trials() throws {
        let isWell = Atomic(false)
        let upstream = try ScriptedUpstream { peer, _ in
            guard let head = try peer.requestHead(), isWell.load(ordering: .relaxed) else { return }
            if head["upgrade"] != nil {
                try peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            }
            _ = try peer.readToEnd()
        }
        let rules = broken([upstream.endpoint()]) { breaker in
            quickly(&breaker)
            breaker.trials = 1
        }
        try proxying(rules) { proxy throws in
            for _ in 0..<2 { _ = try proxy.get() }
            isWell.store(true, ordering: .relaxed)
            let leaving = try proxy.client()
            try waitUntil("it may be tried") { proxy.look { $0.loads[0].bars.isEmpty } }
            try leaving.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try waitUntil("it is tried") { upstream.openCount == 1 }
            expect(try proxy.get(), .circuitOpen)
            leaving.reset()
            try waitUntil("another may be tried") { proxy.look { $0.loads[0].bars.isEmpty } }
            let tunnel = try proxy.client()
            try tunnel.send("GET / HTTP/1.1\r\nHost: site.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
            _ = try tunnel.read(through: "\r\n\r\n")
            #expect(proxy.look { $0.watches[0].circuit.phase } == .closed)
            tunnel.close()
        }
    }
}

@Suite("Slow start", .timeLimit(.minutes(5)))
struct SlowStartTests {
    @Test("a new endpoint grows into its part; those of the first revision and those that stay have all of theirs")
    func newcomer() throws {
        let upstreams = try sayings(3)
        func rules(_ count: Int, _ panic: Int = 0) -> [Rule] {
            balanced(upstreams.prefix(count).map { $0.endpoint() }) { pool in
                pool.slowStart = 600_000
                pool.panic = panic
            }
        }
        try proxying(rules(2)) { proxy throws in
            let shares = { @Sendable (worker: Worker) in worker.loads.map(\.share) }
            #expect(proxy.look(shares) == [256, 256])
            proxy.adopt(rules(3))
            #expect(proxy.look(shares) == [256, 256, 25])
            let counts = try proxy.counts(120)
            #expect((1...20).contains(counts["2"] ?? 0), "\(counts)")
            // Its age stays with it: a change begins nothing anew.
            let since = proxy.look { $0.watches[2].growsSince }
            proxy.adopt(rules(3, 5))
            #expect(proxy.look { $0.watches[2].growsSince } == since)
            #expect(proxy.tally.breakers.slowStarts.current == 1)
            // It goes, and another comes at its address.
            proxy.adopt(rules(2))
            #expect(proxy.tally.breakers.slowStarting.current == 0)
            proxy.adopt(rules(3))
            #expect(proxy.tally.breakers.slowStarts.current == 2)
            #expect(proxy.look { $0.watches[2].growsSince } > since)
            // Nobody asks for it any more.
            proxy.adopt(balanced(upstreams.map { $0.endpoint() }))
            #expect(proxy.look(shares) == [256, 256, 256])
            #expect(proxy.tally.breakers.slowStarting.current == 0)
        }
    }

    @Test("the share grows in steps to the whole, and an endpoint that was ejected begins again")
    func growth() throws {
        let isWell = Atomic(true)
        let sick = try ScriptedUpstream { peer, _ in
            while try peer.requestHead() != nil, isWell.load(ordering: .relaxed) { try peer.send(ok("sick")) }
        }
        let good = try ScriptedUpstream.saying("good")
        func rules(_ endpoints: [Endpoint]) -> [Rule] {
            balanced(endpoints) { pool in
                pool.slowStart = 500
                var ejection = Ejection()
                (ejection.consecutive, ejection.base) = (1, 100)
                pool.ejection = ejection
            }
        }
        try proxying(rules([good.endpoint()])) { proxy throws in
            proxy.adopt(rules([good.endpoint(), sick.endpoint()]))
            var seen: [UInt16] = []
            try waitUntil("it has grown") {
                seen.append(proxy.look { $0.loads[1].share })
                return seen.last == 256
            }
            #expect(seen == seen.sorted() && Set(seen).count > 3, "\(seen)")
            isWell.store(false, ordering: .relaxed)
            #expect(try proxy.counts(10) == ["good": 10])
            #expect(proxy.tally.ejections.current == 1)
            try waitUntil("it is back") { proxy.tally.readmissions.current == 1 }
            #expect(proxy.tally.breakers.slowStarts.current == 2)
        }
    }
}

/// What a worker told.
final class Notices: Sendable {
    private let told = Mutex<[WorkerNotice]>([])

    var all: [WorkerNotice] { told.withLock { $0 } }

    @Sendable func take(_ notice: WorkerNotice) { told.withLock { $0.append(notice) } }
}
