import Bytes
import Contract
import Kernel
import ProxyProtocol
import Telemetry
import Testing

@testable import Proxy

@Suite("Sessions of datagrams", .timeLimit(.minutes(1)))
struct SessionTests {
    @Test("a session ends once nothing has come for its rule's time, and is recorded")
    func idle() throws {
        let upstream = try DatagramPeer()
        let lines = try recordLines([datagramRule([upstream])]) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            try client.send("four")
            try upstream.answer("fiver")
            _ = try client.text()
            try proxy.settle()
            #expect(proxy.tally.datagrams.ends[Int(SessionEnd.idle.rawValue)].current == 1)
        }
        let record = try #require(lines.first)
        for part in [
            #""client":"127.0.0.1""#, #""listener":"dns""#, #""protocol":"udp""#, #""rule":"names""#,
            #""endpoint":"\#(upstream.address)""#, #""received":4"#, #""sent":5"#, #""datagrams_received":1"#,
            #""datagrams_sent":1"#, #""end":"idle""#,
        ] {
            #expect(record.contains(part), "\(part) in \(record)")
        }
    }

    @Test("with the combined format a session is one line of it")
    func combined() throws {
        let upstream = try DatagramPeer()
        let settings = quick { $0.accessLog.format = .combined }
        let lines = try recordLines([datagramRule([upstream])], settings: settings) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            try client.send("four")
            try upstream.answer("fiver")
            _ = try client.text()
            try DatagramPeer(to: client.peerAddress).send("unheard")
        }
        #expect(lines.count == 2)
        #expect(lines.contains { $0.hasPrefix("127.0.0.1 - - [") && $0.hasSuffix(#"] "UDP dns -" 200 5 "-" "-""#) })
        #expect(lines.contains { $0.hasSuffix(#"] "UDP dns -" 504 0 "-" "-""#) })
    }

    @Test("with a number of replies a session ends when each datagram has so many")
    func replies() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream], idle: 60_000) { $1.replies = 2 }]) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            for question in ["a", "b"] { try client.send(question) }
            var from: SocketAddress?
            for _ in 0..<2 { from = upstream.receive()?.from }
            for number in 0..<4 { try upstream.send("\(number)", to: from) }
            for number in 0..<4 { #expect(try client.text() == "\(number)") }
            try proxy.settle()
            #expect(proxy.tally.datagrams.ends[Int(SessionEnd.complete.rawValue)].current == 1)
            // What comes now comes to nobody.
            try upstream.send("late", to: from)
            #expect(client.receive(within: 50) == nil)
        }
    }

    @Test("a client that was not seen to answer gets no more than a multiple of its own bytes")
    func amplification() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream], idle: 1_000) { $1.amplification = 3 }]) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            // 10 bytes and 28 of headers, three times: 114.
            try client.send("0123456789")
            let from = try #require(upstream.receive()?.from)
            try upstream.send([UInt8](repeating: 1, count: 87), to: from)
            try upstream.send([UInt8](repeating: 2, count: 50), to: from)
            try upstream.send([UInt8](repeating: 3, count: 9), to: from)
            #expect(client.receive()?.bytes.count == 50)
            #expect(client.receive(within: 100) == nil)
            #expect(proxy.tally.datagrams.amplified.current == 2)
            try client.send("again")
            _ = upstream.receive()
            try upstream.send([UInt8](repeating: 4, count: 5_000), to: from)
            #expect(client.receive()?.bytes.count == 5_000)
            #expect(proxy.tally.datagrams.validated.current == 1)
        }
    }

    @Test("beyond its rule's limit a client is not heard, unless a stranger who is silent gives way")
    func limit() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream], idle: 3_000) { $1.limit = 2 }]) { proxy in
            let address = try proxy.openDatagrams()
            let (known, stranger) = (try DatagramPeer(to: address), try DatagramPeer(to: address))
            for _ in 0..<2 {
                try known.send("known")
                try upstream.answer()
                _ = try known.text()
            }
            try stranger.send("stranger")
            _ = upstream.receive()
            let newcomer = try DatagramPeer(to: address)
            try newcomer.send("too early")
            #expect(upstream.receive(within: 100) == nil)
            #expect(proxy.tally.datagrams.beyondRule.current == 1)
            try waitUntil("the stranger gives way") {
                try newcomer.send("again")
                return upstream.receive(within: 50) != nil
            }
            #expect(proxy.tally.datagrams.ends[Int(SessionEnd.evicted.rawValue)].current == 1)
            #expect(proxy.books.sessions == 2)
            try known.send("still known")
            try upstream.answer()
            _ = try known.text()
        }
    }

    @Test("listeners and addresses have limits of their own, which idle sessions give back")
    func otherLimits() throws {
        let upstream = try DatagramPeer()
        let perListener = quick { $0.limits.connectionsPerListener = 3 }
        let perAddress = quick { $0.limits.connectionsPerAddress = 2 }
        for (settings, own, limit) in [(perListener, nil, 3), (perAddress, nil, 2), (perListener, UInt64(1), 1)] {
            try proxying([datagramRule([upstream], idle: 300)], settings: settings) { proxy in
                let address = try proxy.openDatagrams(connectionLimit: own)
                let clients = try (0..<5).map { _ in try DatagramPeer(to: address) }
                for client in clients { try client.send("in?") }
                for _ in 0..<limit { #expect(upstream.receive() != nil) }
                #expect(upstream.receive(within: 50) == nil)
                let tally = proxy.tally
                #expect(
                    tally.datagrams.beyondListener.current + tally.datagrams.beyondAddress.current
                        == UInt64(5 - limit))
                try proxy.settle()
                try clients[4].send("in now")
                #expect(upstream.receive() != nil)
            }
        }
    }

    @Test("a flood from thousands of ports stays within the limits, and validated clients are served through it")
    func flood() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream], idle: 400) { $1.limit = 100 }]) { proxy in
            let address = try proxy.openDatagrams()
            let known = try DatagramPeer(to: address)
            func ask() throws {
                try known.send("known")
                while let datagram = upstream.receive() {
                    guard datagram.bytes == Array("known".utf8) else { continue }
                    try upstream.send("yes", to: datagram.from)
                    break
                }
                #expect(try known.text() == "yes")
            }
            try ask()
            for round in 0..<10 {
                // Each port is another client; the flood reads no answer.
                for _ in 0..<300 { try DatagramPeer(to: address).send("flood \(round)") }
                try ask()
                #expect(proxy.books.sessions <= 100)
            }
            #expect(proxy.tally.datagrams.beyondRule.current > 1_000)
        }
    }
}

