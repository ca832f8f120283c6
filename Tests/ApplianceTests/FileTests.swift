import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("The configuration file")
    struct File {
        private func rule(_ name: String, _ upstream: Upstream) -> String {
            "{ name: \(name), hosts: [\(name).test], endpoints: [\"\(upstream.address)\"] }"
        }

        @Test("a change of the file is live without a restart; a listener too", .timeLimit(.minutes(1)))
        func live() async throws {
            let upstream = try await Upstream()
            var wanted = Appliance.Wanted(rules: [rule("one", upstream)])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "one.test")
                let edge = appliance.edge
                wanted.rules = [rule("two", upstream)]
                try appliance.rewrite(wanted)
                try await appliance.expect(200, host: "two.test")
                try await appliance.expect(404, host: "one.test")
                #expect(appliance.edge == edge, "nothing is reloaded")
            }
            await upstream.stop()
        }

        @Test("a broken file keeps the last good state and is told with line and column", .timeLimit(.minutes(1)))
        func broken() async throws {
            let upstream = try await Upstream()
            var wanted = Appliance.Wanted(rules: [rule("one", upstream)])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "one.test")
                for text in ["rules: [", "listeners: 7\n", "\u{0}\u{1}", ""] {
                    try appliance.folder.write("kontainers.yaml", text)
                    try await Task.sleep(for: .milliseconds(700))
                    let status = try? appliance.get(host: "one.test").status
                    #expect(status == 200, "after \(text.debugDescription):\n\(tail(appliance.log))")
                }
                try await appliance.logged("kontainers.yaml:1")
                wanted.rules.append(rule("two", upstream))
                try appliance.rewrite(wanted)
                try await appliance.expect(200, host: "two.test")
            }
            await upstream.stop()
        }

        @Test("a rule that is wrong harms no other rule of the file", .timeLimit(.minutes(1)))
        func oneWrong() async throws {
            let upstream = try await Upstream()
            var wanted = Appliance.Wanted(rules: [rule("one", upstream)])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "one.test")
                wanted.rules = [
                    rule("one", upstream), "{ name: bad, hosts: [\"a b\"], endpoints: [\"nowhere\"] }",
                    rule("three", upstream),
                ]
                try appliance.rewrite(wanted)
                try await appliance.expect(200, host: "three.test")
                #expect(try appliance.get(host: "one.test").status == 200)
                try await appliance.logged("kontainers.yaml:", "a b")
            }
            await upstream.stop()
        }

        @Test("a certificate that does not match its key is told; everything else goes on", .timeLimit(.minutes(1)))
        func mismatch() async throws {
            let made = try TemporaryFolder("certificates")
            let good = try await MadeCertificate.make(["good.test"], in: made, as: "good")
            let other = try await MadeCertificate.make(["bad.test"], in: made, as: "other")
            let upstream = try await Upstream()
            let wanted = Appliance.Wanted(
                rules: [rule("good", upstream)],
                certificates: [
                    good.item(named: "good"), "{ name: bad, certificate: \(other.certificate), key: \(good.key) }",
                    "{ name: none, certificate: \(made("absent.pem")), key: \(made("absent.key")) }",
                ])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "good.test")
                try await appliance.logged("bad", "key")
                try await appliance.logged("absent.pem")
                let secure = try await run(
                    "curl",
                    [
                        "-s", "--cacert", good.certificate, "--resolve", "good.test:\(appliance.secure):127.0.0.1",
                        "https://good.test:\(appliance.secure)/",
                    ])
                #expect(secure.line == "upstream")
            }
            await upstream.stop()
        }

        @Test("check exits with 1 on a fault and tells the place, with 0 on a good file", .timeLimit(.minutes(1)))
        func check() async throws {
            let folder = try TemporaryFolder("check")
            let good = try folder.write(
                "good.yaml", "listeners:\n  - { name: web, address: \"0.0.0.0:80\", protocol: http }\n")
            let fine = try await run("\(Appliance.programs)/kontainers", ["check", good], anyStatus: true)
            #expect(fine.status == 0, "\(fine)")
            let bad = try folder.write(
                "bad.yaml", "listeners:\n  - { name: web, adress: \"0.0.0.0:80\", protocol: http }\n")
            let faulty = try await run("\(Appliance.programs)/kontainers", ["check", bad], anyStatus: true)
            #expect(faulty.status == 1)
            let said = faulty.out + faulty.err
            #expect(said.contains("bad.yaml:2:") && said.contains("adress") && said.contains("address"), "\(faulty)")
            let absent = try await run(
                "\(Appliance.programs)/kontainers", ["check", folder("no.yaml")], anyStatus: true)
            #expect(absent.status != 0 && (absent.out + absent.err).contains("no.yaml"), "\(absent)")
        }

        @Test("a hundred thousand rules are served, the first and the last", .timeLimit(.minutes(5)))
        func many() async throws {
            let upstream = try await Upstream()
            let rules = (0..<100_000).map { rule("site\($0)", upstream) }
            let start = ContinuousClock.now
            let appliance = try await Appliance.serving(.init(rules: rules), within: .seconds(120))
            do {
                try await appliance.expect(200, host: "site99999.test", within: .seconds(120))
                print("100,000 rules served after \(Int((ContinuousClock.now - start).milliseconds)) ms")
                #expect(try appliance.get(host: "site0.test").status == 200)
                #expect(try appliance.get(host: "site100000.test").status == 404)
            } catch {
                await appliance.stop()
                throw error
            }
            await appliance.stop()
            await upstream.stop()
        }
    }
}
