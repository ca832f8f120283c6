import Balancing
import Contract
import Engine
import HealthChecking
import Kernel
import Routing
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Proxy

/// An upstream whose health the test decides.
private final class Patient: Sendable {
    let upstream: ScriptedUpstream
    private let place = StatusPlace()

    init(_ name: String) throws {
        let place = place
        upstream = try ScriptedUpstream.steady { request in
            guard request.target == "/health" else { return ok(name) }
            return "HTTP/1.1 \(place.status) Is\r\nContent-Length: 0\r\n\r\n"
        }
    }

    func become(_ status: Int) { place.set(status) }
}

private final class StatusPlace: Sendable {
    private let value = Mutex(200)
    var status: Int { value.withLock { $0 } }
    func set(_ status: Int) { value.withLock { $0 = status } }
}

/// A checker on a thread of its own, which tells the proxy's worker what it finds.
private final class Health {
    private final class Box: @unchecked Sendable {
        let checker: HealthChecker
        init(_ checker: HealthChecker) { self.checker = checker }
    }

    private let proxy: TestProxy
    private let messages: Inbox<HealthMessage>
    private let ended: Signal
    let reasons = Reasons()

    init(of proxy: TestProxy) throws {
        self.proxy = proxy
        let (inbox, board) = proxy.look { ($0.inbox, $0.board) }
        let (ended, reasons) = (try Signal(), reasons)
        let checker = try HealthChecker(idleLimit: 10) { news in
            let verdicts = news.map(\.verdict)
            reasons.add(news.map(\.reason))
            board.note(verdicts)
            inbox.post(.verdicts(verdicts))
        }
        (messages, self.ended) = (checker.inbox, ended)
        let box = Box(checker)
        try NativeThread.start(named: "health") {
            do { try box.checker.run() } catch { preconditionFailure("\(error)") }
            ended.give()
        }
        follow()
    }

    /// Checks what the proxy serves now.
    func follow() {
        guard let table = proxy.look({ $0.tables[$0.currentTable].revision?.table }) else { return }
        messages.post(.follow(table))
    }

    func end() {
        messages.post(.stop)
        _ = ended.wait(Peer.patience)
    }
}

private final class Reasons: Sendable {
    private let list = Mutex<[String]>([])
    var all: [String] { list.withLock { $0 } }
    func add(_ more: [String]) { list.withLock { $0 += more } }
}

private func checked(_ endpoints: [Endpoint], _ change: (inout HealthCheck) -> Void = { _ in }) -> [Rule] {
    var check = HealthCheck()
    (check.path, check.interval, check.timeout, check.fall, check.rise) = ("/health", 100, 2_000, 2, 2)
    check.expect = (try? StatusRanges("200")) ?? .usual
    change(&check)
    var pool = PoolOptions()
    pool.healthCheck = check
    return [Rule(name: "site", hosts: ["site.test"], endpoints: endpoints, pool: pool)]
}

extension TestProxy {
    fileprivate func counts(_ count: Int) throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for _ in 0..<count { counts[try get().text, default: 0] += 1 }
        return counts
    }
}

@Suite("Endpoints that active checks find down", .timeLimit(.minutes(5)))
struct VerdictTests {
    @Test("get nothing until they are well again, also across revisions")
    func downAndUp() throws {
        let (good, bad) = (try Patient("good"), try Patient("bad"))
        let endpoints = [good.upstream.endpoint, bad.upstream.endpoint]
        try proxying(checked(endpoints)) { proxy throws in
            let health = try Health(of: proxy)
            defer { health.end() }
            #expect(try proxy.counts(10) == ["good": 5, "bad": 5])
            bad.become(503)
            try waitUntil("it is down") { proxy.look { $0.loads.contains { $0.bars == .unhealthy } } }
            #expect(try proxy.counts(10) == ["good": 10])
            proxy.adopt(checked(endpoints.reversed()))
            health.follow()
            #expect(try proxy.counts(10) == ["good": 10])
            bad.become(200)
            try waitUntil("it is up") { proxy.look { $0.loads.allSatisfy { $0.bars.isEmpty } } }
            #expect(try proxy.counts(10) == ["good": 5, "bad": 5])
            // Where nobody is well, everybody serves.
            good.become(500)
            bad.become(500)
            try waitUntil("both are down") { proxy.look { $0.loads.count { $0.bars == .unhealthy } == 2 } }
            #expect(try proxy.counts(10).count == 2)
            // Nobody checks any more.
            proxy.adopt(site(good.upstream, bad.upstream))
            health.follow()
            try waitUntil("both are free") { proxy.look { $0.loads.allSatisfy { $0.bars.isEmpty } } }
        }
    }

