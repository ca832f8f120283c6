import Foundation
import TestKit
import Testing

extension ApplianceTests {
    /// The short form of `make bench-deploy`: what is not the upstream's answer is a failure.
    @Suite("Deploys")
    struct Deploys {
        static let labels = ["kontainers.enable=true", "kontainers.host=app.test"]

        @Test(
            "three containers recreated one by one lose no request", .timeLimit(.minutes(1)),
            arguments: [Load.Connections.kept, .fresh])
        func rolling(_ connections: Load.Connections) async throws {
            try await withContainers { appliance, engine in
                let names = ["app1", "app2", "app3"]
                for name in names { try await engine.start(name, Self.labels) }
                try await appliance.expect(200, host: "app.test")
                let load = try await Load(port: appliance.web, host: "app.test", rate: 200, seconds: 5, connections)
                for name in names { try await recreate(name, engine) }
                try await lostNothing(load, appliance)
            }
        }

        @Test(
            "the only container, stopped, removed and started anew, loses no request", .timeLimit(.minutes(1)),
            arguments: [Load.Connections.kept, .fresh])
        func single(_ connections: Load.Connections) async throws {
            try await withContainers { appliance, engine in
                try await engine.start("app", Self.labels)
                try await appliance.expect(200, host: "app.test")
                // As many connections as requests can be waiting, or the load would wait for itself. Many more than the
                // queue of the image's small server takes at once when they are let go.
                let load = try await Load(
                    port: appliance.web, host: "app.test", rate: 100, seconds: 6, connections: 300, connections)
                for _ in 0..<3 { try await recreate("app", engine) }
                try await lostNothing(load, appliance)
            }
        }

        @Test("one of three killed with kill -9 loses no request that may be sent again", .timeLimit(.minutes(1)))
        func killed() async throws {
            try await withContainers { appliance, engine in
                for name in ["app1", "app2", "app3"] { try await engine.start(name, Self.labels) }
                try await appliance.expect(200, host: "app.test")
                let load = try await Load(port: appliance.web, host: "app.test", rate: 200, seconds: 2)
                try await Task.sleep(for: .milliseconds(500))
                let pid = try #require(Int32(try await engine.inspect("app2", "{{.State.Pid}}")))
                ProcessTable.kill(pid)
                try await lostNothing(load, appliance, mayBeCut: true)
            }
        }

        @Test("a container whose health is not known yet gets nothing while another is ready", .timeLimit(.minutes(1)))
        func starting() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("ready", Self.labels)
                try await appliance.expect(200, host: "app.test")
                try await engine.start(
                    "warming", Self.labels,
                    extra: [
                        "--health-cmd", "test -e /tmp/well", "--health-interval", "200ms", "--health-start-period",
                        "60s",
                    ])
                let load = try await Load(port: appliance.web, host: "app.test", rate: 100, seconds: 1.5)
                let report = try await load.report()
                #expect(try await engine.inspect("warming", "{{.State.Health.Status}}") == "starting")
                #expect(report.failed == 0 && Set(report.bodies.keys) == ["ready"], "\(report)")

                try await engine.docker("exec", "warming", "touch", "/tmp/well")
                try await eventually("an answer of the one that is healthy now") {
                    try appliance.get(host: "app.test").word == "warming"
                }
            }
        }

        private func recreate(_ name: String, _ engine: DockerEngine) async throws {
            try await engine.docker("stop", "-t", "1", name)
            try await engine.docker("rm", name)
            try await engine.start(name, Self.labels)
            // As an orchestrator that waits until it runs, and not longer.
            try await Task.sleep(for: .milliseconds(300))
        }

        /// - Parameter mayBeCut: a response that had begun when its endpoint was killed cannot be sent anew.
        private func lostNothing(_ load: Load, _ appliance: Appliance, mayBeCut: Bool = false) async throws {
            let report = try await load.report()
            let cut = mayBeCut ? cutResponses(appliance.log) : 0
            #expect(cut <= 2)
            #expect(report.failed <= cut && report.succeeded > 100, "\(report)\n\(tail(appliance.log))")
        }
    }
}
