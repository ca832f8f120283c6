import Contract
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("Requests that are held until they are whole", .timeLimit(.minutes(5)))
struct BufferedRequestTests {
    private func buffering(_ upstreams: ScriptedUpstream..., upTo limit: Int = 1 << 20) -> [Rule] {
        var options = RuleOptions()
        options.bufferRequest = limit
        return [Rule(name: "site", hosts: ["site.test"], endpoints: upstreams.map(\.endpoint), options: options)]
    }

    private func head(_ length: Int, _ fields: String = "", method: String = "POST") -> [UInt8] {
        Array("\(method) / HTTP/1.1\r\nHost: site.test\r\n\(fields)Content-Length: \(length)\r\n\r\n".utf8)
    }

    private static let chunkedHead = Array(
        "POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)

    @Test("no endpoint is contacted before the last byte has come", arguments: [true, false])
    func slowUpload(_ isChunked: Bool) throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(buffering(upstream)) { proxy throws in
            let client = try proxy.client()
            let body = pattern(200_000)
            let bytes = isChunked ? Self.chunkedHead + inChunks(body, of: 9_000) : head(body.count) + body
            try client.send(Array(bytes.dropLast()))
            try waitUntil("all but one byte is held") {
                proxy.tally.requestBytes.current >= UInt64(body.count) - 1
            }
            #expect(upstream.acceptedCount == 0)
            #expect(proxy.tally.requestBufferBytes.current >= UInt64(body.count))
            try client.send(Array(bytes.suffix(1)))
            #expect(try client.response().body == body)
            #expect(proxy.tally.requestsBuffered.current == 1)
            #expect(proxy.tally.requestBufferBytes.current == 0)
        }
    }

