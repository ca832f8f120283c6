import Contract
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("Connections that stay and connections that end", .timeLimit(.minutes(5)))
struct PersistenceTests {
    @Test(
        "HTTP/1.1 stays unless it says close, HTTP/1.0 ends unless it says keep-alive",
        arguments: [
            ("HTTP/1.1", "", true, nil), ("HTTP/1.1", "Connection: close\r\n", false, "close"),
            ("HTTP/1.1", "Connection: keep-alive\r\n", true, nil),
            ("HTTP/1.0", "", false, nil), ("HTTP/1.0", "Connection: keep-alive\r\n", true, "keep-alive"),
            ("HTTP/1.0", "Connection: close\r\n", false, nil),
        ] as [(String, String, Bool, String?)])
    func rules(_ version: String, _ fields: String, _ stays: Bool, _ told: String?) throws {
        let upstream = try ScriptedUpstream.saying("hello")
        try proxying(site(upstream)) { proxy throws in
            // One that an upstream answers, and one that the proxy answers.
            for (host, status) in [("site.test", 200), ("other.test", 404)] {
                let client = try proxy.client()
                let request = "GET / \(version)\r\nHost: \(host)\r\n\(fields)\r\n"
                try client.send(request)
                let answer = try client.response()
                #expect(answer.status == status)
                #expect(answer.firstLine.hasPrefix("HTTP/1.1 "))
                // Our own answers say it to HTTP/1.0 too, which would assume it.
                #expect(answer["connection"] == told || !stays && answer["connection"] == "close")
                if stays {
                    try client.send(request)
                    #expect(try client.response().status == status)
                } else {
                    #expect(try client.readToEnd().isEmpty)
                    #expect(!client.wasReset)
                }
            }
        }
    }

    @Test("an upstream's connection serves exchange after exchange, of different clients")
    func reuse() throws {
        let upstream = try ScriptedUpstream.saying("hello")
        try proxying(site(upstream)) { proxy throws in
            for _ in 0..<20 { #expect(try proxy.get().text == "hello") }
            #expect(proxy.tally.upstreamConnects.current == 1)
            #expect(proxy.tally.upstreamReused.current == 19)
            #expect(proxy.books.pooled == 1)
        }
        #expect(upstream.acceptedCount == 1)
    }

    @Test(
        "an upstream that says close, or speaks HTTP/1.0, is not kept",
        arguments: [
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ])
    func notKept(_ response: String) throws {
        let upstream = try ScriptedUpstream.steady { _ in response }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for _ in 0..<3 {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                let answer = try client.response()
                #expect(answer.text == "ok")
                #expect(answer["connection"] == nil)
            }
        }
        #expect(upstream.acceptedCount == 3)
    }

    @Test("an idle connection of a client is closed in time, and so is one to an upstream")
    func idle() throws {
        let upstream = try ScriptedUpstream.saying("hello")
        let settings = quick {
            $0.timeouts.keepAlive = 150
            $0.timeouts.upstreamIdle = 150
        }
        try proxying(site(upstream), settings: settings) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.response().text == "hello")
            #expect(try client.readToEnd().isEmpty)
            try waitUntil("the pooled connection ends") { upstream.openCount == 0 }
        }
    }

    @Test("no more idle connections to an endpoint are kept than allowed")
    func pooledLimit() throws {
        let gate = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            while try peer.requestHead() != nil {
                _ = gate.wait(Peer.patience)
                try peer.send(ok("x"))
            }
        }
        try proxying(site(upstream), settings: quick { $0.limits.idlePerEndpoint = 2 }) { proxy throws in
            let clients = try (0..<6).map { _ in try proxy.client() }
            for client in clients { try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n") }
            try waitUntil("all six are under way") { upstream.acceptedCount == 6 }
            gate.give()
            for client in clients { #expect(try client.response().text == "x") }
            #expect(proxy.books.pooled == 2)
            try waitUntil("four ended") { upstream.openCount == 2 }
        }
    }

    @Test("bytes behind a response cost the upstream its connection and reach no client")
    func surplus() throws {
        let upstream = try ScriptedUpstream.steady { _ in
            ok("good") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for _ in 0..<5 {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(try client.response().text == "good")
            }
            #expect(proxy.books.pooled == 0)
        }
        #expect(upstream.acceptedCount == 5)
    }

    @Test("an idle upstream that says anything is closed")
    func unasked() throws {
        let (answered, spoken) = (try Signal(), try Signal())
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send(ok("x"))
            _ = answered.wait(Peer.patience)
            try peer.send("HTTP/1.1 200 OK\r\n\r\n")
            spoken.give()
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream)) { proxy throws in
            #expect(try proxy.get().text == "x")
            try waitUntil("it is pooled") { proxy.books.pooled == 1 }
            answered.give()
            #expect(spoken.wait(Peer.patience))
            try waitUntil("it ended") { proxy.books.pooled == 0 && upstream.openCount == 0 }
        }
    }

    @Test("a client that sends no more is answered before its connection ends")
    func halfClosedClient() throws {
        let gate = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            _ = gate.wait(Peer.patience)
            try peer.send(ok("late"))
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            client.finish()
            try waitUntil("the upstream has it") { upstream.acceptedCount == 1 }
            gate.give()
            #expect(try client.response().text == "late")
            #expect(try client.readToEnd().isEmpty)
        }
    }

    @Test("what may not be sent twice is not sent to a connection that its endpoint has closed a moment ago")
    func closedMeanwhile() throws {
        let (isOver, isClosed) = (try Signal(), try Signal())
        let upstream = try ScriptedUpstream { peer, number in
            while try peer.requestHead() != nil {
                try peer.send(ok("\(number)"))
                guard number == 0 else { continue }
                _ = isOver.wait(Peer.patience)
                peer.close()
                return isClosed.give()
            }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            #expect(try client.response().text == "0")
            let box = PeerBox(client)
            // The worker stands still, so that both events are in one batch, the client's first.
            proxy.look { _ in
                let post = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n"
                try? box.peer.sendFromElsewhere(Array(post.utf8))
                isOver.give()
                _ = isClosed.wait(Peer.patience)
            }
            let answer = try client.response()
            #expect(answer.status == 200 && answer.text == "1")
        }
    }
}
