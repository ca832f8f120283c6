import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("A container's life")
    struct Lifecycle {
        static let labels = ["kontainers.enable=true", "kontainers.host=app.test", "kontainers.hold=1s"]

        @Test("from start to the first 200 takes under a second, in the median of twenty", .timeLimit(.minutes(3)))
        func startTime() async throws {
            try await withContainers { appliance, engine in
                var times: [Double] = []
                for number in 0..<20 {
                    let host = "start\(number).test"
                    try await engine.create("start\(number)", ["kontainers.enable=true", "kontainers.host=\(host)"])
                    // Counted from the command, so it includes the engine's own part.
                    async let started = engine.docker("start", "start\(number)")
                    let took = try await eventually("200 from \(host)", within: .seconds(10), every: .milliseconds(2)) {
                        try appliance.get(host: host).status == 200
                    }
                    _ = try await started
                    times.append(took.milliseconds)
                    try await engine.remove("start\(number)")
                }
                let median = times.sorted()[10]
                print("docker start → first 200: median \(Int(median)) ms, slowest \(Int(times.max()!)) ms of 20")
                #expect(median < 1_000)
            }
        }

        @Test(
            "scaled to three, all three answer; stopped one by one, no request fails until the last",
            .timeLimit(.minutes(2)))
        func scale() async throws {
            try await withContainers { appliance, engine in
                for name in ["app1", "app2", "app3"] { try await engine.start(name, Self.labels) }
                try await answering(appliance, ["app1", "app2", "app3"])

                let load = try await Load(port: appliance.web, host: "app.test", rate: 100, seconds: 8)
                try await engine.docker("stop", "-t", "1", "app1")
                try await engine.docker("kill", "app2")
                let report = try await load.report()
                // A response that had begun when its container was killed cannot be sent anew.
                let cut = cutResponses(appliance.log)
                #expect(cut <= 2)
                #expect(report.failed <= cut, "\(report)\n\(tail(appliance.log))")
                try await answering(appliance, ["app3"])

                try await engine.docker("kill", "app3")
                let down = try await appliance.expect(503, host: "app.test")
                #expect(down["retry-after"].flatMap { Int($0) } ?? 0 > 0, "\(down)")
                try await engine.docker("start", "app2")
                #expect(try await appliance.expect(200, host: "app.test").word == "app2")
                try await engine.remove("app1", "app2", "app3")
                try await appliance.expect(404, host: "app.test")
            }
        }

        @Test("no request is sent to a container whose death the engine has told", .timeLimit(.minutes(1)))
        func afterDeath() async throws {
            try await withContainers { appliance, engine in
                for name in ["app1", "app2"] { try await engine.start(name, Self.labels) }
                try await answering(appliance, ["app1", "app2"])
                try await engine.docker("stop", "-t", "0", "app1")
                // The command returns after the event; control gets a quarter of a second to act on it.
                try await Task.sleep(for: .milliseconds(250))
                for _ in 0..<100 {
                    let answer = try appliance.get(host: "app.test")
                    #expect(answer.status == 200 && answer.word == "app2", "\(answer)")
                }
            }
        }

        @Test("a paused container leaves its pool and comes back", .timeLimit(.minutes(1)))
        func pause() async throws {
            try await withContainers { appliance, engine in
                for name in ["app1", "app2"] { try await engine.start(name, Self.labels) }
                try await answering(appliance, ["app1", "app2"])
                try await engine.docker("pause", "app1")
                try await answering(appliance, ["app2"])
                try await engine.docker("pause", "app2")
                try await appliance.expect(503, host: "app.test")
                try await engine.docker("unpause", "app1")
                try await answering(appliance, ["app1"])
                try await engine.docker("unpause", "app2")
                try await answering(appliance, ["app1", "app2"])
            }
        }

        @Test("an unhealthy container leaves its pool and comes back when it is healthy", .timeLimit(.minutes(1)))
        func health() async throws {
            try await withContainers { appliance, engine in
                try await engine.start(
                    "app1", Self.labels,
                    extra: [
                        "--health-cmd", "test ! -e /tmp/ill", "--health-interval", "500ms", "--health-retries", "1",
                    ])
                try await engine.start("app2", Self.labels)
                try await answering(appliance, ["app1", "app2"])
                try await engine.docker("exec", "app1", "touch", "/tmp/ill")
                try await answering(appliance, ["app2"])
                try await engine.docker("exec", "app1", "rm", "/tmp/ill")
                try await answering(appliance, ["app1", "app2"])
            }
        }

        @Test("a container made anew under its old name, with other labels, is what is served", .timeLimit(.minutes(1)))
        func recreate() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("app", Self.labels)
                try await appliance.expect(200, host: "app.test")
                try await engine.remove("app")
                try await engine.start("app", ["kontainers.enable=true", "kontainers.host=other.test"])
                #expect(try await appliance.expect(200, host: "other.test").word == "app")
                try await appliance.expect(404, host: "app.test")
            }
        }

        @Test("a container moved to a network of another name is followed", .timeLimit(.minutes(1)))
        func networks() async throws {
            try await withContainers { appliance, engine in
                try await engine.docker("network", "create", "before")
                try await engine.docker("network", "create", "after")
                try await engine.start("app", Self.labels, network: "before")
                try await appliance.expect(200, host: "app.test")
                try await engine.docker("network", "disconnect", "before", "app")
                try await engine.docker("network", "connect", "after", "app")
                let address = try await engine.address(of: "app")
                let took = try await eventually("200 from \(address)") {
                    try appliance.get(host: "app.test", within: .milliseconds(500)).status == 200
                }
                #expect(took < .seconds(5))
                try await engine.remove("app")
                try await engine.docker("network", "rm", "before", "after")
            }
        }

        /// Waits until exactly these containers answer, each at least once in twenty requests without a failure.
        private func answering(_ appliance: Appliance, _ names: Set<String>) async throws {
            do {
                try await eventually("answers from \(names.sorted()) alone", within: .seconds(10)) {
                    var seen: Set<String> = []
                    for _ in 0..<20 {
                        let answer = try appliance.get(host: "app.test", within: .seconds(2))
                        guard answer.status == 200 else { throw Unexpected(wanted: "200", got: "\(answer)", log: "") }
                        seen.insert(answer.word)
                    }
                    guard seen == names else { throw Unexpected(wanted: "\(names)", got: "\(seen)", log: "") }
                    return true
                }
            } catch {
                throw Unexpected(wanted: "\(names.sorted())", got: "\(error)", log: appliance.log)
            }
        }
    }
}
