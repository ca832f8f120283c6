import Balancing
import Contract
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// One rule for `site.test` with a line before its pool.
private func queueing(_ endpoints: [Endpoint], size: Int = 100, timeout: Int = 10_000) -> [Rule] {
    var pool = PoolOptions()
    pool.queue = Queue()
    pool.queue?.size = size
    pool.queue?.timeout = timeout
    return [Rule(name: "site", hosts: ["site.test"], endpoints: endpoints, pool: pool)]
}

@Suite("The line before a full pool", .timeLimit(.minutes(5)))
struct QueueTests {
    private let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"

    /// Answers when it is told to.
    private func gated(_ gate: Signal) throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            while let request = try peer.request() {
                _ = gate.wait(Peer.patience)
                try peer.send(ok(request.target))
            }
        }
    }

    private func limit(_ proxy: TestProxy, to count: UInt32) {
        proxy.look { worker in for number in worker.loads.indices { worker.loads[number].inFlightLimit = count } }
    }

    @Test("what finds every endpoint full waits, and goes on in turn as endpoints get free")
    func inTurn() throws {
        let gate = try Signal()
        let upstreams = [try gated(gate), try gated(gate)]
        try proxying(queueing(upstreams.map(\.endpoint))) { proxy throws in
            limit(proxy, to: 1)
            let clients = try (0..<8).map { _ in try proxy.client() }
            for (number, client) in clients.enumerated() {
                try client.send("GET /\(number) HTTP/1.1\r\nHost: site.test\r\n\r\n")
                try waitUntil("\(number) has begun") { proxy.tally.requests.current == UInt64(number + 1) }
            }
            try proxy.waitUntilHeld(6)
            #expect(proxy.look { $0.loads.map(\.inFlight).filter { $0 > 0 } } == [1, 1])
            gate.give()
            for (number, client) in clients.enumerated() { #expect(try client.response().text == "/\(number)") }
            #expect(proxy.tally.holding.queued.current == 6)
            #expect(proxy.tally.holding.served.current == 6)
            for client in clients { client.close() }
            let targets = upstreams.flatMap(\.requests).map(\.target)
            #expect(targets.isEmpty || targets.count == 8)
        }
    }

    @Test("beyond the line's size the answer comes at once; so it does without a line")
    func full() throws {
        let gate = try Signal()
        let upstream = try gated(gate)
        try proxying(queueing([upstream.endpoint], size: 2)) { proxy throws in
            limit(proxy, to: 1)
            let clients = try (0..<3).map { _ in try proxy.client() }
            for client in clients { try client.send(get) }
            try proxy.waitUntilHeld(2)
            let answer = try proxy.get()
            expect(answer, .poolBusy)
            #expect(answer["retry-after"] == "1")
            gate.give()
            for client in clients {
                #expect(try client.response().status == 200)
                client.close()
            }
        }
    }

    @Test("who has waited too long is told so, and the record says it")
    func late() throws {
        let gate = try Signal()
        let upstream = try gated(gate)
        let lines = try records(queueing([upstream.endpoint], timeout: 150)) { proxy throws in
            limit(proxy, to: 1)
            let client = try proxy.client()
            try client.send(get)
            try waitUntil("it is under way") { proxy.look { $0.exchangesAtEndpoints } > 0 }
            let answer = try proxy.get()
            expect(answer, .queueTimeout)
            #expect(answer["retry-after"] == "1")
            #expect(proxy.tally.holding.queueTimeouts.current == 1)
            gate.give()
            #expect(try client.response().status == 200)
            client.close()
        }
        #expect(lines.first?["end"] as? String == "queue timeout")
        #expect(lines.first?["step"] as? String == "held")
    }
}
