import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("Clients that finish, and clients that are gone", .timeLimit(.minutes(5)))
struct ClientGoneTests {
    private static let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"

    @Test("a client that closed while the upstream thinks is noticed, and takes its upstream connection with it")
    func closed() throws {
        let upstream = try ScriptedUpstream.stalling()
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(Self.get)
            try waitUntil("the upstream has it") { upstream.openCount == 1 }
            client.close()
            try waitUntil("the upstream's connection ends", 4_000) { upstream.openCount == 0 }
            #expect(proxy.tally.clientAborts.current == 1)
            #expect(proxy.tally.timeouts.probes.current == 1)
        }
    }

    @Test("one that closed right behind its request is noticed too, whether or not its request was read by then")
    func closedAtOnce() throws {
        let upstream = try ScriptedUpstream.stalling()
        try proxying(site(upstream)) { proxy throws in
            for _ in 0..<10 {
                let client = try proxy.client()
                try client.send(Self.get)
                client.close()
            }
            try waitUntil("all are noticed", 4_000) { proxy.tally.clientAborts.current == 10 }
            try waitUntil("the upstream's connections end") { upstream.openCount == 0 }
        }
    }

    @Test("a client that only finished its side hears an interim response and then its own")
    func halfClosed() throws {
        let gate = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            _ = gate.wait(Peer.patience)
            try peer.send(ok("late"))
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(Self.get)
            client.finish()
            #expect(try client.anyResponse().status == 100)
            gate.give()
            let response = try client.anyResponse()
            #expect(response.status == 200)
            #expect(response.text == "late")
            #expect(try client.readToEnd().isEmpty)
            #expect(proxy.tally.clientAborts.current == 0)
        }
    }

    @Test("a client of HTTP/1.0 that finished its side hears nothing but its response")
    func halfClosedOld() throws {
        let gate = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            _ = gate.wait(Peer.patience)
            try peer.send(ok("late"))
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n")
            client.finish()
            #expect(try client.isQuiet(milliseconds: 1_400))
            gate.give()
            #expect(try client.anyResponse().text == "late")
        }
    }

    @Test("a client that resets while its upstream is being connected to ends the connect")
    func resetDuringConnect() throws {
        let full = try FullBacklog()
        try proxying([Rule(name: "site", hosts: ["site.test"], endpoints: [full.endpoint])]) { proxy throws in
            let client = try proxy.client()
            try client.send(Self.get)
            try waitUntil("it connects") { proxy.books.inFlight == 1 }
            client.reset()
            try waitUntil("it does not any more", 2_000) { proxy.books.inFlight == 0 }
            #expect(proxy.tally.clientAborts.current == 1)
            #expect(proxy.tally.upstreamsOpen.current == 0)
        }
    }

    @Test("a client that is gone in the middle of an event stream is noticed with the next event")
    func eventStream() throws {
        let gate = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
            _ = gate.wait(Peer.patience)
            try peer.send("data: 2\n\n")
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send(Self.get)
            #expect(try client.read(through: "data: 1\n\n") != nil)
            client.close()
            gate.give()
            try waitUntil("the upstream's connection ends", 4_000) { upstream.openCount == 0 }
            #expect(proxy.tally.clientAborts.current == 1)
        }
    }
}
