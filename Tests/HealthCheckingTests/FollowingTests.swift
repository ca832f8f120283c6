import Balancing
import Contract
import Telemetry
import Testing

@testable import HealthChecking

private let one = "127.0.0.1:80"
private let two = "127.0.0.2:80"
private let three = "127.0.0.3:80"

@Suite("Health checks and revisions")
struct FollowingTests {
    @Test("what is known outlives every revision that keeps endpoint and check")
    func survives() throws {
        let stage = try Stage()
        let quick = check { $0.fall = 1 }
        stage.answers(one, content)
        try stage.follow([(quick, [one, two])])
        #expect(stage.takeNews().map(\.address) == [two])
        let asked = stage[one].requests.count
        for _ in 0..<10 {
            try stage.follow([(nil, [three]), (quick, [two, one])])
            try stage.follow([(quick, [one]), (quick, [two])])
        }
        #expect(stage.takeNews().isEmpty)
        #expect(stage[one].requests.count == asked && stage[one].connects == 1)
        #expect(stage.checker.tally.down.current == 1 && stage.checker.tally.up.current == 1)
    }

    @Test("an endpoint that goes takes its verdict along; under its number another starts unknown")
    func swapped() throws {
        let stage = try Stage()
        let quick = check { $0.fall = 1 }
        try stage.follow([(quick, [one])])
        let down = stage.takeNews()
        #expect(down.map(\.verdict.isDown) == [true])
        stage.answers(two, content)
        try stage.follow([(quick, [two])])
        let news = stage.takeNews()
        #expect(news.map(\.address) == [one] && news.map(\.verdict.isDown) == [false])
        #expect(news.first?.verdict.identity == down.first?.verdict.identity)
        #expect(stage.checker.tally.up.current == 1 && stage.checker.tally.down.current == 0)
        // And back: nothing is remembered.
        try stage.follow([(check { $0.fall = 2 }, [one])])
        #expect(stage.takeNews().isEmpty && stage.checker.tally.unknown.current == 1)
    }

    @Test("equal checks of several pools are one; of different ones each may say that the endpoint is down")
    func shared() throws {
        let stage = try Stage()
        let deep = check {
            $0.path = "/deep"
            $0.fall = 1
        }
        stage[one].answer = { request in
            .bytes(
                Array(
                    (request.hasPrefix("GET /deep ") ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" : content).utf8))
        }
        try stage.follow([(check(), [one]), (check(), [one, two]), (check(), [one])])
        #expect(stage[one].requests.count == 1)
        try stage.follow([(check(), [one]), (deep, [one])])
        #expect(stage[one].requests.count == 2)
        #expect(stage.takeNews().map(\.verdict.isDown) == [true])
        try stage.follow([(check(), [one])])
        #expect(stage.takeNews().map(\.verdict.isDown) == [false])
        #expect(stage.checker.tally.up.current == 1)
    }

    @Test("a pool that is no longer checked leaves nothing behind")
    func unchecked() throws {
        let stage = try Stage()
        stage.answers(one, content)
        for _ in 0..<3 {
            try stage.follow([(check { $0.fall = 1 }, [one, two])])
            #expect(stage.takeNews().map(\.verdict.isDown) == [true])
            try stage.follow([(nil, [one, two])])
            #expect(stage.takeNews().map(\.verdict.isDown) == [false])
            #expect(stage.openCount == 0)
        }
        let checker = stage.checker
        #expect(checker.targetPlaces.isEmpty && checker.planPlaces.isEmpty && checker.underWay == 0)
        #expect(checker.checks.count == 2 && checker.targets.count == 2 && checker.plans.count == 1)
        let asked = stage[one].requests.count
        try stage.pass(milliseconds: 3_000)
        #expect(stage[one].requests.count == asked)
    }

    @Test("a revision in the middle of a check leaves the check alone, or ends it")
    func underWay() throws {
        let stage = try Stage()
        stage[one].answer = { _ in .silence }
        let quick = check { $0.fall = 1 }
        try stage.follow([(quick, [one])])
        #expect(stage.checker.underWay == 1)
        try stage.follow([(quick, [one]), (nil, [two])])
        #expect(stage.checker.underWay == 1 && stage[one].connects == 1)
        try stage.follow([])
        #expect(stage.checker.underWay == 0 && stage.openCount == 0)
        try stage.pass(milliseconds: 1_000)
        #expect(stage.takeNews().isEmpty)
    }
}
