import Balancing
import Contract
import Glibc
import Telemetry
import Testing

@testable import HealthChecking

private let one = "127.0.0.1:80"
private let two = "127.0.0.2:80"

@Suite("Health checks")
struct HealthCheckerTests {
    @Test("a new endpoint is asked at once, and again after each interval, over one connection")
    func asks() throws {
        let stage = try Stage()
        stage.answers(one, content)
        try stage.follow([(check { $0.path = "/ready?deep=1" }, [one])])
        let request =
            "GET /ready?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nUser-Agent: kontainers-health\r\nAccept: */*\r\n\r\n"
        #expect(stage[one].requests == [request])
        try stage.pass(milliseconds: 5_500)
        #expect((5...6).contains(stage[one].requests.count), "\(stage[one].requests.count)")
        #expect(stage[one].connects == 1)
        #expect(stage.takeNews().isEmpty)
        #expect(stage.checker.tally.results["passed"] == UInt64(stage[one].requests.count))
        #expect(stage.checker.tally.up.current == 1 && stage.checker.tally.unknown.current == 0)
    }

    @Test("a new connection is made now and then")
    func freshConnections() throws {
        let stage = try Stage()
        stage.answers(one, content)
        try stage.follow([(check(), [one])])
        try stage.pass(milliseconds: 14_500)
        #expect(stage[one].connects == 2)
        #expect(stage.openCount == 1)
    }

    @Test("method and host are what the check says")
    func methodAndHost() throws {
        let stage = try Stage()
        stage.answers(one, "HTTP/1.1 204 No Content\r\n\r\n")
        try stage.follow([
            (
                check {
                    $0.method = .head
                    $0.host = "site.test"
                }, [one]
            )
        ])
        #expect(stage[one].requests.first?.hasPrefix("HEAD / HTTP/1.1\r\nHost: site.test\r\n") == true)
        #expect(stage.checker.tally.results["passed"] == 1)
    }

