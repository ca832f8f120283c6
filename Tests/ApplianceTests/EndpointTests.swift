import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("Orders about endpoints")
    struct Endpoints {
        /// What `list --json` says of one endpoint.
        private struct Reading: Decodable {
            var endpoint: String
            var address: String?
            var state: String
            var inFlight: Int?
            var weight: Int?
        }

        private struct List: Decodable {
            var endpoints: [Reading]
        }

        /// Runs `kontainers endpoints …` against the appliance.
        @discardableResult
        private static func order(
            _ appliance: Appliance, _ words: String..., anyStatus: Bool = false
        ) async throws -> Output {
            try await run(
                "\(Appliance.programs)/kontainers",
                ["endpoints", words[0], "--data", appliance.folder("data")] + words.dropFirst(), anyStatus: anyStatus)
        }

        private static func reading(_ appliance: Appliance, _ endpoint: String) async throws -> Reading? {
            let text = try await order(appliance, "list", "--json").out
            return try JSONDecoder().decode(List.self, from: Data(text.utf8)).endpoints.first {
                $0.endpoint == endpoint
            }
        }

        /// Who answers a number of requests.
        private static func answerers(_ appliance: Appliance, _ count: Int = 12) throws -> Set<String> {
            Set(try (0..<count).map { _ in try appliance.get(host: "pair.test").word })
        }

        private static let labels = ["kontainers.enable=true", "kontainers.host=pair.test", "kontainers.hold=1s"]

        @Test(
            "a drain sends new requests elsewhere, what is in flight finishes; it outlives control, and is taken back",
            .timeLimit(.minutes(3)))
        func drain() async throws {
            try await withContainers { appliance, engine in
                for name in ["one", "two"] { try await engine.start(name, Self.labels) }
                try await eventually("both to serve") { try Self.answerers(appliance) == ["one", "two"] }
                let table = try await Self.order(appliance, "list").out
                #expect(table.contains("docker:") && table.contains("ready") && table.contains("IN FLIGHT"), "\(table)")

                // Each worker has its own turn, so that a few are needed to have one in flight on each.
                let slow = try (0..<6).map { _ in
                    let connection = try RawConnection(port: appliance.web)
                    try connection.send("GET /cgi-bin/slow?7 HTTP/1.1\r\nHost: pair.test\r\n\r\n")
                    return connection
                }
                try await Task.sleep(for: .milliseconds(500))
                let drained = try await Self.order(appliance, "drain", "pair.test", "one")
                #expect(drained.out.hasPrefix("drained one (198.18."), "\(drained)")
                #expect(drained.err.isEmpty, "\(drained)")
                #expect(try Self.answerers(appliance) == ["two"], "visible at once")
                try await eventually("the list to show it draining", within: .seconds(4)) {
                    let reading = try await Self.reading(appliance, "one")
                    return reading?.state == "draining" && (1..<6).contains(reading?.inFlight ?? 0)
                }
                let waited = try await Self.order(appliance, "drain", "pair.test", "one", "--wait=30")
                #expect(waited.out.contains("nothing is in flight") && waited.err.contains(" in flight"), "\(waited)")
                let answers = try slow.map { try $0.answer(within: .seconds(10)) }
                #expect(answers.allSatisfy { $0.status == 200 }, "\(answers)")
                #expect(Set(answers.map(\.text)) == ["slow one\n", "slow two\n"], "\(answers)")
                #expect(try await Self.reading(appliance, "one")?.state == "drained")

                let control = try #require(appliance.control)
                ProcessTable.kill(control)
                try await eventually("a new control that takes orders", within: .seconds(15)) {
                    guard let new = appliance.control, new != control else { return false }
                    return try await Self.reading(appliance, "one")?.state == "drained"
                }
                #expect(try Self.answerers(appliance) == ["two"], "kept over kill -9")

                try await engine.docker("stop", "-t", "0", "two")
                try await appliance.expect(503, host: "pair.test")
                try await Self.order(appliance, "undrain", "pair.test", "one")
                #expect(try Self.answerers(appliance) == ["one"], "visible at once")
            }
        }

        @Test("a drain ends when another container takes the place; a weight does not", .timeLimit(.minutes(2)))
        func replaced() async throws {
            try await withContainers { appliance, engine in
                for name in ["one", "two"] { try await engine.start(name, Self.labels) }
                try await eventually("both to serve") { try Self.answerers(appliance) == ["one", "two"] }
                try await Self.order(appliance, "drain", "pair.test", "one")
                try await Self.order(appliance, "weight", "pair.test", "one", "3")
                try await engine.docker("restart", "-t", "0", "one")
                try await eventually("it to be back, and drained") {
                    let reading = try await Self.reading(appliance, "one")
                    return reading?.state == "drained" && reading?.address != nil
                }
                #expect(try Self.answerers(appliance) == ["two"])
                try await engine.remove("one")
                try await engine.start("one", Self.labels)
                try await eventually("its successor to serve") { try Self.answerers(appliance) == ["one", "two"] }
                #expect(try await Self.reading(appliance, "one")?.weight == 3)
                try await Self.order(appliance, "weight", "pair.test", "two", "0")
                #expect(try Self.answerers(appliance) == ["one"])
                try await Self.order(appliance, "weight", "pair.test", "two", "auto")
                #expect(try Self.answerers(appliance) == ["one", "two"])
            }
        }

        @Test("mistakes are told in one line with what to do, and the socket is its owner's", .timeLimit(.minutes(1)))
        func mistakes() async throws {
            let upstream = try await Upstream()
            let wanted = Appliance.Wanted(
                rules: ["{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"] }"])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                // The edge serves before control takes orders.
                try await eventually("the control socket") {
                    FileManager.default.fileExists(atPath: appliance.folder("data/control/control.sock"))
                }
                for (words, told) in [
                    (["drain", "sit", upstream.address], "did you mean \"site\"?"),
                    (["drain", "site", "127.0.0.1:1"], upstream.address),
                    (["list", "--rule", "nobody"], "wanted one of: site"),
                ] {
                    let output = try await run(
                        "\(Appliance.programs)/kontainers",
                        ["endpoints", words[0], "--data", appliance.folder("data")] + words.dropFirst(),
                        anyStatus: true)
                    #expect(output.status == 1 && output.out.isEmpty && output.err.contains(told), "\(output)")
                    #expect(output.err.split(separator: "\n").count == 1, "\(output)")
                }
                let socket = appliance.folder("data") + "/control/control.sock"
                let mode = try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int
                #expect(mode == 0o600)
                try await Self.order(appliance, "drain", "site", upstream.address, "--wait")
                let answer = try await appliance.expect(503, host: "site.test")
                #expect(!answer.text.contains(upstream.address), "what is drained is not a client's business")
                try await Self.order(appliance, "undrain", "site", upstream.address)
                #expect(try appliance.get(host: "site.test").status == 200)
                let nobody = try await run(
                    "\(Appliance.programs)/kontainers", ["endpoints", "list", "--data", appliance.folder("none")],
                    anyStatus: true)
                #expect(nobody.status == 1 && nobody.err.contains("kontainers serve"), "\(nobody)")
            }
            await upstream.stop()
        }
    }
}