    @Test("every size, at and around the limit and the buffers, passes unchanged", arguments: [true, false])
    func sizes(_ isChunked: Bool) throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(buffering(upstream, upTo: 65_537)) { proxy throws in
            let client = try proxy.client()
            for size in BodyTests.sizes {
                let body = pattern(size)
                let bytes = isChunked ? Self.chunkedHead + inChunks(body, of: 5_000) : head(size) + body
                try client.send(bytes, reading: true)
                #expect(try client.response().body == body, "\(size) bytes")
            }
            #expect(proxy.tally.requestsBeyondBuffer.current > 0)
            #expect(proxy.tally.requestBufferBytes.current == 0)
        }
    }

    @Test("trailers come behind a held body, also when it is sent again")
    func trailers() throws {
        let bad = try ScriptedUpstream { peer, _ in _ = try peer.read(through: "0\r\nX-Sum: 1\r\n\r\n") }
        let good = try ScriptedUpstream { peer, _ in
            while let bytes = try peer.read(through: "0\r\nX-Sum: 1\r\n\r\n") {
                try peer.send(ok("\(bytes.count > 300)"))
            }
        }
        try proxying(buffering(bad, good)) { proxy throws in
            let client = try proxy.client()
            let head = "PUT / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            for count in [300, 16_370, 70_000] {
                let body = inChunks(pattern(count), of: 9_000, trailer: "X-Sum: 1\r\n")
                try client.send(Array(head.utf8) + body)
                #expect(try client.response().text == "true")
            }
            #expect(proxy.tally.requestsBuffered.current == 3)
        }
        #expect(bad.acceptedCount > 0)
    }

    @Test("cut anywhere, a body is the same; what follows it is the next request")
    func cuts() throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(buffering(upstream)) { proxy throws in
            let client = try proxy.client()
            let next = Array("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n".utf8)
            for message in [head(7) + Array("seven77".utf8), Self.chunkedHead + inChunks(Array("seven77".utf8), of: 3)]
            {
                for cut in 1..<message.count {
                    try client.send(Array(message.prefix(cut)))
                    try waitUntil("it was read") { proxy.hasReadOfClients }
                    try client.send(message.dropFirst(cut) + next)
                    #expect(try client.response().text == "seven77", "cut at \(cut)")
                    #expect(try client.response().text.isEmpty)
                }
            }
        }
    }

    @Test("one byte over the rule's size is streamed", arguments: [true, false])
    func beyond(_ isChunked: Bool) throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(buffering(upstream, upTo: 100_000)) { proxy throws in
            for (size, isHeld) in [(100_000, true), (isChunked ? 300_000 : 100_001, false)] {
                let contacted = upstream.acceptedCount
                let client = try proxy.client()
                let body = pattern(size)
                let bytes = isChunked ? Self.chunkedHead + inChunks(body, of: 10_000) : head(size) + body
                try client.send(Array(bytes.dropLast(20)))
                if isHeld {
                    try waitUntil("it is held") { proxy.tally.requestBufferBytes.current >= 99_000 }
                    #expect(upstream.acceptedCount == contacted)
                } else {
                    try waitUntil("the upstream is contacted") {
                        upstream.acceptedCount + upstream.openCount > contacted
                    }
                }
                try client.send(Array(bytes.suffix(20)), reading: true)
                #expect(try client.response().body == body)
            }
            #expect(proxy.tally.requestsBeyondBuffer.current == 1)
            #expect(proxy.tally.requestsBuffered.current == 1)
        }
    }

    @Test("what all clients together may have held is bounded; beyond it requests are streamed")
    func workerLimit() throws {
        let upstream = try ScriptedUpstream.echoing()
        let settings = quick { $0.limits.bufferedBytesPerWorker = 300_000 }
        try proxying(buffering(upstream), settings: settings) { proxy throws in
            let clients = try (0..<10).map { _ in try proxy.client() }
            let body = pattern(100_000)
            for client in clients {
                try client.send(head(body.count) + body.dropLast())
            }
            try waitUntil("the rest is streamed") { upstream.openCount == 8 }
            #expect(proxy.tally.requestBufferBytes.current <= 300_000)
            #expect(proxy.tally.requestsBeyondWorkerBuffer.current == 8)
            for client in clients {
                try client.send(Array(body.suffix(1)))
                #expect(try client.response().body == body)
            }
            #expect(proxy.tally.requestsBuffered.current == 2)
            #expect(proxy.tally.requestBufferBytes.current == 0)
        }
    }

    @Test("a held body is sent again to another endpoint, whole; POST is not")
    func replayed() throws {
        let bad = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            _ = try peer.read(70_000)
        }
        let good = try ScriptedUpstream.echoing()
        try proxying(buffering(bad, good)) { proxy throws in
            let body = pattern(300_000)
            for _ in 0..<4 {
                let client = try proxy.client()
                try client.send(head(body.count, method: "PUT") + body)
                #expect(try client.response().body == body)
            }
            #expect(proxy.tally.upstreamRetries.current == 2)
            let statuses = try (0..<2).map { _ in
                let client = try proxy.client()
                try client.send(head(body.count) + body)
                return try client.response().status
            }
            #expect(statuses.sorted() == [200, 502])
        }
    }

    @Test("whoever waits to be told to go on is told by us, and the upstream is asked nothing")
    func expectation() throws {
        let upstream = try ScriptedUpstream.steady { ok($0["expect"] ?? "none") }
        try proxying(buffering(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(head(3, "Expect: 100-Continue\r\n"))
            #expect(try client.anyResponse().status == 100)
            #expect(upstream.acceptedCount == 0)
            try client.send("abc")
            #expect(try client.anyResponse().text == "none")
            // A body beyond the size is the upstream's to ask for.
            let far = try proxy.client()
            try far.send(head(2 << 20, "Expect: 100-continue\r\n"))
            try waitUntil("the upstream has it") { upstream.openCount > 0 }
            #expect(try far.isQuiet(milliseconds: 50))
        }
    }

    @Test("what goes wrong on the way is answered, and no endpoint hears of it")
    func faults() throws {
        let upstream = try ScriptedUpstream.echoing()
        var rules = buffering(upstream)
        rules[0].options?.maxBody = 50_000
        try proxying(rules, settings: quick { $0.timeouts.bodyIdle = 200 }) { proxy throws in
            let late = try proxy.client()
            try late.send(head(10) + Array("half".utf8))
            expect(try late.response(), .requestTimeout)
            let malformed = try proxy.client()
            try malformed.send(Self.chunkedHead + Array("5\r\nabcdeXX".utf8))
            expect(try malformed.response(), .badRequest)
            let long = try proxy.client()
            try long.send(Self.chunkedHead + inChunks(pattern(60_000), of: 1_000))
            expect(try long.response(), .bodyTooLarge)
            for byReset in [true, false] {
                let gone = try proxy.client()
                try gone.send(head(40_000) + pattern(39_000))
                try waitUntil("it is held") { proxy.tally.requestBufferBytes.current > 0 }
                if byReset { gone.reset() } else { gone.close() }
                try waitUntil("it is given back") { proxy.tally.requestBufferBytes.current == 0 }
            }
        }
        #expect(upstream.acceptedCount == 0)
    }

    @Test("a rule that goes while a request is held serves it to its end")
    func change() throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(buffering(upstream)) { proxy throws in
            let client = try proxy.client()
            let body = pattern(90_000)
            try client.send(head(body.count) + body.dropLast())
            try waitUntil("it is held") { proxy.tally.requestBytes.current == 89_999 }
            proxy.adopt([])
            try client.send(Array(body.suffix(1)))
            #expect(try client.response().body == body)
        }
    }

    @Test("an endpoint that answers before it has all of a held body is heard")
    func earlyAnswer() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big")
            peer.finish()
            _ = try peer.isQuiet(milliseconds: 20)
        }
        try proxying(buffering(upstream, upTo: 16 << 20)) { proxy throws in
            let client = try proxy.client()
            let body = pattern(15 << 20)
            try client.send(head(body.count) + body)
            let answer = try client.response()
            #expect(answer.status == 413 && answer.text == "too big")
        }
    }
}
