import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("Connections that are passed on", .timeLimit(.minutes(5)))
struct TunnelRelayTests {
    @Test("bytes go both ways as they come, and each side's end reaches the other")
    func bothWays() throws {
        let upstream = try ScriptedUpstream.parroting("hello ")
        try proxying([tunnel(to: upstream)]) { proxy throws in
            let client = try proxy.rawClient()
            #expect(try client.read(6).text == "hello ")
            for size in [1, 5, 16_384, 300_000, 1] {
                let bytes = pattern(size)
                try client.send(bytes, reading: true)
                #expect(try client.read(size) == bytes)
            }
            client.finish()
            #expect(try client.readToEnd().isEmpty)
            #expect(!client.wasReset)
            try waitUntil("the tunnel ends") { proxy.tally.transports.tunnelsOpen.current == 0 }
            #expect(proxy.tally.transports.tunnels.current == 1)
            #expect(proxy.tally.transports.receivedBytes.current == 316_391)
            #expect(proxy.tally.transports.sentBytes.current == 316_397)
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("a side that has ended still hears the other")
    func halfClosed() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            let all = try peer.readToEnd()
            try peer.send(Array("heard \(all.count), ".utf8) + pattern(2_000_000))
            peer.finish()
        }
        try proxying([tunnel(to: upstream)]) { proxy throws in
            let client = try proxy.rawClient()
            try client.send(pattern(1_000_000))
            client.finish()
            #expect(try client.read(through: ", ")?.text == "heard 1000000, ")
            #expect(try client.readToEnd() == pattern(2_000_000))
        }
    }

    @Test("a side that does not read stops the other, and costs a buffer each way at most")
    func backPressure() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.read(1)
            try peer.send(pattern(30_000_000))
            peer.finish()
        }
        try proxying([tunnel(to: upstream)]) { proxy throws in
            let client = try proxy.rawClient()
            try client.send("x")
            // What nobody reads fills the sockets on the way, and then nothing moves.
            try waitUntil("the tunnel is stuck") { proxy.books.used == 1 }
            #expect(try client.readToEnd() == pattern(30_000_000))
        }
    }

    @Test("a reset of one side reaches the other as one", arguments: [true, false])
    func resets(byClient: Bool) throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.read(1)
            if byClient {
                try peer.send("x")
                _ = try peer.readToEnd()
                guard peer.wasReset else { throw PeerFault.ended("without a reset") }
            } else {
                peer.reset()
            }
        }
        try proxying([tunnel(to: upstream)]) { proxy throws in
            let client = try proxy.rawClient()
            try client.send("x")
            if byClient {
                _ = try client.read(1)
                client.reset()
            } else {
                #expect(try client.readToEnd().isEmpty)
                #expect(client.wasReset)
            }
            try waitUntil("the tunnel ends") { proxy.tally.transports.tunnelsOpen.current == 0 }
            try waitUntil("the upstream ends") { upstream.openCount == 0 }
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("a tunnel without a byte ends after its idle time, one with bytes goes on")
    func idle() throws {
        let upstream = try ScriptedUpstream.parroting()
        let settings = quick { $0.timeouts.tunnelIdle = 300 }
        try proxying([tunnel(to: upstream)], settings: settings) { proxy throws in
            let client = try proxy.rawClient()
            for _ in 0..<8 {
                try client.send("x")
                _ = try client.read(1)
                #expect(try client.isQuiet(milliseconds: 100))
            }
            #expect(try client.readToEnd().isEmpty)
            #expect(proxy.tally.timeouts.tunnelIdle.current == 1)
        }
    }

    @Test("a tunnel ends with its total time, whatever moves")
    func total() throws {
        let upstream = try ScriptedUpstream.parroting()
        let rule = tunnel(to: upstream) { rule, _ in
            rule.options = RuleOptions()
            rule.options?.timeouts = RuleTimeouts()
            rule.options?.timeouts?.total = 400
        }
        try proxying([rule]) { proxy throws in
            let client = try proxy.rawClient()
            let deadline = Deadline(Peer.patience)
            while deadline.left > 0, proxy.tally.timeouts.total.current == 0 {
                guard (try? client.send("x")) != nil else { break }
                _ = try? client.read(1)
            }
            try waitUntil("the time is told") { proxy.tally.timeouts.total.current == 1 }
        }
    }

    @Test("a tunnel goes through a thousand revisions, of which none stays for its sake")
    func revisions() throws {
        let upstream = try ScriptedUpstream.parroting()
        try proxying([tunnel(to: upstream)]) { proxy throws in
            let client = try proxy.rawClient()
            try client.send("x")
            _ = try client.read(1)
            for number in 0..<1_000 {
                proxy.adopt([
                    tunnel(to: upstream), Rule(name: "r\(number)", hosts: ["h\(number).test"]),
                ])
            }
            #expect(proxy.books.tables == 1)
            try client.send("y")
            #expect(try client.read(1).text == "y")
            // Its rule goes, and its numbers stay its own.
            proxy.adopt([Rule(name: "other", hosts: ["a.test"])])
            try client.send("z")
            #expect(try client.read(1).text == "z")
            #expect(proxy.books.heldRules == 1)
        }
    }

    @Test("when it drains, a tunnel goes on until the limit")
    func draining() throws {
        let upstream = try ScriptedUpstream.parroting()
        let proxy = try TestProxy([tunnel(to: upstream)])
        let client = try proxy.rawClient()
        try client.send("x")
        _ = try client.read(1)
        proxy.drain(within: 400)
        try client.send("y")
        #expect(try client.read(1).text == "y")
        #expect(try client.readToEnd().isEmpty)
        #expect(proxy.hasEnded(within: Peer.patience))
    }
}
