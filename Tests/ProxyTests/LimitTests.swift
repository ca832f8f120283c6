import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("How many there may be", .timeLimit(.minutes(5)))
struct LimitTests {
    private static let get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n"

    /// Answers when told to, a connection each.
    private static func waiting(for gate: Signal) throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            while try peer.requestHead() != nil {
                _ = gate.wait(Peer.patience)
                try peer.send(ok("late"))
            }
        }
    }

    @Test("a connection beyond a listener's limit is told so, and one comes in when another leaves")
    func listener() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: quick { $0.limits.connectionsPerListener = 2 }) { proxy throws in
            let clients = try (0..<2).map { _ in try proxy.client() }
            for client in clients {
                try client.send(Self.get)
                #expect(try client.response().text == "x")
            }
            let third = try proxy.client()
            let answer = try third.response()
            expect(answer, .overloaded)
            #expect(answer["retry-after"] == "5")
            #expect(answer["connection"] == "close")
            #expect(try third.readToEnd().isEmpty)
            #expect(proxy.tally.limits.connectionsPerListener.current == 1)
            // The other listener has its own.
            let secure = try Peer(to: proxy.secure)
            try waitUntil("it is in") { proxy.look { $0.clientCount >= 3 } }
            secure.close()
            third.close()
            clients[0].close()
            try waitUntil("it has left") { proxy.books.clients == 1 }
            #expect(try proxy.get().text == "x")
            try clients[1].send(Self.get)
            #expect(try clients[1].response().text == "x")
        }
    }

    @Test("a connection beyond a TLS listener's limit is closed without a word")
    func secureListener() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: quick { $0.limits.connectionsPerListener = 1 }) { proxy throws in
            let first = try Peer(to: proxy.secure)
            try waitUntil("it is in") { proxy.books.clients == 1 }
            #expect(try Peer(to: proxy.secure).readToEnd().isEmpty)
            #expect(proxy.tally.limits.connectionsPerListener.current == 1)
            first.close()
        }
    }

    @Test("an address has its number of connections, and gets back what it gives up")
    func address() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: quick { $0.limits.connectionsPerAddress = 2 }) { proxy throws in
            for _ in 0..<3 {
                let clients = try (0..<2).map { _ in try proxy.client() }
                for client in clients {
                    try client.send(Self.get)
                    #expect(try client.response().text == "x")
                }
                let third = try proxy.client()
                expect(try third.response(), .tooManyConnections)
                third.close()
                for client in clients { client.close() }
                try waitUntil("they have left") { proxy.books.clients == 0 }
            }
            #expect(proxy.tally.limits.connectionsPerAddress.current == 3)
        }
    }

    @Test("a trusted proxy has as many connections as it likes; whom it names in a PROXY header has not")
    func trustedAddress() throws {
        let upstream = try ScriptedUpstream.saying("x")
        let settings = quick {
            $0.limits.connectionsPerAddress = 1
            $0.trustedProxies = ["127.0.0.1"]
        }
        try proxying(site(upstream), settings: settings, proxyProtocol: .optional) { proxy throws in
            let own = try (0..<3).map { _ in try proxy.client() }
            for client in own {
                try client.send(Self.get)
                #expect(try client.response().text == "x")
            }
            func client(for address: String) throws -> Peer {
                let client = try proxy.client()
                try client.send("PROXY TCP4 \(address) 192.0.2.9 1 80\r\n" + Self.get)
                return client
            }
            let (first, second) = (try client(for: "192.0.2.1"), try client(for: "192.0.2.2"))
            #expect(try first.response().text == "x")
            #expect(try second.response().text == "x")
            expect(try client(for: "192.0.2.1").response(), .tooManyConnections)
            #expect(proxy.tally.limits.connectionsPerAddress.current == 1)
        }
    }

    @Test("a connection ends after its number of requests, and says so with the last")
    func requests() throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: quick { $0.limits.requestsPerConnection = 3 }) { proxy throws in
            let client = try proxy.client()
            try client.send(String(repeating: Self.get, count: 4))
            for number in 1...3 {
                let response = try client.response()
                #expect(response.text == "x")
                #expect(response["connection"] == (number == 3 ? "close" : nil))
            }
            #expect(try client.readToEnd().isEmpty)
            #expect(proxy.tally.limits.requestsPerConnection.current == 1)
            #expect(proxy.tally.requests.current == 3)
        }
    }

    @Test("as many exchanges wait at a pool as may; others are told to come back", arguments: [true, false])
    func pending(_ isOwn: Bool) throws {
        let gate = try Signal()
        let upstream = try Self.waiting(for: gate)
        var settings = Settings()
        settings.limits.pendingPerPool = isOwn ? 1 : 2
        try proxying(site(upstream) { if isOwn { $0.maxPending = 2 } }, settings: settings) { proxy throws in
            let clients = try (0..<2).map { _ in try proxy.client() }
            for client in clients { try client.send(Self.get) }
            try waitUntil("both wait") { upstream.acceptedCount == 2 }
            let third = try proxy.client()
            for count in 1...2 {
                try third.send(Self.get)
                let answer = try third.response()
                expect(answer, .poolBusy)
                #expect(answer["retry-after"] == "1")
                #expect(answer["connection"] == nil)
                #expect(proxy.tally.count(of: .poolBusy) == UInt64(count))
            }
            clients[0].reset()
            try waitUntil("it waits no more") { proxy.books.exchanges == 1 }
            try third.send(Self.get)
            try waitUntil("it waits") { proxy.books.exchanges == 2 }
            gate.give()
            #expect(try clients[1].response().text == "late")
            #expect(try third.response().text == "late")
            // Whoever has its response waits no more.
            for _ in 0..<5 { #expect(try proxy.get().text == "late") }
            #expect(proxy.tally.count(of: .poolBusy) == 2)
        }
    }

    @Test("a response that streams is not one that waits")
    func streaming() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\n\r\ndata")
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream) { $0.maxPending = 1 }) { proxy throws in
            let clients = try (0..<3).map { _ in try proxy.client() }
            for client in clients {
                try client.send(Self.get)
                #expect(try client.read(through: "data") != nil)
            }
            for client in clients { client.reset() }
        }
    }

    @Test("a target has its limit: under and at it passes, over it is 414", arguments: [-1, 0, 1])
    func target(_ more: Int) throws {
        let upstream = try ScriptedUpstream.saying("x")
        try proxying(site(upstream), settings: quick { $0.limits.targetBytes = 300 }) { proxy throws in
            let answer = try proxy.get("/" + String(repeating: "t", count: 299 + more))
            #expect(answer.status == (more > 0 ? 414 : 200))
            #expect(proxy.tally.count(of: .targetTooLong) == (more > 0 ? 1 : 0))
        }
    }

    @Test("413 and 431 are counted by the limit's name")
    func sizes() throws {
        let upstream = try ScriptedUpstream.echoing()
        let settings = quick {
            $0.limits.bodyBytes = 3
            $0.limits.headBytes = 1_024
        }
        try proxying(site(upstream), settings: settings) { proxy throws in
            #expect(try proxy.ask("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc").status == 200)
            #expect(try proxy.ask("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 4\r\n\r\nabcd").status == 413)
            #expect(proxy.tally.count(of: .bodyTooLarge) == 1)
            #expect(try proxy.get("/", "X: \(String(repeating: "x", count: 1_024))\r\n").status == 431)
            #expect(proxy.tally.count(of: .headTooLarge) == 1)
        }
    }
}