    @Test("goes down with `fall` bad checks in a row, and up with `rise` good ones, each told once")
    func thresholds() throws {
        let stage = try Stage()
        stage.answers(one, content)
        try stage.follow([
            (
                check {
                    $0.fall = 3
                    $0.rise = 2
                }, [one]
            )
        ])
        stage.answers(one, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        try stage.pass(milliseconds: 2_500)
        #expect(stage.takeNews().isEmpty)
        try stage.pass(milliseconds: 2_000)
        let news = stage.takeNews()
        #expect(news.count == 1 && news[0].verdict.isDown && news[0].address == one)
        #expect(news.first?.reason == "status 503, wanted 200-399")
        #expect(stage.checker.tally.down.current == 1)
        stage.answers(one, content)
        try stage.pass(milliseconds: 1_000)
        #expect(stage.takeNews().isEmpty)
        try stage.pass(milliseconds: 1_500)
        let back = stage.takeNews()
        #expect(back.count == 1 && !back[0].verdict.isDown && back[0].reason.isEmpty)
        #expect(stage.checker.tally.up.current == 1 && stage.checker.tally.down.current == 0)
    }

    @Test(
        "what counts as bad, in words",
        arguments: [
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404, wanted 200-299,304"),
            ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "status 302, wanted 200-299,304"),
            ("HTTP/1.1 304 Not Modified\r\n\r\n", ""),
            ("SSH-2.0-OpenSSH_9.2\r\n", "what it answered is no HTTP response (badVersion)"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "*"),
        ])
    func reasons(_ answer: String, _ reason: String) throws {
        let stage = try Stage()
        stage.answers(one, answer)
        let expect = try StatusRanges("200-299,304")
        try stage.follow([
            (
                check {
                    $0.expect = expect
                    $0.fall = 1
                }, [one]
            )
        ])
        let news = stage.takeNews()
        if reason.isEmpty { #expect(news.isEmpty) } else { #expect(news.count == 1) }
        if reason != "*" { #expect(news.first?.reason ?? "" == reason) }
    }

    @Test("an endpoint that refuses, says nothing or closes is down, and says why")
    func faults() throws {
        let stage = try Stage()
        let three = "127.0.0.3:80"
        stage.refuses(one)
        stage[two].answer = { _ in .silence }
        stage[three].answer = { _ in .last(Array("HTTP/1.1 200".utf8)) }
        try stage.follow([(check { $0.fall = 1 }, [one, two, three])])
        try stage.pass(milliseconds: 700)
        let reasons = Dictionary(uniqueKeysWithValues: stage.takeNews().map { ($0.address, $0.reason) })
        #expect(
            reasons == [
                one: "connection refused", two: "no answer within 500 ms",
                three: "it closed before its answer was whole",
            ])
        #expect(stage.openCount == 0)
    }

    @Test("what is no fault of the endpoint is no verdict", arguments: [EMFILE, ENFILE, ENOBUFS, EADDRNOTAVAIL])
    func undecided(_ code: CInt) throws {
        let stage = try Stage()
        stage.refuses(one)
        stage[one].error = code
        try stage.follow([(check { $0.fall = 1 }, [one])])
        try stage.pass(milliseconds: 3_000)
        #expect(stage.takeNews().isEmpty)
        #expect((3...4).contains(stage.checker.tally.results["undecided"] ?? 0))
        #expect(stage.checker.tally.unknown.current == 1)
    }

    @Test("a connection that the endpoint gave up between checks is made anew, and says nothing of its health")
    func forsaken() throws {
        let stage = try Stage()
        stage.answers(one, content)
        try stage.follow([(check { $0.fall = 1 }, [one])])
        stage.hangUp(one)
        try stage.pass(milliseconds: 1_200)
        #expect(stage[one].requests.count == 2 && stage[one].connects == 2)
        // And one that it gives up when the request comes.
        var count = 0
        stage[one].answer = { _ in
            count += 1
            return count == 1 ? .reset : .bytes(Array(content.utf8))
        }
        try stage.pass(milliseconds: 1_000)
        #expect(stage[one].requests.count == 4 && stage[one].connects == 3)
        #expect(stage.takeNews().isEmpty)
    }

    @Test("connections beyond the limit are not kept")
    func idleLimit() throws {
        let stage = try Stage(idleLimit: 1)
        for address in [one, two] { stage.answers(address, content) }
        try stage.follow([(check(), [one, two])])
        try stage.pass(milliseconds: 3_200)
        #expect(stage.openCount == 1)
        #expect(stage[one].connects + stage[two].connects > 4)
    }

    @Test("a check over TCP wants a connection and nothing else")
    func tcp() throws {
        let stage = try Stage()
        stage.answers(one, "")
        try stage.follow([
            (
                check {
                    $0.kind = .tcp
                    $0.fall = 1
                }, [one, two]
            )
        ])
        #expect(stage[one].requests.isEmpty && stage[one].connects == 1 && stage.openCount == 0)
        #expect(stage.takeNews().map(\.address) == [two])
    }

    @Test("a port of its own is asked in place of the endpoint's")
    func port() throws {
        let stage = try Stage()
        stage.answers("127.0.0.1:9000", content)
        try stage.follow([
            (
                check {
                    $0.port = 9_000
                    $0.fall = 1
                }, [one]
            )
        ])
        #expect(stage[one].connects == 0 && stage["127.0.0.1:9000"].requests.count == 1)
        stage.refuses("127.0.0.1:9000")
        stage.hangUp("127.0.0.1:9000")
        try stage.pass(milliseconds: 1_200)
        #expect(stage.takeNews().map(\.address) == [one])
    }

    @Test("thousands that come together are spread over an interval")
    func spread() throws {
        let stage = try Stage()
        let addresses = (0..<2_000).map { "10.0.\($0 / 250).\($0 % 250 + 1):80" }
        try stage.follow([(check { $0.interval = 10_000 }, addresses)])
        var last: UInt64 = 0
        for _ in 0..<10 {
            try stage.pass(milliseconds: 1_000)
            let count = stage.checker.tally.connects.current
            #expect((120...300).contains(count - last), "\(count - last)")
            last = count
        }
        #expect(stage.checker.tally.unknown.current == 2_000)
    }

    @Test("two thousand endpoints of which half trickle: as many at a time as may be, and the others are asked in time")
    func trickles() throws {
        let stage = try Stage()
        let addresses = (0..<2_000).map { "10.0.\($0 / 250).\($0 % 250 + 1):80" }
        for (number, address) in addresses.enumerated() {
            if number % 2 == 0 {
                stage[address].answer = { _ in
                    .trickle(Array("HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 9_000))".utf8))
                }
            } else {
                stage.answers(address, content)
            }
        }
        try stage.follow([(check { $0.fall = 2 }, addresses)])
        for _ in 0..<60 {
            try stage.pass(milliseconds: 100)
            #expect(stage.checker.underWay <= HealthChecker.concurrencyLimit)
        }
        #expect(stage.checker.tally.up.current == 1_000 && stage.checker.tally.down.current == 1_000)
        let news = stage.takeNews()
        #expect(news.count == 1_000 && news.allSatisfy { $0.verdict.isDown })
        try stage.follow([])
        #expect(stage.openCount == 0 && stage.checker.underWay == 0)
        #expect(stage.takeNews().count == 1_000)
    }
}
