import Balancing
import Contract
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// One rule for `site.test` with these upstreams and options.
private func pool(_ upstreams: [ScriptedUpstream], _ change: (inout RuleOptions) -> Void = { _ in }) -> [Rule] {
    var options = RuleOptions()
    change(&options)
    return [Rule(name: "site", hosts: ["site.test"], endpoints: upstreams.map(\.endpoint), options: options)]
}

@Suite("Requests that go to a second endpoint", .timeLimit(.minutes(5)))
struct RetryTests {
    /// Answers each request with a status and its text.
    private func answering(_ status: Int) throws -> ScriptedUpstream {
        try .steady { _ in "HTTP/1.1 \(status) X\r\nContent-Length: 3\r\n\r\n\(status)" }
    }

    private func request(_ method: String, _ body: String = "") -> String {
        "\(method) / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            + body
    }

    @Test("an endpoint that closes without a word: what is idempotent goes to the other, with its body; POST does not")
    func closed() throws {
        let (bad, good) = (try ScriptedUpstream.earlyCloser(), try ScriptedUpstream.echoing())
        try proxying(pool([bad, good])) { proxy throws in
            for _ in 0..<2 {
                #expect(try proxy.get().status == 200)
                for method in ["PUT", "DELETE", "OPTIONS"] {
                    #expect(try proxy.ask(request(method, "abc")).text == "abc", "\(method)")
                }
            }
            #expect(proxy.tally.upstreamRetries.current == 4)
            #expect(proxy.tally.upstreamAborts.current == 4)
            var statuses: [Int] = []
            for _ in 0..<4 { statuses.append(try proxy.ask(request("POST", "abc")).status) }
            #expect(statuses.sorted() == [200, 200, 502, 502])
            #expect(proxy.tally.upstreamRetries.current == 4)
        }
    }

