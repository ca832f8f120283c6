import Balancing
import Contract
import Bytes
import Kernel
import Routing
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// What a worker knows of one endpoint, to be compared.
private struct Known: Sendable, Equatable {
    var inFlight: UInt32
    var bars: UInt8
    var ejection: OutlierEjection
    var circuit: CircuitBreaker.Phase
    var latency: MeanLatency
    var growsSince: UInt64

    init(_ worker: Worker, _ address: String) {
        let view = worker.tables[worker.currentTable].view
        let number = worker.watches.indices.first { number in
            let id = EndpointID(number: UInt32(number))
            return view.contains(id) && String(decoding: [UInt8](copying: view.text(of: id)), as: UTF8.self) == address
        }
        guard let number else { preconditionFailure("no endpoint \(address)") }
        (inFlight, bars) = (worker.loads[number].inFlight, worker.loads[number].bars.rawValue)
        let watch = worker.watches[number]
        (ejection, circuit) = (watch.ejection, watch.circuit.phase)
        (latency, growsSince) = (watch.latency, watch.growsSince)
    }
}

@Suite("What is known of endpoints through changes", .timeLimit(.minutes(5)))
struct StateTests {
    @Test("stays with those that are kept, through many changes under load, and is fresh for those that come")
    func changes() throws {
        let gate = try Signal()
        let busy = try ScriptedUpstream { peer, _ in
            while let request = try peer.request() {
                if request.target == "/long" { _ = gate.wait(Peer.patience) }
                try peer.send(ok("busy"))
            }
        }
        let (ejected, broken) = (try ScriptedUpstream.earlyCloser(), try ScriptedUpstream.earlyCloser())
        let spares = try sayings(3)
        func rules(_ spare: Int, panic: Int, newcomer: Bool = true) -> [Rule] {
            var front = balanced([busy.endpoint(), ejected.endpoint(), spares[0].endpoint()]) { pool in
                pool.sticky = "route"
                pool.panic = panic
                pool.slowStart = 600_000
                var ejection = Ejection()
                (ejection.consecutive, ejection.base, ejection.longest, ejection.latency) = (2, 600_000, 600_000, 300)
                pool.ejection = ejection
            }
            if newcomer { front[0].endpoints.append(spares[1].endpoint()) }
            var side = balanced([broken.endpoint()]) { pool in
                var breaker = Breaker()
                (breaker.ratio, breaker.minimum, breaker.base, breaker.longest) = (50, 2, 600_000, 600_000)
                (pool.breaker, pool.ejection) = (breaker, .off)
            }
            (side[0].name, side[0].hosts) = ("side", ["side.test"])
            let endpoints = [spares[spare % 2 * 2].endpoint()]
            let other = Rule(name: "other\(spare)", hosts: ["other.test"], endpoints: endpoints)
            return front + side + [other]
        }
        try proxying(rules(0, panic: 0, newcomer: false)) { proxy throws in
            proxy.adopt(rules(0, panic: 0))
            // One endpoint ejected, one broken, one with an exchange in flight, one that grows.
            for _ in 0..<2 { _ = try proxy.get(host: "side.test") }
            var cookie = ""
            while cookie.isEmpty || proxy.tally.ejections.current == 0 {
                let answer = try proxy.get()
                if answer.text == "busy", let given = answer.all("set-cookie").first {
                    cookie = String(given.prefix { $0 != ";" })
                }
            }
            let long = try proxy.client()
            try long.send("GET /long HTTP/1.1\r\nHost: site.test\r\nCookie: \(cookie)\r\n\r\n")
            let addresses = [busy, ejected, broken, spares[1]].map(\.address.description)
            func known() -> [Known] { proxy.look { worker in addresses.map { Known(worker, $0) } } }
            try waitUntil("it is in flight") { known()[0].inFlight == 1 }
            let before = known()
            var standing = before
            #expect(before[1].bars == EndpointLoad.Bars.ejected.rawValue)
            #expect(before[2].bars == EndpointLoad.Bars.broken.rawValue)
            #expect(before[3].growsSince > 0)
            let isOver = Atomic(false)
            let served = Atomic(0)
            let stopped = try Signal()
            let address = proxy.plain
            try NativeThread.start(named: "load") {
                let client = try? Peer(to: address)
                while !isOver.load(ordering: .relaxed) {
                    try? client?.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
                    if (try? client?.response())?.status == 200 { served.add(1, ordering: .relaxed) }
                }
                client?.close()
                stopped.give()
            }
            for change in 1...100 {
                proxy.adopt(rules(change, panic: change % 20))
                if change % 10 == 0 {
                    let now = known()
                    #expect(now == standing, "after \(change) changes")
                    #expect(try proxy.get("/", "Cookie: \(cookie)\r\n").text == "busy")
                    expect(try proxy.get(host: "side.test"), .circuitOpen)
                    // What was asked for just now counts, too.
                    standing = known()
                    #expect(standing.map(\.inFlight) == before.map(\.inFlight))
                }
            }
            isOver.store(true, ordering: .relaxed)
            #expect(stopped.wait(Peer.patience))
            #expect(served.load(ordering: .relaxed) > 0)
            #expect(proxy.tally.ejections.current == 1 && proxy.tally.readmissions.current == 0)
            // Away for one revision, and back: somebody else may be there.
            proxy.adopt([Rule(name: "other", hosts: ["other.test"], endpoints: [spares[0].endpoint()])])
            proxy.adopt(rules(0, panic: 0))
            let after = known()
            #expect(after[0].inFlight == 1)
            #expect(after[1].bars == 0 && after[1].ejection == OutlierEjection())
            #expect(after[2].bars == 0 && after[2].circuit == .closed)
            #expect(after[3].growsSince > before[3].growsSince)
            gate.give()
            #expect(try long.response().text == "busy")
        }
    }

    @Test("who is slow beside its neighbours is ejected for it, and nobody where all are slow")
    func slow() throws {
        let delay = Atomic(0)
        let upstreams = try (0..<3).map { number in
            try ScriptedUpstream { peer, _ in
                while try peer.request() != nil {
                    if number == 0 { for _ in 0..<delay.load(ordering: .relaxed) { pause() } }
                    try peer.send(ok("\(number)"))
                }
            }
        }
        let rules = balanced(upstreams.map { $0.endpoint() }) { pool in
            var ejection = Ejection.off
            (ejection.latency, ejection.window, ejection.minimum, ejection.base) = (300, 300, 5, 60_000)
            pool.ejection = ejection
        }
        try proxying(rules) { proxy throws in
            _ = try proxy.counts(30)
            #expect(proxy.tally.ejections.current == 0)
            delay.store(30, ordering: .relaxed)
            try waitUntil("the slow one is ejected") {
                _ = try proxy.counts(3)
                return proxy.tally.ejections.current == 1
            }
            #expect(proxy.tally.breakers.latencyEjections.current == 1)
            #expect(try proxy.counts(10)["0"] == nil)
        }
    }
}