    @Test("an endpoint that is known to be down gets nothing when it comes with a revision, whatever its number")
    func board() throws {
        let (good, bad) = (try ScriptedUpstream.saying("good"), try ScriptedUpstream.saying("bad"))
        try proxying(checked([good.endpoint])) { proxy throws in
            let board = proxy.look { $0.board }
            let identity = try #require(EndpointAddress(text: bad.address.description)).identity
            let down = EndpointVerdict(number: 77, identity: identity, isDown: true)
            board.note([down])
            proxy.look { $0.inbox }.post(.verdicts([down]))
            #expect(try proxy.counts(4) == ["good": 4])
            proxy.adopt(checked([bad.endpoint, good.endpoint]))
            #expect(try proxy.counts(6) == ["good": 6])
            // A verdict that names another revision's number finds its endpoint all the same.
            let up = EndpointVerdict(number: 0, identity: identity, isDown: false)
            board.note([up])
            proxy.look { $0.inbox }.post(.verdicts([up]))
            #expect(try proxy.counts(6) == ["good": 3, "bad": 3])
        }
    }

    @Test("a verdict about somebody who had the number before bars nobody")
    func reusedNumber() throws {
        let (first, second) = (try ScriptedUpstream.saying("first"), try ScriptedUpstream.saying("second"))
        try proxying(checked([first.endpoint, second.endpoint])) { proxy throws in
            let verdicts = (UInt32(0)..<3).map { EndpointVerdict(number: $0, identity: 4_711, isDown: true) }
            proxy.look { $0.inbox }.post(.verdicts(verdicts))
            #expect(try proxy.counts(6) == ["first": 3, "second": 3])
        }
    }

    @Test("checks over TLS, whoever made the certificate, go down with the text that is missing")
    func overTLS() async throws {
        let certificate = try await TLSServingTests.made.value.certificate
        let upstream = try ScriptedUpstream.steady { request in
            request["host"] == "site.test" ? ok("all is well", "Connection: keep-alive\r\n") : ok("who?")
        }
        try proxying(site(upstream), certificate: certificate) { behind in
            func rules(_ text: String) -> [Rule] {
                checked([Endpoint(address: behind.secure.description)]) { check in
                    check.kind = .https
                    check.host = "site.test"
                    check.body = text
                    check.expect = .usual
                }
            }
            try proxying(rules("is well")) { proxy throws in
                let health = try Health(of: proxy)
                defer { health.end() }
                try waitUntil("many checks") { upstream.requests.count > 14 }
                #expect(health.reasons.all.isEmpty)
                #expect(behind.tally.handshakes.current == 2)
                proxy.adopt(rules("is ill"))
                health.follow()
                try waitUntil("it is down") { proxy.look { $0.loads.contains { $0.bars == .unhealthy } } }
                #expect(health.reasons.all == ["the body's first 64 KiB do not have the text"])
                // Where nobody speaks TLS there is no session.
                proxy.adopt(
                    checked([Endpoint(address: behind.plain.description)]) { check in
                        check.kind = .https
                        check.timeout = 10_000
                    })
                health.follow()
                try waitUntil("it is down, too") { health.reasons.all.count == 3 }
                #expect(health.reasons.all.last == "no TLS session came about (http_request)")
            }
        }
    }
}
