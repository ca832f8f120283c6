import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("An engine that fails")
    struct EngineFaults {
        static let labels = ["kontainers.enable=true", "kontainers.host=app.test", "kontainers.hold=1s"]

        @Test("an engine that restarts, with its containers, is met again", .timeLimit(.minutes(2)))
        func restart() async throws {
            let engine = try await DockerEngine()
            do {
                try await withAppliance(.init(docker: engine.endpoint)) { appliance in
                    try await engine.start("app", Self.labels, extra: ["--restart", "always"])
                    try await appliance.expect(200, host: "app.test")
                    await engine.stopProcess()
                    #expect([503, 502, 504].contains(try appliance.get(host: "app.test").status))
                    try await engine.start()
                    try await appliance.expect(200, host: "app.test", within: .seconds(20))
                    try await engine.remove("app")
                    try await appliance.expect(404, host: "app.test")
                }
            } catch {
                await engine.stop()
                throw error
            }
            await engine.stop()
        }

        @Test(
            "an engine that is killed leaves traffic alone; what changed meanwhile is seen after",
            .timeLimit(.minutes(2)))
        func killed() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("app", Self.labels)
                try await appliance.expect(200, host: "app.test")
                let load = try await Load(port: appliance.web, host: "app.test", rate: 50, seconds: 5)
                try await engine.killProcess()
                let report = try await load.report()
                #expect(report.failed == 0 && report.succeeded > 200, "\(report)")
                try await engine.start()
                try await engine.remove("app")
                try await engine.start("new", ["kontainers.enable=true", "kontainers.host=new.test"])
                try await appliance.expect(200, host: "new.test", within: .seconds(20))
                try await appliance.expect(404, host: "app.test")
            }
        }

        @Test(
            "without an engine the file's rules are served, and the log says what is missing", .timeLimit(.minutes(1)))
        func absent() async throws {
            let upstream = try await Upstream()
            let folder = try TemporaryFolder("absent")
            let wanted = Appliance.Wanted(
                docker: "unix://\(folder("docker.sock"))",
                rules: ["{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"] }"])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                try await appliance.logged(folder("docker.sock"))
            }
            await upstream.stop()
        }

        @Test(
            "an engine that answers wrongly is reported and tried again; everything else goes on",
            .timeLimit(.minutes(2)), arguments: ["nonsense", "html", "cut", "huge", "silent", "events"])
        func wrong(_ mode: String) async throws {
            let upstream = try await Upstream()
            let folder = try TemporaryFolder("wrong")
            let engine = try Program(
                Appliance.python, ["\(Appliance.clients)/wrong_engine.py", folder("docker.sock"), mode],
                log: folder("log"))
            try await eventually("the wrong engine to listen") { engine.log.contains("listening") }
            let wanted = Appliance.Wanted(
                docker: "unix://\(folder("docker.sock"))",
                rules: ["{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"] }"])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                let control = appliance.control
                try await Task.sleep(for: .seconds(2))
                #expect(appliance.control == control, "control must not die of it:\n\(tail(appliance.log))")
                let memory = ProcessTable.anonymousMemory(of: control ?? 0) ?? 0
                #expect(memory < 300_000, "control holds \(memory) KB")
                if mode != "events" && mode != "silent" {
                    #expect(appliance.log.lowercased().contains("docker"), "\(appliance.log)")
                }
                // The engine comes to its senses: a file's change and a new engine are still served.
                await engine.stop(within: .seconds(1))
                var more = wanted
                more.rules.append("{ name: more, hosts: [more.test], endpoints: [\"\(upstream.address)\"] }")
                try appliance.rewrite(more)
                try await appliance.expect(200, host: "more.test")
            }
            await engine.stop(within: .seconds(1))
            await upstream.stop()
        }
    }
}
