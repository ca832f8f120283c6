import Contract
import Kernel
import Synchronization
import TestKit
import Testing

@testable import Proxy

/// Everybody misbehaves at random for a while; afterwards nothing may be left, and who behaved must have been served.
/// `KONTAINERS_SEED` repeats a run, `KONTAINERS_SOAK` is how many seconds it lasts.
@Suite("Random peers", .timeLimit(.minutes(5)))
struct SoakTests {
    @Test("leave nothing behind, and do not harm those who behave")
    func soak() throws {
        let seed = UInt64(Variable.named("KONTAINERS_SEED") ?? "") ?? .random(in: 0 ... .max)
        let seconds = CInt(Variable.named("KONTAINERS_SOAK") ?? "") ?? 4
        print("soak: KONTAINERS_SEED=\(seed)")
        let upstreams = try (0..<3).map { try RandomUpstream.make(seed: seed &+ $0) }
        // An endpoint of their own for those who behave: bytes that a bad one sends behind its response may be taken
        // for the next response on that connection, by any proxy.
        let honest = try RandomUpstream.make(seed: seed)
        let good = Rule(name: "good", hosts: ["site.test"], path: "/good", endpoints: [honest.endpoint])
        let rules = (1...3).map { count in
            [good, Rule(name: "site", hosts: ["site.test"], endpoints: upstreams.prefix(count).map(\.endpoint))]
        }
        let settings = quick {
            $0.timeouts.head = 1_000
            $0.timeouts.bodyIdle = 1_000
            $0.timeouts.firstByte = 1_000
            $0.timeouts.responseIdle = 1_000
            $0.timeouts.keepAlive = 1_000
            $0.timeouts.upstreamIdle = 1_000
            $0.timeouts.tunnelIdle = 1_000
        }
        let tale = Tale()
        try proxying(rules[2], settings: settings) { proxy throws in
            let deadline = Deadline(seconds * 1_000)
            let address = proxy.plain
            let clients = try (0..<8).map { number in
                let done = try Signal()
                try NativeThread.start(named: "client-\(number)") {
                    var client = RandomClient(address, SeededGenerator(seed: seed &+ 100 &+ UInt64(number)), tale)
                    while deadline.left > 0 { client.act() }
                    done.give()
                }
                return done
            }
            var generator = SeededGenerator(seed: seed)
            while deadline.left > 0 {
                for _ in 0..<5 { pause() }
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    // Endpoints come and go, but the first always stays.
                    proxy.adopt(rules[Int.random(in: 0..<3, using: &generator)])
                }
            }
            for client in clients { #expect(client.wait(Peer.patience)) }
        }
        let (served, faults) = tale.told
        #expect(faults.isEmpty, "KONTAINERS_SEED=\(seed): \(faults.prefix(5))")
        #expect(served > 0)
        try waitUntil("upstreams' connections end") { (upstreams + [honest]).allSatisfy { $0.openCount == 0 } }
    }
}

/// What clients that behaved have to tell.
final class Tale: Sendable {
    private let all = Mutex<(served: Int, faults: [String])>((0, []))
    var told: (served: Int, faults: [String]) { all.withLock { $0 } }
    func good() { all.withLock { $0.served += 1 } }
    func bad(_ fault: String) { all.withLock { $0.faults.append(fault) } }
}

/// Serves `/good` as it should be, and everything else badly.
enum RandomUpstream {
    static func make(seed: UInt64) throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, number in
            var generator = SeededGenerator(seed: seed &* 1_000 &+ UInt64(number))
            while let request = try peer.request() {
                if request.target == "/good" {
                    try peer.send(
                        Array("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n".utf8) + request.body)
                    continue
                }
                guard try misbehave(peer, &generator) else { return }
            }
        }
    }

    /// `false`: the connection is over.
    private static func misbehave(_ peer: Peer, _ generator: inout SeededGenerator) throws -> Bool {
        let size = Int.random(in: 0...200_000, using: &generator)
        switch Int.random(in: 0..<14, using: &generator) {
        case 0: return false
        case 1:
            peer.reset()
            return false
        case 2:
            _ = try peer.readToEnd()
            return false
        case 3: try peer.send(generator.bytes(size % 3_000))
        case 4:
            try peer.send(Array("HTTP/1.1 200 OK\r\nContent-Length: \(size + 1)\r\n\r\n".utf8) + pattern(size))
            return false
        case 5:
            try peer.send(Array("HTTP/1.1 200 OK\r\nContent-Length: \(size / 2)\r\n\r\n".utf8) + pattern(size))
        case 6: try peer.send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8) + pattern(size))
        case 7:
            let chunks = inChunks(pattern(size), of: 1 + size % 999)
            try peer.send(
                Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
                    + chunks.prefix(Int.random(in: 0...chunks.count, using: &generator)))
            return false
        case 8:
            for byte in Array(ok("dribble").utf8) {
                try peer.send([byte])
                if Int.random(in: 0..<9, using: &generator) == 0 { pause() }
            }
        case 9: try peer.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + ok("x"))
        case 10:
            try peer.send(UpgradeTests.switching)
            try peer.send(pattern(size))
            _ = try peer.readSome()
            return false
        case 11:
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            _ = try peer.readToEnd()
            return false
        case 12:
            try peer.send(ok("early"))
            peer.finish()
            _ = try peer.readToEnd()
            return false
        case _: try peer.send(ok(String(repeating: "x", count: size % 100)))
        }
        return true
    }
}

