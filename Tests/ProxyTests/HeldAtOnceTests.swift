import Balancing
import Contract
import Engine
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("Who is held goes on as soon as there is news", .serialized, .timeLimit(.minutes(5)))
struct HeldAtOnceTests {
    /// Milliseconds from the news to the response, of a request for which the next try by itself is half a second away.
    private func time(_ news: (TestProxy, EndpointVerdict, Inbox<WorkerMessage>, VerdictBoard) throws -> Void) throws
        -> UInt64
    {
        let port = try freePort()
        var took: UInt64 = 0
        try proxying(holding([Endpoint(address: "127.0.0.1:\(port)")])) { proxy throws in
            let (inbox, board, identity) = proxy.look { ($0.inbox, $0.board, $0.watches[0].identity) }
            let down = EndpointVerdict(number: 0, identity: identity, isDown: true)
            board.note([down])
            inbox.post(.verdicts([down]))
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try waitUntil("it asks every half second") { proxy.tally.upstreamConnectFailures.current >= 5 }
            let upstream = try ScriptedUpstream.saying("here", at: "127.0.0.1:\(port)")
            let began = Clock.monotonic()
            try news(proxy, EndpointVerdict(number: 0, identity: identity, isDown: false), inbox, board)
            #expect(try client.response().text == "here")
            took = (Clock.monotonic() - began) / 1_000_000
            client.close()
            _ = upstream
        }
        return took
    }

    @Test("that a check finds its endpoint well")
    func verdict() throws {
        let took = try time { _, isUp, inbox, board in
            board.note([isUp])
            inbox.post(.verdicts([isUp]))
        }
        #expect(took < 300)
    }

    @Test("a revision, also one with the same endpoints: one of them may be ready now")
    func revision() throws {
        let took = try time { proxy, _, _, _ in proxy.look { _ in } }
        #expect(took < 300)
    }
}
