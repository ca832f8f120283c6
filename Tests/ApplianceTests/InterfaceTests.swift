import Foundation
import TestKit
import Testing

extension ApplianceTests {
    /// The interface of the running program, as curl and the commands meet it.
    @Suite("The management interface")
    struct ManagementInterface {
        /// A call over the control socket.
        private func ask(
            _ appliance: Appliance, _ method: String, _ target: String, _ body: String? = nil
        ) async throws -> (status: Int, json: Any) {
            let socket = appliance.folder("data/control/control.sock")
            var arguments = [
                "-s", "-X", method, "--unix-socket", socket, "-w", "\n%{http_code}", "http://control\(target)",
            ]
            if let body { arguments += ["-H", "content-type: application/json", "-d", body] }
            let lines = try await run("curl", arguments, anyStatus: true).out.split(
                separator: "\n", omittingEmptySubsequences: false)
            let text = lines.dropLast().joined(separator: "\n")
            let json = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) ?? NSNull()
            return (Int(lines.last ?? "") ?? 0, json)
        }

        private func field(_ json: Any, _ name: String) -> Any? { (json as? [String: Any])?[name] }

        @Test(
            "a rule that is made is served, survives control's death, and is gone when it is taken back",
            .timeLimit(.minutes(2)))
        func rules() async throws {
            let upstream = try await Upstream()
            try await withAppliance(Appliance.Wanted()) { appliance in
                try await eventually("the socket") { try await ask(appliance, "GET", "/health").status == 200 }
                let made = try await ask(
                    appliance, "POST", "/api/proxy/rules",
                    #"{"name":"made","sourceHost":"made.test","endpoints":["\#(upstream.address)"]}"#)
                #expect(made.status == 201, "\(made)")
                // Acknowledged is served: no waiting.
                #expect(try appliance.get(host: "made.test").status == 200)
                let control = try #require(appliance.control)
                ProcessTable.kill(control)
                try await eventually("another control", within: .seconds(20)) {
                    guard let now = appliance.control, now != control else { return false }
                    return try await ask(appliance, "GET", "/api/proxy/rules").status == 200
                }
                #expect(try appliance.get(host: "made.test").status == 200)
                let listed = try await ask(appliance, "GET", "/api/proxy/rules?source=store")
                #expect((listed.json as? [Any])?.count == 1, "\(listed)")
                let restored = try await ask(appliance, "POST", "/api/revisions/0/restore").status
                // The edge may not be back with the new control yet.
                #expect(restored == 200 || restored == 202)
                try await appliance.expect(404, host: "made.test")
                let nobody = try await run(
                    "curl",
                    [
                        "-s", "-o", "/dev/null", "-w", "%{http_code}",
                        "http://127.0.0.1:\(appliance.management)/api/proxy/rules",
                    ])
                #expect(nobody.line == "401")
            }
        }

        @Test("a container is made, run, measured, read, changed and taken away", .timeLimit(.minutes(3)))
        func containers() async throws {
            try await withContainers(Appliance.Wanted()) { appliance, engine in
                try await engine.start("app", ["kontainers.enable=true", "kontainers.host=app.test"])
                try await appliance.expect(200, host: "app.test")
                let one = try await ask(appliance, "GET", "/api/containers/app")
                #expect(one.status == 200 && field(one.json, "state") as? String == "RUNNING", "\(one)")
                let image = try #require(field(one.json, "image") as? String)
                let made = try await ask(
                    appliance, "POST", "/api/containers",
                    #"""
                    {"name":"made","image":"\#(image)","command":["sh","-c",
                    "echo hello; echo ERROR boom >&2; while :; do :; done"],"labels":{"a":"b"},"memory":67108864}
                    """#)
                #expect(made.status == 201, "\(made)")
                try await eventually("its lines", within: .seconds(20)) {
                    let logs =
                        try await ask(appliance, "GET", "/api/containers/made/logs?tail=10").json as? [[String: Any]]
                    let levels = Dictionary(
                        (logs ?? []).map { ($0["message"] as? String ?? "", $0["level"] as? String ?? "") },
                        uniquingKeysWith: { $1 })
                    return levels == ["hello": "INFO", "ERROR boom": "ERROR"]
                }
                let stats = try await ask(appliance, "GET", "/api/containers/made/stats")
                #expect((field(stats.json, "cpuUsage") as? Double ?? 0) > 5, "\(stats)")
                #expect(field(stats.json, "memoryLimit") as? Int == 67_108_864, "\(stats)")
                let mounted = try await ask(
                    appliance, "POST", "/api/containers",
                    #"{"image":"\#(image)","volumes":[{"source":"/etc","destination":"/x","mode":"rw"}]}"#)
                #expect(mounted.status == 422, "\(mounted)")
                let renamed = try await ask(
                    appliance, "PUT", "/api/containers/made", #"{"name":"other","memory":134217728}"#)
                #expect(renamed.status == 200 && field(renamed.json, "name") as? String == "other", "\(renamed)")
                #expect(try await ask(appliance, "DELETE", "/api/containers/other").status == 409)
                let stopped = try await ask(appliance, "POST", "/api/containers/other/stop")
                #expect(field(stopped.json, "state") as? String == "STOPPED", "\(stopped)")
                #expect(try await ask(appliance, "POST", "/api/containers/other/restart").status == 200)
                #expect(try await ask(appliance, "DELETE", "/api/containers/other?force=true").status == 204)
                #expect(try await ask(appliance, "GET", "/api/containers/other").status == 404)
                #expect(try await ask(appliance, "POST", "/api/containers/nobody/start").status == 404)
                let names = try await ask(appliance, "GET", "/api/containers").json as? [[String: Any]]
                #expect(names?.compactMap { $0["name"] as? String } == ["app"])
                #expect(try await ask(appliance, "GET", "/api/images").status == 200)
                let rules = try await ask(appliance, "GET", "/api/proxy/rules?source=docker").json as? [[String: Any]]
                #expect(rules?.first?["targetContainer"] as? String == "app")
            }
        }
    }
}