@Suite("Counts that workers share")
struct CensusTests {
    @Test("a count is exact whoever counts, and goes down to nothing")
    func shared() async {
        let counts = SharedCounts(banks: 2)
        for number in [0, 511, 512, 1_023] {
            let entered = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<4 { group.addTask { (0..<1_000).count { _ in counts.enter(number, limit: 100) } } }
                return await group.reduce(0, +)
            }
            #expect(entered <= 100)
            while counts.enter(number, limit: 100) { #expect(entered < 100) }
            for _ in 0..<100 { counts.leave(number) }
            #expect(counts.enter(number, limit: 1))
            #expect(!counts.enter(number, limit: 1))
        }
    }

    @Test("of IPv6 the network counts, of IPv4 the address")
    func addresses() throws {
        let counts = AddressCounts()
        let network: UInt64 = 0x2001_0db8_0000_0001
        guard case .counted(let place) = counts.enter(high: network, low: 1, limit: 1) else {
            Issue.record("not counted")
            return
        }
        #expect(counts.enter(high: network, low: 2, limit: 1) == .full)
        #expect(counts.enter(high: network, low: 2, limit: 2) == .counted(place))
        #expect(counts.enter(high: network + 1, low: 1, limit: 1) != .full)
        #expect(counts.enter(high: 0, low: 0xffff_c000_0201, limit: 1) != .full)
        #expect(counts.enter(high: 0, low: 0xffff_c000_0202, limit: 1) != .full)
        #expect(counts.enter(high: 0, low: 0xffff_c000_0201, limit: 1) == .full)
        counts.leave(place)
        #expect(counts.enter(high: network, low: 3, limit: 1) == .full)
        counts.leave(place)
        #expect(counts.enter(high: network, low: 3, limit: 1) != .full)
    }

    @Test("the table does not grow: beyond it clients are let in uncounted, and places come back")
    func crowded() {
        let counts = AddressCounts()
        var places: [UInt32] = []
        var crowded = 0
        for number in 0..<UInt64(2 * AddressCounts.capacity) {
            switch counts.enter(high: number << 20, low: 0, limit: 1) {
            case .counted(let place): places.append(place)
            case .crowded: crowded += 1
            case .full: Issue.record("two clients share a place")
            }
        }
        #expect(Set(places).count == places.count)
        #expect(places.count > AddressCounts.capacity / 2)
        #expect(crowded > 0)
        for place in places { counts.leave(place) }
        #expect((0..<UInt64(100)).allSatisfy { counts.enter(high: $0 << 20, low: 0, limit: 1) != .crowded })
    }

    @Test("several workers at one address keep to its limit, but for a first meeting")
    func contended() async {
        let counts = AddressCounts()
        let places = await withTaskGroup(of: [UInt32].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    (0..<1_000).compactMap { _ in
                        guard case .counted(let place) = counts.enter(high: 1 << 40, low: 0, limit: 50) else {
                            return nil
                        }
                        return place
                    }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(places.count >= 50)
        #expect(places.count <= 100)
        for place in places { counts.leave(place) }
        #expect(counts.enter(high: 1 << 40, low: 0, limit: 1) != .full)
    }
}