    @Test("a body that streamed is not replayed: the endpoint has seen it, and it is gone")
    func streamed() throws {
        let bad = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            _ = try peer.read(100_000)
        }
        let good = try ScriptedUpstream.echoing()
        try proxying(pool([bad, good])) { proxy throws in
            let body = String(repeating: "b", count: 100_000)
            var statuses: [Int] = []
            for _ in 0..<4 { statuses.append(try proxy.ask(request("PUT", body)).status) }
            #expect(statuses.sorted() == [200, 200, 502, 502])
            #expect(proxy.tally.upstreamRetries.current == 0)
        }
    }

    @Test("once a byte of a response has come, nothing is tried again", arguments: ["HTTP/1.1 20", "H"])
    func begun(_ bytes: String) throws {
        let (bad, good) = (try ScriptedUpstream.once(Array(bytes.utf8)), try ScriptedUpstream.saying("good"))
        try proxying(pool([bad, good])) { proxy throws in
            let statuses = try (0..<4).map { _ in try proxy.get().status }
            #expect(statuses.sorted() == [200, 200, 502, 502])
        }
    }

    @Test("an interim response that reached the client settles it")
    func interim() throws {
        let bad = try ScriptedUpstream.once(Array("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".utf8))
        let good = try ScriptedUpstream.saying("good")
        try proxying(pool([bad, good])) { proxy throws in
            let statuses = try (0..<4).map { _ in try proxy.get().status }
            #expect(statuses.sorted() == [200, 200, 502, 502])
        }
    }

    @Test("a status is tried elsewhere when the rule says so", arguments: [502, 503, 504])
    func status(_ status: Int) throws {
        let (bad, good) = (try answering(status), try ScriptedUpstream.saying("good"))
        let causes = [Retries.Cause(rawValue: "\(status)")].compactMap(\.self)
        try proxying(pool([bad, good])) { proxy throws in
            var statuses = try (0..<4).map { _ in try proxy.get().status }
            #expect(statuses.sorted() == [200, 200, status, status])
            proxy.adopt(pool([bad, good]) { $0.retries = Retries(on: causes) })
            for _ in 0..<4 { #expect(try proxy.get().text == "good") }
            #expect(proxy.tally.upstreamRetries.current == 2)
            statuses = try (0..<4).map { _ in try proxy.ask(request("POST")).status }
            #expect(statuses.sorted() == [200, 200, status, status])
        }
    }

    @Test("when every endpoint answers so, the client gets the last one's answer whole")
    func everyStatus() throws {
        let upstreams = try (0..<3).map { _ in try answering(503) }
        try proxying(pool(upstreams) { $0.retries = Retries(attempts: 16, on: [.status503]) }) { proxy throws in
            let answer = try proxy.get()
            #expect(answer.status == 503 && answer.text == "503")
            #expect(proxy.tally.upstreamRetries.current == 2)
        }
    }

    @Test("an endpoint that says nothing in time is passed over when the rule says so")
    func timeout() throws {
        let (bad, good) = (try ScriptedUpstream.stalling(), try ScriptedUpstream.saying("good"))
        let settings = quick { $0.timeouts.firstByte = 150 }
        try proxying(pool([bad, good]) { $0.retries = Retries(on: [.timeout]) }, settings: settings) { proxy throws in
            for _ in 0..<3 { #expect(try proxy.get().text == "good") }
            #expect(proxy.tally.upstreamTimeouts.current > 0)
            proxy.adopt(pool([bad, good]))
            let statuses = try (0..<2).map { _ in try proxy.get().status }
            #expect(statuses.sorted() == [200, 504])
        }
    }

    @Test("no more endpoints are tried than the rule says", arguments: [1, 2, 3, 5, 16])
    func attempts(_ attempts: Int) throws {
        let upstreams = try (0..<5).map { _ in try ScriptedUpstream.earlyCloser() }
        try proxying(pool(upstreams) { $0.retries = Retries(attempts: attempts) }) { proxy throws in
            expect(try proxy.get(), .upstreamClosed)
        }
        #expect(upstreams.reduce(0) { $0 + $1.acceptedCount } == min(attempts, 5))
    }

    @Test("an endpoint that refuses is not passed over when the rule does not say so")
    func connectOff() throws {
        let endpoints = [Endpoint(address: "127.0.0.1:\(try freePort())"), try ScriptedUpstream.saying("x").endpoint]
        var rule = Rule(name: "site", hosts: ["site.test"], endpoints: endpoints)
        rule.options = RuleOptions()
        rule.options?.retries = Retries(on: [.closed])
        try proxying([rule]) { proxy throws in
            let statuses = try (0..<4).map { _ in try proxy.get().status }
            #expect(statuses.sorted() == [200, 200, 502, 502])
        }
    }

    @Test("retries end where the budget ends, and no change of the rules fills it")
    func budget() throws {
        let (bad, good) = (try ScriptedUpstream.earlyCloser(), try ScriptedUpstream.saying("good"))
        let rules = pool([bad, good]) { $0.retries = Retries(budget: 1) }
        try proxying(rules) { proxy throws in
            func ask(_ count: Int) throws -> Int {
                try (0..<count).map { _ in try proxy.get().status }.count { $0 == 502 }
            }
            let began = Clock.monotonic()
            let failed = try ask(100)
            let retried = Int(proxy.tally.upstreamRetries.current)
            // Beside what was there at first and what was earned, one retry a second.
            let seconds = Int((Clock.monotonic() - began) / RetryBudget.freeInterval) + 1
            #expect(retried >= 10 && retried <= 11 + seconds)
            #expect(failed == Int(proxy.tally.retriesRefused.current) && failed > 0)
            proxy.adopt(rules + [Rule(name: "z", hosts: ["z.test"])])
            #expect(try ask(40) >= 10)
        }
    }

    @Test("a pooled connection that ends is tried afresh, then elsewhere")
    func staleThenElsewhere() throws {
        // Answers its first request, and nothing on the connections behind it.
        let bad = try ScriptedUpstream { peer, number in
            _ = try peer.request()
            guard number == 0 else { return }
            try peer.send(ok("bad"))
            _ = try peer.requestHead()
        }
        let good = try ScriptedUpstream.saying("good")
        try proxying(pool([bad, good])) { proxy throws in
            let client = try proxy.client()
            var texts: [String] = []
            for _ in 0..<4 {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                texts.append(try client.response().text)
            }
            #expect(texts.sorted() == ["bad", "good", "good", "good"])
            #expect(proxy.tally.upstreamRetries.current == 2)
        }
        #expect(bad.acceptedCount == 2)
    }

    @Test("requests that no endpoint answers give everything back, however many come at once")
    func storm() throws {
        let upstreams = try (0..<3).map { _ in try ScriptedUpstream.earlyCloser() }
        try proxying(pool(upstreams) { $0.retries = Retries(attempts: 3) }) { proxy throws in
            let clients = try (0..<100).map { _ in try proxy.client() }
            for client in clients { try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n") }
            for client in clients { #expect(try client.response().status == 502) }
            #expect(proxy.tally.upstreamRetries.current <= 35)
            #expect(proxy.tally.retriesRefused.current > 0)
        }
    }
}
