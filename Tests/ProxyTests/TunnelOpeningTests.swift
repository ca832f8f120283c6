import Contract
import Foundation
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("The way of a connection to its endpoint", .timeLimit(.minutes(5)))
struct TunnelOpeningTests {
    /// An address of this machine where nobody listens: tests have others.
    private let nobody = Endpoint(address: "127.99.0.1:9")

    @Test("a connect that is refused goes to the next endpoint, and the client's bytes with it")
    func retries() throws {
        let upstream = try ScriptedUpstream.parroting()
        var rule = tunnel(to: upstream)
        rule.endpoints = [nobody, nobody, upstream.endpoint]
        try proxying([rule]) { proxy throws in
            for _ in 0..<6 {
                let client = try proxy.rawClient()
                try client.send("hello")
                #expect(try client.read(5).text == "hello")
            }
            #expect(proxy.tally.upstreamRetries.current > 0)
        }
    }

    @Test("without an endpoint the connection ends, and the record says why")
    func nothing() throws {
        var rule = tunnel()
        rule.endpoints = [nobody]
        let found = try records([rule, tunnel("empty", on: ["web"]) { $1.prefaces = [.ssh] }]) { proxy throws in
            #expect(try proxy.rawClient().readToEnd().isEmpty)
            let other = try proxy.client()
            try other.send("SSH-2.0-x\r\n")
            #expect(try other.readToEnd().isEmpty)
        }
        #expect(found.count == 2)
        #expect(found[0]["rule"] as? String == "tunnel")
        #expect(found[0]["reason"] as? String == "connect failed")
        #expect(found[0]["protocol"] as? String == "tcp")
        #expect(found[1]["reason"] as? String == "no endpoint")
    }

    @Test("a connection is held until its rule has an endpoint")
    func held() throws {
        let upstream = try ScriptedUpstream.parroting()
        var empty = tunnel()
        empty.holding = Holding()
        let full = tunnel(to: upstream) { rule, _ in rule.holding = empty.holding }
        try proxying([full]) { proxy throws in
            proxy.adopt([empty])
            let client = try proxy.rawClient()
            try client.send("hello")
            try waitUntil("the connection is held") { proxy.tally.holding.now.current == 1 }
            proxy.adopt([full])
            #expect(try client.read(5).text == "hello")
            #expect(proxy.tally.holding.served.current == 1)
        }
    }

    @Test("whom a rule does not let in is not connected")
    func denied() throws {
        let upstream = try ScriptedUpstream.parroting()
        let rule = tunnel(to: upstream) { rule, _ in
            rule.options = RuleOptions()
            rule.options?.deny = ["127.0.0.0/8"]
        }
        try proxying([rule]) { proxy throws in
            #expect(try proxy.rawClient().readToEnd().isEmpty)
            #expect(proxy.tally.count(of: .denied) == 1)
        }
        #expect(upstream.acceptedCount == 0)
    }

    @Test("the endpoint is told for whom the connection is, in the version that was asked for")
    func proxyHeaders() throws {
        for (version, count) in [(TransportOptions.SentProxyProtocol.v1, 0), (.v2, 28)] {
            let upstream = try ScriptedUpstream { peer, _ in
                if count == 0 {
                    let line = try peer.read(through: "\r\n")?.text ?? ""
                    try peer.send(line)
                } else {
                    let fixed = try peer.read(16)
                    let length = Int(fixed[14]) << 8 | Int(fixed[15])
                    let rest = try peer.read(length)
                    // A unique ID of 32 digits is all that is known of a connection without TLS.
                    try peer.send("\(fixed[12]) \(fixed[13]) \(length) \(rest[12]) \(rest[14])\r\n")
                }
                try peer.send(try peer.read(3))
                _ = try peer.readToEnd()
            }
            try proxying([tunnel(to: upstream) { $1.proxyProtocol = version }]) { proxy throws in
                let client = try proxy.rawClient()
                try client.send("abc")
                let told = try client.read(through: "\r\n")?.text ?? ""
                if count == 0 {
                    let port = try #require(Socket.localAddress(client.socket)?.port)
                    #expect(told == "PROXY TCP4 127.0.0.1 127.0.0.1 \(port) \(proxy.raw.port)\r\n")
                } else {
                    #expect(told == "33 17 \(12 + 35) 5 32\r\n")
                }
                #expect(try client.read(3).text == "abc")
            }
        }
    }

    @Test("one address gets as many connections of a listener as it may, and others are counted apart")
    func limits() throws {
        let upstream = try ScriptedUpstream.parroting("x")
        let web = try ScriptedUpstream.saying("x")
        try proxying([tunnel(to: upstream)] + site(web), addressLimit: 2) { proxy throws in
            let clients = [try proxy.rawClient(), try proxy.rawClient()]
            for client in clients { _ = try client.read(1) }
            #expect(try proxy.rawClient().readToEnd().isEmpty)
            #expect(proxy.tally.limits.connectionsPerAddress.current == 1)
            #expect(try proxy.get().text == "x")
            clients[0].close()
            try waitUntil("there is room") { proxy.tally.transports.tunnelsOpen.current == 1 }
            #expect(try proxy.rawClient().read(1).text == "x")
        }
    }

    @Test("endpoints that take connections and say nothing to those who spoke are ejected")
    func ejection() throws {
        let mute = try ScriptedUpstream { peer, _ in _ = try peer.read(1) }
        let good = try ScriptedUpstream.parroting()
        let rule = tunnel(to: mute, good) { rule, _ in
            rule.pool = PoolOptions()
            rule.pool?.ejection = Ejection()
            rule.pool?.ejection?.consecutive = 3
        }
        try proxying([rule]) { proxy throws in
            let deadline = Deadline(Peer.patience)
            while proxy.tally.ejections.current == 0, deadline.left > 0 {
                let client = try proxy.rawClient()
                try client.send("a")
                _ = try client.readSome()
            }
            #expect(proxy.tally.ejections.current == 1)
            for _ in 0..<4 {
                let client = try proxy.rawClient()
                try client.send("b")
                #expect(try client.read(1).text == "b")
            }
        }
    }

    @Test("records tell of each tunnel: whose, where to, how much, how it ended")
    func recording() throws {
        let upstream = try ScriptedUpstream.parroting()
        let found = try records([tunnel(to: upstream)]) { proxy throws in
            let client = try proxy.rawClient()
            try client.send("hello")
            _ = try client.read(5)
            client.finish()
            _ = try client.readToEnd()
        }
        let record = try #require(found.first)
        #expect(found.count == 1)
        #expect(record["listener"] as? String == "raw")
        #expect(record["rule"] as? String == "tunnel")
        #expect(record["endpoint"] as? String == upstream.address.description)
        #expect(record["received"] as? Int == 5)
        #expect(record["sent"] as? Int == 5)
        #expect(record["end"] as? String == "complete")
        #expect(record["total_us"] is Int && record["connect_us"] is Int)
    }
}
