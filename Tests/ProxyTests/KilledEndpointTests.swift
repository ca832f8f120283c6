import Contract
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("The only endpoint closes under a request, and its rule holds", .timeLimit(.minutes(5)))
struct KilledEndpointTests {
    private func request(_ method: String) -> String {
        "\(method) / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    }

    /// Closes the first connections after the request's head, and answers on the others.
    private func closing(first count: Int) throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, number in
            guard try peer.requestHead() != nil, number >= count else { return }
            try peer.send(ok("again", "Connection: close\r\n"))
        }
    }

    @Test("what is idempotent is sent once more, by itself to the same endpoint; POST is not")
    func again() throws {
        for (method, status, asked) in [("GET", 200, 2), ("DELETE", 200, 2), ("POST", 502, 1)] {
            let upstream = try closing(first: 1)
            try proxying(holding([upstream.endpoint])) { proxy throws in
                #expect(try proxy.ask(request(method)).status == status, "\(method)")
                #expect(upstream.acceptedCount == asked, "\(method)")
                #expect(proxy.look { $0.heldRoutes.isEmpty })
            }
        }
    }

    @Test("a request under which it always closes is sent four times, the later ones after a pause")
    func alwaysCloses() throws {
        let upstream = try closing(first: .max)
        try proxying(holding([upstream.endpoint])) { proxy throws in
            let began = Clock.monotonic()
            expect(try proxy.ask(request("GET")), .upstreamClosed)
            #expect(Clock.monotonic() - began >= 2 * Worker.resendPause)
            #expect(upstream.acceptedCount == Int(Worker.sendLimit))
            #expect(proxy.look { $0.heldRoutes.isEmpty })
        }
    }

    @Test("what closes more than once while it dies is asked again after a pause, and holds nobody else up")
    func dying() throws {
        let upstream = try closing(first: 2)
        try proxying(holding([upstream.endpoint])) { proxy throws in
            let client = try proxy.client()
            try client.send(request("GET"))
            try proxy.waitUntilHeld(1)
            #expect(try proxy.ask(request("POST")).text == "again")
            #expect(try client.response().text == "again")
            #expect(upstream.acceptedCount == 4)
            #expect(proxy.tally.holding.served.current == 1)
        }
    }

    @Test("a client that goes in the pause takes its request along")
    func clientGoes() throws {
        let upstream = try closing(first: .max)
        try proxying(holding([upstream.endpoint])) { proxy throws in
            let client = try proxy.client()
            try client.send(request("GET"))
            try proxy.waitUntilHeld(1)
            client.reset()
            try waitUntil("nobody is held") { proxy.tally.holding.now.current == 0 }
            #expect(upstream.acceptedCount < Int(Worker.sendLimit))
        }
    }

    @Test("without holding it is not sent again")
    func withoutHolding() throws {
        let upstream = try closing(first: 1)
        try proxying(site(upstream)) { proxy throws in
            expect(try proxy.ask(request("GET")), .upstreamClosed)
            #expect(upstream.acceptedCount == 1)
        }
    }

    @Test("when it is gone from the rule by then, its successor gets the request, also one that is still to come")
    func successor() throws {
        for comesLate in [false, true] {
            let gone = try Signal()
            let old = try ScriptedUpstream { peer, _ in
                guard try peer.requestHead() != nil else { return }
                _ = gone.wait(Peer.patience)
            }
            let new = try ScriptedUpstream.saying("new")
            try proxying(holding([old.endpoint])) { proxy throws in
                let client = try proxy.client()
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                try waitUntil("the request to be there") {
                    old.acceptedCount == 1
                } orTell: {
                    ""
                }
                proxy.adopt(holding(comesLate ? [] : [new.endpoint]))
                gone.give()
                if comesLate {
                    try proxy.waitUntilHeld(1)
                    proxy.adopt(holding([new.endpoint]))
                }
                #expect(try client.response().text == "new")
                #expect(proxy.books.tables == 1)
                client.close()
            }
            #expect(old.acceptedCount == 1)
        }
    }
}
