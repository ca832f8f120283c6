import Contract
import Kernel
import TestKit
import Telemetry
import Testing

@testable import Proxy

@Suite("Upstreams and clients that fail", .timeLimit(.minutes(5)))
struct FailureTests {
    /// Answers one request a connection as if it would stay, and closes it when the next has come.
    private func forgetful() throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            guard try peer.request() != nil else { return }
            try peer.send(ok("x"))
            _ = try peer.requestHead()
        }
    }

    @Test("a pooled connection that ends before a byte of the response: GET is sent again, POST is not")
    func stalePooled() throws {
        let upstream = try forgetful()
        try proxying(site(upstream)) { proxy throws in
            for _ in 0..<3 { #expect(try proxy.get().text == "x") }
            #expect(proxy.tally.upstreamRetries.current == 2)
            let post = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc"
            try waitUntil("one is pooled") { proxy.books.pooled == 1 }
            expect(try proxy.ask(post), .upstreamClosed)
            #expect(try proxy.ask(post).text == "x")
            try waitUntil("one is pooled") { proxy.books.pooled == 1 }
            // Idempotent, with a body that is still here.
            #expect(try proxy.ask("PUT" + post.dropFirst(4)).text == "x")
        }
    }

    @Test("a fresh connection that ends before a byte is not tried again")
    func freshClosed() throws {
        let upstream = try ScriptedUpstream.earlyCloser()
        try proxying(site(upstream)) { proxy throws in expect(try proxy.get(), .upstreamClosed) }
        #expect(upstream.acceptedCount == 1)
    }

    @Test("while one endpoint takes connections nobody sees that others refuse them")
    func failover() throws {
        let upstream = try ScriptedUpstream.echoing()
        let endpoints = try (0..<4).map { _ in Endpoint(address: "127.0.0.1:\(try freePort())") } + [upstream.endpoint]
        try proxying([Rule(name: "site", hosts: ["site.test"], endpoints: endpoints)]) { proxy throws in
            for _ in 0..<10 {
                let body = String(repeating: "b", count: 40_000)
                let post = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 40000\r\nConnection: close\r\n\r\n"
                #expect(try proxy.ask(post + body).text == body)
                #expect(try proxy.get().status == 200)
            }
        }
    }

    @Test("an endpoint that does not answer a connect is passed over too")
    func failoverFromSilence() throws {
        let full = try FullBacklog()
        let upstream = try ScriptedUpstream.saying("x")
        let rules = [Rule(name: "site", hosts: ["site.test"], endpoints: [full.endpoint, upstream.endpoint])]
        try proxying(rules, settings: quick { $0.timeouts.connect = 150 }) { proxy throws in
            for _ in 0..<4 { #expect(try proxy.get().text == "x") }
        }
    }

    @Test("requests are spread over the endpoints evenly")
    func spread() throws {
        let upstreams = try (0..<3).map { try ScriptedUpstream.saying("\($0)") }
        let rules = [Rule(name: "site", hosts: ["site.test"], endpoints: upstreams.map(\.endpoint))]
        try proxying(rules) { proxy throws in
            var counts: [String: Int] = [:]
            for _ in 0..<30 { counts[try proxy.get().text, default: 0] += 1 }
            #expect(counts == ["0": 10, "1": 10, "2": 10])
        }
    }

    @Test("an answer that comes while the upload still runs reaches the client whole")
    func earlyResponse() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big")
            peer.finish()
            _ = try peer.isQuiet(milliseconds: 20)
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 50000000\r\n\r\n")
            let block = pattern(100_000)
            let answer = try {
                while try client.isQuiet(milliseconds: 1) { _ = client.offer(block) }
                return try client.response()
            }()
            #expect(answer.status == 413 && answer.text == "too big")
            #expect(answer["connection"] == "close")
            // What the client still sends is read and forgotten, so that no reset destroys the answer.
            _ = client.offer(block)
            #expect(try client.readToEnd().isEmpty)
            #expect(!client.wasReset)
        }
    }

    @Test(
        "a client that goes away in the middle of a response takes its upstream connection with it",
        arguments: [true, false])
    func clientGone(_ byReset: Bool) throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\n\r\n")
            while true { try peer.send(pattern(10_000)) }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            _ = try client.read(100_000)
            if byReset { client.reset() } else { client.close() }
            try waitUntil("the upstream's connection ends") { upstream.openCount == 0 }
            #expect(proxy.tally.clientAborts.current == 1)
        }
    }

    @Test("a client that resets while the upstream thinks takes its upstream connection with it")
    func clientGoneBefore() throws {
        let upstream = try ScriptedUpstream.stalling()
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try waitUntil("the upstream has it") { upstream.openCount == 1 }
            client.reset()
            try waitUntil("the upstream's connection ends") { upstream.openCount == 0 }
            #expect(proxy.tally.clientAborts.current == 1)
        }
    }

    @Test("a client that goes away in the middle of an upload takes its upstream connection with it")
    func uploaderGone() throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 100000\r\n\r\nabc")
            try waitUntil("the upstream has it") { upstream.openCount == 1 }
            client.close()
            try waitUntil("the upstream's connection ends") { upstream.openCount == 0 }
        }
        #expect(upstream.faults.count == 1)
    }

    @Test("a response that stops is cut off in time, though the client keeps sending")
    func stoppedResponse() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream), settings: quick { $0.timeouts.responseIdle = 300 }) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.read(through: "half") != nil)
            let began = Clock.monotonic()
            while try client.isQuiet(milliseconds: 40), Clock.monotonic() - began < 8_000_000_000 {
                _ = client.offer([71])
            }
            #expect(try client.readToEnd().isEmpty)
            #expect(Clock.monotonic() - began < 8_000_000_000)
        }
    }

    @Test("504 comes in time, though the client keeps sending")
    func stoppedBeforeResponse() throws {
        let upstream = try ScriptedUpstream.stalling()
        try proxying(site(upstream), settings: quick { $0.timeouts.firstByte = 300 }) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            let began = Clock.monotonic()
            while try client.isQuiet(milliseconds: 40), Clock.monotonic() - began < 8_000_000_000 {
                _ = client.offer([71])
            }
            expect(try client.response(), .upstreamTimeout)
            #expect(Clock.monotonic() - began < 8_000_000_000)
        }
    }

    @Test("a client that sends on and on after a refusal is cut off in time and holds up nobody")
    func lingering() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream)) { proxy throws in
            let flood = try proxy.client()
            try flood.send("NONSENSE\r\n\r\n")
            let box = PeerBox(flood)
            let done = try Signal()
            try NativeThread.start(named: "flood") {
                let block = [UInt8](repeating: 1, count: 1 << 20)
                while (try? box.peer.sendFromElsewhere(block)) != nil {}
                done.give()
            }
            for _ in 0..<10 { #expect(try proxy.get().text == "x") }
            #expect(done.wait(10_000))
        }
    }
}