@Suite("Sessions and changes", .timeLimit(.minutes(1)))
struct SessionChangeTests {
    @Test("a session outlives revisions that change nothing for it, with its socket")
    func revisions() throws {
        let (upstream, other) = (try DatagramPeer(), try DatagramPeer())
        let rule = datagramRule([upstream], idle: 1_000)
        try proxying([rule]) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            try client.send("0")
            let from = try upstream.answer()
            _ = try client.text()
            for number in 1...20 {
                let more = Rule(
                    name: "more", kind: .udp, listeners: ["other"],
                    endpoints: number % 2 == 0 ? [other.endpoint] : [])
                proxy.adopt([rule, more])
                try client.send("\(number)")
                #expect(try upstream.answer() == from)
                #expect(try client.text() == "\(number)")
            }
            #expect(proxy.tally.datagrams.sessions.current == 1)
        }
    }

    @Test(
        "where its endpoint leaves the rule, a session moves, stays or ends as the rule wants",
        arguments: [SessionOptions.Orphans.move, .keep, .close])
    func orphans(_ policy: SessionOptions.Orphans) throws {
        let (old, new) = (try DatagramPeer(), try DatagramPeer())
        func rule(_ upstream: DatagramPeer) -> Rule { datagramRule([upstream], idle: 600) { $1.orphans = policy } }
        try proxying([rule(old)]) { proxy in
            let client = try DatagramPeer(to: try proxy.openDatagrams())
            try client.send("first")
            let from = try old.answer()
            _ = try client.text()
            proxy.adopt([rule(new)])
            // The answer to what it asked before is still its own.
            try old.send("late", to: from)
            if policy == .close {
                #expect(client.receive(within: 50) == nil)
            } else {
                #expect(try client.text() == "late")
            }
            try client.send("second")
            let (right, wrong) = policy == .keep ? (old, new) : (new, old)
            try right.answer()
            #expect(try client.text() == "second")
            #expect(wrong.receive(within: 20) == nil)
            #expect(proxy.tally.datagrams.sessions.current == (policy == .close ? 2 : 1))
            #expect(proxy.tally.datagrams.moved.current == (policy == .move ? 1 : 0))
        }
    }

    @Test("sessions end with their rule, unless they are to be kept")
    func ruleGone() throws {
        for policy in [SessionOptions.Orphans.move, .keep] {
            let upstream = try DatagramPeer()
            try proxying([datagramRule([upstream], idle: 300) { $1.orphans = policy }]) { proxy in
                let client = try DatagramPeer(to: try proxy.openDatagrams())
                try client.send("first")
                try upstream.answer()
                _ = try client.text()
                proxy.adopt([])
                #expect(proxy.books.sessions == (policy == .keep ? 1 : 0))
                try client.send("second")
                if policy == .keep {
                    try upstream.answer()
                    #expect(try client.text() == "second")
                } else {
                    #expect(upstream.receive(within: 50) == nil)
                    #expect(proxy.tally.datagrams.withoutRoute.current == 1)
                }
            }
        }
    }

    @Test("an endpoint that refuses loses the session to another, with the datagram that found out")
    func refused() throws {
        let (dead, alive) = (try DatagramPeer(), try DatagramPeer())
        let gone = dead.endpoint
        dead.close()
        var rule = datagramRule([alive], idle: 1_000)
        rule.endpoints = [gone, alive.endpoint]
        try proxying([rule]) { proxy in
            let address = try proxy.openDatagrams()
            let clients = try (0..<4).map { _ in try DatagramPeer(to: address) }
            // Half of the first datagrams is lost, as it is when a packet is; each client asks again.
            for client in clients { try client.send("first") }
            try waitUntil("both refusals have come") { proxy.tally.datagrams.refused.current >= 2 }
            for client in clients { try client.send("second") }
            var texts: [String] = []
            for _ in 0..<6 { texts.append(try alive.text()) }
            #expect(texts.count { $0 == "second" } == 4)
            #expect(proxy.tally.datagrams.moved.current == 2)
        }
    }

    @Test("refusals eject an endpoint, and new sessions go elsewhere")
    func ejected() throws {
        let (dead, alive) = (try DatagramPeer(), try DatagramPeer())
        var pool = PoolOptions()
        var ejection = Ejection()
        ejection.consecutive = 2
        pool.ejection = ejection
        var rule = datagramRule([alive], idle: 1_000, pool: pool)
        rule.endpoints = [dead.endpoint, alive.endpoint]
        dead.close()
        try proxying([rule]) { proxy in
            let address = try proxy.openDatagrams()
            try waitUntil("the endpoint is ejected") {
                try DatagramPeer(to: address).send("hello")
                return proxy.tally.ejections.current == 1
            }
            let refused = proxy.tally.datagrams.refused.current
            for _ in 0..<10 { try DatagramPeer(to: address).send("hello") }
            try waitUntil("all are there") { proxy.books.sessions >= 12 }
            #expect(proxy.tally.datagrams.refused.current == refused)
        }
    }

    @Test("sessions outlive a listener that is opened anew, and end with one that is not")
    func listener() throws {
        let upstream = try DatagramPeer()
        try proxying([datagramRule([upstream], idle: 60_000)]) { proxy in
            let address = try proxy.openDatagrams()
            let client = try DatagramPeer(to: address)
            try client.send("first")
            let from = try upstream.answer()
            _ = try client.text()
            proxy.closeListener("dns")
            _ = try proxy.openDatagrams(on: "\(address)")
            proxy.look { _ in }
            try client.send("second")
            #expect(try upstream.answer() == from)
            #expect(try client.text() == "second")
            proxy.closeListener("dns")
            try waitUntil("the session has ended") { proxy.books.sessions == 0 }
            #expect(proxy.tally.datagrams.ends[Int(SessionEnd.closed.rawValue)].current == 1)
        }
    }

    @Test("a worker that drains sends the answers that are under way, and waits no longer than that")
    func drain() throws {
        let upstream = try DatagramPeer()
        let proxy = try TestProxy([datagramRule([upstream], idle: 60_000)])
        let client = try DatagramPeer(to: try proxy.openDatagrams())
        try client.send("first")
        let from = try #require(upstream.receive()?.from)
        proxy.drain(within: 10_000)
        try upstream.send("answer", to: from)
        #expect(try client.text() == "answer")
        #expect(proxy.hasEnded(within: 5_000))
        #expect(proxy.lastBooks.connections == 1)
        #expect(proxy.lastBooks.sessions == 0)
    }
}