/// A client that behaves one time in three.
struct RandomClient {
    let address: SocketAddress
    var generator: SeededGenerator
    let tale: Tale

    init(_ address: SocketAddress, _ generator: SeededGenerator, _ tale: Tale) {
        (self.address, self.generator, self.tale) = (address, generator, tale)
    }

    mutating func act() {
        guard let peer = try? Peer(to: address) else { return tale.bad("connecting failed") }
        if Int.random(in: 0..<3, using: &generator) > 0 {
            // Whatever comes of it is right, as long as it ends.
            try? misbehave(peer)
            if Bool.random(using: &generator) { peer.reset() }
            return
        }
        do {
            for _ in 0..<Int.random(in: 1...4, using: &generator) { try behave(peer) }
        } catch {
            tale.bad("\(error)")
        }
    }

    private mutating func behave(_ peer: Peer) throws {
        // GET may be sent again when a pooled connection was just ended by its upstream; POST may not, so the good ones
        // that have a body are PUT.
        let body = pattern(Bool.random(using: &generator) ? 0 : Int.random(in: 1...12_000, using: &generator))
        let (method, framing) = body.isEmpty ? ("GET", "") : ("PUT", "Content-Length: \(body.count)\r\n")
        try peer.send(Array("\(method) /good HTTP/1.1\r\nHost: site.test\r\n\(framing)\r\n".utf8) + body)
        let answer = try peer.response()
        guard answer.status == 200, answer.isWhole, answer.body == body else {
            return tale.bad("\(answer)")
        }
        tale.good()
    }

    private mutating func misbehave(_ peer: Peer) throws {
        let size = Int.random(in: 0...150_000, using: &generator)
        let head = "POST /bad HTTP/1.1\r\nHost: site.test\r\n"
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: try peer.send(generator.bytes(size))
        case 1: try peer.send("GET /bad HTTP/1.1\r\nHost: si")
        case 2: try peer.send(Array((head + "Content-Length: \(size + 100)\r\n\r\n").utf8) + pattern(size))
        case 3:
            let chunks = inChunks(pattern(size), of: 1 + size % 999)
            try peer.send(Array((head + "Transfer-Encoding: chunked\r\n\r\n").utf8) + chunks, reading: true)
        case 4: try peer.send(Array((head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab").utf8) + generator.bytes(99))
        case 5:
            let one = "GET /\(Bool.random(using: &generator) ? "bad" : "good") HTTP/1.1\r\nHost: site.test\r\n\r\n"
            try peer.send(String(repeating: one, count: 1 + size % 50))
        case 6:
            for byte in Array("GET /bad HTTP/1.1\r\nHost: site.test\r\n\r\n".utf8) {
                try peer.send([byte])
                if Int.random(in: 0..<9, using: &generator) == 0 { pause() }
            }
        case 7:
            try peer.send(UpgradeTests.upgrade)
            try peer.send(pattern(size), reading: true)
        case 8: try peer.send("GET /none HTTP/1.1\r\nHost: other.test\r\n\r\n")
        case 9: return
        case 10:
            try peer.send(head + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            _ = try peer.anyResponse()
            try peer.send("hello")
        case _: try peer.send(Array((head + "Content-Length: \(size)\r\n\r\n").utf8) + pattern(size), reading: true)
        }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: return
        case 1: peer.finish()
        case _: break
        }
        // The proxy ends all of them by itself, sooner or later.
        _ = try peer.readToEnd()
    }
}
