import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("Interim responses, expectations and upgrades", .timeLimit(.minutes(5)))
struct UpgradeTests {
    static let upgrade =
        "GET /ws HTTP/1.1\r\nHost: site.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
    static let switching =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\n"

    @Test("100 Continue passes from the upstream to a client that waits for it, and the body follows")
    func expectation() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            guard let head = try peer.requestHead() else { return }
            #expect(head["expect"] == "100-continue")
            try peer.send("HTTP/1.1 100 Continue\r\n\r\n")
            let body = try peer.read(5)
            try peer.send(ok(body.text))
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            #expect(try client.anyResponse().firstLine == "HTTP/1.1 100 Continue")
            try client.send("hello")
            #expect(try client.anyResponse().text == "hello")
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("a refused expectation reaches the client, which sends no body; the connection is not used again")
    func refusedExpectation() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            guard try peer.requestHead() != nil else { return }
            try peer.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            let answer = try client.response()
            #expect(answer.status == 417 && answer["connection"] == "close")
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("103 and its fields come before the response, and not at all to HTTP/1.0")
    func earlyHints() throws {
        let upstream = try ScriptedUpstream.steady { _ in "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok("x") }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            let hint = try client.anyResponse()
            #expect(hint.head == "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            #expect(try client.anyResponse().text == "x")
            let old = try proxy.client()
            try old.send("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n")
            #expect(try old.anyResponse().text == "x")
        }
    }

    @Test("interim responses without end become 502")
    func endlessInterim() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            while true { try peer.send("HTTP/1.1 102 Processing\r\n\r\n") }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            expect(try client.response(), .upstreamMalformed)
        }
    }

    @Test(
        "h2c is not offered to the upstream: the request is served as HTTP/1.1",
        arguments: ["h2c", "foo, H2C", "h2c,x"])
    func cleartextHTTP2(_ protocols: String) throws {
        let upstream = try ScriptedUpstream { peer, _ in
            guard let head = try peer.requestHead() else { return }
            #expect(head["upgrade"] == nil)
            #expect(head["connection"] == nil)
            #expect(head["http2-settings"] == nil)
            try peer.send(ok("served"))
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(
                "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: \(protocols)\r\n"
                    + "HTTP2-Settings: AAMAAABk\r\n\r\n")
            #expect(try client.response().text == "served")
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("an upgrade becomes a tunnel; each side may end its direction while the other goes on")
    func tunnel() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            guard let head = try peer.requestHead() else { return }
            #expect(head["upgrade"] == "websocket" && head["connection"] == "upgrade")
            try peer.send(Self.switching + "first words")
            #expect(try peer.read(100_000) == pattern(100_000))
            try peer.send(pattern(200_000))
            #expect(try peer.readToEnd().text == "the end")
            try peer.send("after the end")
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(Self.upgrade)
            let answer = try client.response()
            #expect(answer.firstLine == "HTTP/1.1 101 Switching Protocols")
            #expect(answer["connection"] == "upgrade" && answer["upgrade"] == "websocket" && answer["x-a"] == "b")
            #expect(try client.read(11).text == "first words")
            try client.send(pattern(100_000))
            #expect(try client.read(200_000) == pattern(200_000))
            try client.send("the end")
            client.finish()
            #expect(try client.readToEnd().text == "after the end")
            #expect(!client.wasReset)
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("an upstream that ends its direction of a tunnel still gets what the client sends")
    func upstreamHalfCloses() throws {
        let heard = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send(Self.switching + "bye")
            peer.finish()
            if try peer.readToEnd().text == "still here" { heard.give() }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(Self.upgrade)
            #expect(try client.response().status == 101)
            #expect(try client.readToEnd().text == "bye")
            try client.send("still here")
            client.finish()
            #expect(heard.wait(Peer.patience))
        }
    }

    @Test("what a client sends behind its request reaches the other end of the tunnel")
    func impatient() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            // Everything of the client is at the proxy before the answer is.
            _ = try peer.isQuiet(milliseconds: 50)
            try peer.send(Self.switching)
            try peer.send(try peer.read(20))
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(Self.upgrade + "with request")
            try client.send(" or soon")
            #expect(try client.response().status == 101)
            #expect(try client.read(20).text == "with request or soon")
        }
    }

    @Test("a refused upgrade is an ordinary response, and the connection goes on")
    func refusedUpgrade() throws {
        let upstream = try ScriptedUpstream.saying("no")
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for _ in 0..<3 {
                try client.send(Self.upgrade)
                #expect(try client.response().text == "no")
            }
        }
        #expect(upstream.acceptedCount == 1)
    }

    @Test("a tunnel in which nothing moves is closed, one in which something moves is not")
    func idleTunnel() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send(Self.switching)
            while case let some = try peer.readSome(), !some.isEmpty { try peer.send(some) }
        }
        try proxying(site(upstream), settings: quick { $0.timeouts.tunnelIdle = 600 }) { proxy throws in
            let client = try proxy.client()
            try client.send(Self.upgrade)
            #expect(try client.response().status == 101)
            for _ in 0..<10 {
                #expect(try client.isQuiet(milliseconds: 100))
                try client.send("x")
                #expect(try client.read(1).text == "x")
            }
            #expect(try client.readToEnd().isEmpty)
            try waitUntil("the upstream's end") { upstream.openCount == 0 }
        }
    }
}
