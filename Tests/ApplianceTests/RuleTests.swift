import Foundation
import Glibc
import TestKit
import Testing

extension ApplianceTests {
    @Suite("Rules in the appliance")
    struct Rules {
        /// "open sesame", at the least cost.
        private static let hash = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"

        private func status(_ port: Int, _ host: String, user: String?) async throws -> String {
            let arguments = ["-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: \(host)"]
            let more = user.map { ["-u", $0] } ?? []
            return try await run("curl", arguments + more + ["http://127.0.0.1:\(port)/"]).line
        }

        @Test("curl signs in at a rule of the file and at one of a container's label", .timeLimit(.minutes(1)))
        func signIn() async throws {
            let upstream = try await Upstream()
            let rule = """
                { name: shut, hosts: [shut.test], endpoints: ["\(upstream.address)"], \
                basicAuth: { users: { alice: "\(Self.hash)" } }, requestHeaders: { set: { X-User: "${user}" } } }
                """
            try await withContainers(.init(rules: [rule])) { appliance, engine in
                try await engine.start(
                    "app",
                    [
                        "kontainers.enable=true", "kontainers.host=app.test",
                        "kontainers.basicAuth.users=alice:\(Self.hash)",
                    ])
                for host in ["shut.test", "app.test"] {
                    let refused = try await appliance.expect(401, host: host)
                    #expect(refused["www-authenticate"]?.hasPrefix("Basic realm=") == true, "\(refused)")
                    for (user, code) in [
                        (nil, "401"), ("alice:wrong", "401"), ("bob:open sesame", "401"), ("alice:open sesame", "200"),
                    ] {
                        #expect(
                            try await status(appliance.web, host, user: user) == code, "\(host) \(user ?? "nobody")")
                    }
                }
                let echo = try await run(
                    "curl",
                    [
                        "-s", "-m", "5", "-u", "alice:open sesame", "-H", "Host: shut.test", "-H", "X-User: root",
                        "http://127.0.0.1:\(appliance.web)/echo",
                    ]
                ).out.lowercased()
                #expect(echo.contains("\r\nx-user: alice\r\n") && !echo.contains("root"), "\(echo)")
                #expect(!echo.contains("authorization"), "the upstream has no use for the password: \(echo)")
                #expect(!appliance.log.contains("sesame"))
            }
            await upstream.stop()
        }

        @Test("curl --compressed reads what the upstream wrote; events are not held back", .timeLimit(.minutes(1)))
        func gzip() async throws {
            let upstream = try await Upstream()
            let wanted = Appliance.Wanted(rules: [
                "{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"], gzip: true }"
            ])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                let folder = try TemporaryFolder("gzip")
                let url = "http://127.0.0.1:\(appliance.web)"
                let curl = ["-s", "-m", "10", "-H", "Host: site.test"]
                let says = "%{size_download} %header{content-encoding}"
                for path in ["/text?2000000", "/text?500"] {
                    let direct = try await run(
                        "curl", ["-s", "http://\(upstream.address)\(path)", "-o", folder("direct")])
                    #expect(direct.status == 0)
                    let through = try await run(
                        "curl", curl + ["--compressed", "-w", says, "-o", folder("through"), url + path])
                    let words = through.line.split(separator: " ")
                    let whole = try Data(contentsOf: URL(fileURLWithPath: folder("direct")))
                    #expect(try Data(contentsOf: URL(fileURLWithPath: folder("through"))) == whole)
                    if whole.count > 1_024 {
                        #expect(words.count == 2 && words[1] == "gzip", "\(through)")
                        #expect((Int(words[0]) ?? .max) < whole.count / 3, "\(through)")
                    } else {
                        #expect(words.count == 1, "too short to be worth it: \(through)")
                    }
                    // A client that does not ask gets it as it is.
                    let plain = try await run("curl", curl + ["-w", says, "-o", folder("plain"), url + path])
                    #expect(plain.line == "\(whole.count)", "\(plain)")
                }

                // The upstream sends the second event when it is told that the first has come.
                let events = try Program(
                    "curl", curl + ["-N", "--compressed", "-D", folder("head"), "\(url)/events?2"],
                    log: folder("events"))
                for number in 0..<2 {
                    try await eventually("event \(number)", within: .seconds(5)) {
                        events.log.contains("data: \(number)\n")
                    }
                    #expect(!events.log.contains("data: \(number + 1)\n"))
                    _ = try get("/next", host: "upstream", port: upstream.port)
                }
                try await eventually("the end of the events") { !events.isRunning }
                #expect(events.status == 0)
                let head = try String(contentsOfFile: folder("head"), encoding: .utf8).lowercased()
                #expect(head.contains("content-encoding: gzip"), "\(head)")
            }
            await upstream.stop()
        }

        @Test("a request that is buffered meets its endpoint when it is whole", .timeLimit(.minutes(1)))
        func buffered() async throws {
            let upstream = try await Upstream()
            let wanted = Appliance.Wanted(rules: [
                "{ name: held, hosts: [held.test], endpoints: [\"\(upstream.address)\"], bufferRequest: 1MiB }",
                "{ name: open, hosts: [open.test], endpoints: [\"\(upstream.address)\"] }",
            ])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "held.test")
                func seen(_ path: String) throws -> Bool {
                    try get("/heads", host: "upstream", port: upstream.port).text.contains(path)
                }
                for (host, isHeld) in [("held.test", true), ("open.test", false)] {
                    let path = "/digest?\(host)"
                    let client = try RawConnection(port: appliance.web)
                    try client.send("PUT \(path) HTTP/1.1\r\nHost: \(host)\r\nContent-Length: 11\r\n\r\nhello ")
                    if isHeld {
                        try await Task.sleep(for: .milliseconds(300))
                        #expect(try !seen(path), "it was contacted before the request was whole")
                    } else {
                        try await eventually("the request to stream") { try seen(path) }
                    }
                    try client.send("world")
                    let answer = try client.answer()
                    // SHA-256 of "hello world".
                    let digest = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
                    #expect(answer.status == 200 && answer.text == "11 \(digest)", "\(answer)")
                }
            }
            await upstream.stop()
        }

        @Test("kill -9 of one of two upstreams under load: not one GET fails", .timeLimit(.minutes(1)))
        func retried() async throws {
            let (one, two) = (try await Upstream("one"), try await Upstream("two"))
            let wanted = Appliance.Wanted(rules: [
                "{ name: site, hosts: [site.test], endpoints: [\"\(one.address)\", \"\(two.address)\"] }"
            ])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                let load = try await Load(port: appliance.web, host: "site.test", rate: 500, seconds: 3)
                try await Task.sleep(for: .seconds(1))
                one.program.send(SIGKILL)
                let report = try await load.report()
                #expect(report.failed == 0 && report.succeeded > 1_000, "\(report)\n\(tail(appliance.log))")
                #expect(report.bodies["one"] ?? 0 > 100 && report.bodies["two"] ?? 0 > 500, "\(report)")
            }
            await one.stop()
            await two.stop()
        }
    }
}
