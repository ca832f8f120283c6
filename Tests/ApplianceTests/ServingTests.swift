import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("Serving")
    struct Serving {
        @Test("a labelled container is served over HTTP and HTTPS, to curl and to httpx", .timeLimit(.minutes(2)))
        func labelled() async throws {
            let made = try TemporaryFolder("certificates")
            let site = try await MadeCertificate.make(["app.site.test", "*.site.test"], in: made)
            let wanted = Appliance.Wanted(certificates: [site.item(named: "site")])
            try await withContainers(wanted) { appliance, engine in
                try await engine.start("app", ["kontainers.enable=true", "kontainers.host=app.site.test"])
                let plain = try await appliance.expect(200, host: "app.site.test")
                #expect(plain.word == "app")

                let curl = [
                    "-s", "--resolve", "app.site.test:\(appliance.secure):127.0.0.1", "--cacert", site.certificate,
                ]
                let secure = try await run("curl", curl + ["https://app.site.test:\(appliance.secure)/"])
                #expect(secure.line == "app")
                let old = try await run(
                    "curl", curl + ["--tls-max", "1.1", "https://app.site.test:\(appliance.secure)/"], anyStatus: true)
                #expect(old.status == 35, "TLS 1.1 must be refused: \(old)")
            }
        }

        @Test(
            "httpx keeps its connection, sends bodies both ways and is told apart from others", .timeLimit(.minutes(2)))
        func bodies() async throws {
            let made = try TemporaryFolder("certificates")
            let site = try await MadeCertificate.make(["site.test"], in: made)
            let upstream = try await Upstream()
            let wanted = Appliance.Wanted(
                rules: ["{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"] }"],
                certificates: [site.item(named: "site")])
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                for (url, more) in [
                    ("http://127.0.0.1:\(appliance.web)", []),
                    ("https://127.0.0.1:\(appliance.secure)", [site.certificate]),
                ] {
                    let said = try await run(
                        Appliance.python, ["\(Appliance.clients)/requests.py", url, "site.test"] + more)
                    let met = try JSONDecoder().decode(ClientReport.self, from: Data(said.out.utf8))
                    #expect(met.status == 200 && met.body == "upstream" && met.version == "HTTP/1.1", "\(met)")
                    #expect(met.again == Array(repeating: 200, count: 20))
                    #expect(met.head == [200, 0])
                    #expect(met.sized && met.chunked && met.pieces, "\(met)")
                    #expect(met.big == 5_000_000)
                    let scheme = more.isEmpty ? "http" : "https"
                    let echo = met.echo.lowercased()
                    #expect(
                        echo.contains("x-forwarded-for: 127.0.0.1\r\n"), "a client's claim is not passed on: \(echo)")
                    #expect(echo.contains("x-forwarded-proto: \(scheme)\r\n"), "\(echo)")
                    #expect(echo.contains("x-request-id: "), "\(echo)")
                    #expect(!echo.contains("x-private"), "a field that Connection names goes no further: \(echo)")
                }
            }
            await upstream.stop()
        }

        @Test(
            "a rule that names TLS redirects plain requests; one that says off is not served over TLS",
            .timeLimit(.minutes(1)))
        func redirect() async throws {
            let made = try TemporaryFolder("certificates")
            let site = try await MadeCertificate.make(["site.test", "plain.test"], in: made)
            let upstream = try await Upstream()
            let wanted = Appliance.Wanted(
                rules: [
                    "{ name: site, hosts: [site.test], tls: site, endpoints: [\"\(upstream.address)\"] }",
                    "{ name: plain, hosts: [plain.test], tls: off, endpoints: [\"\(upstream.address)\"] }",
                ], certificates: [site.item(named: "site")])
            try await withAppliance(wanted) { appliance in
                let answer = try await appliance.expect(308, host: "site.test", path: "/a?b=c")
                #expect(answer["location"] == "https://site.test:\(appliance.secure)/a?b=c", "\(answer)")
                #expect(try appliance.get(host: "plain.test").status == 200)
                let secure = try await run(
                    "curl",
                    [
                        "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", site.certificate, "--resolve",
                        "plain.test:\(appliance.secure):127.0.0.1", "https://plain.test:\(appliance.secure)/",
                    ])
                #expect(secure.line == "404")
            }
            await upstream.stop()
        }

        @Test("of several certificates a client gets the one for its name", .timeLimit(.minutes(1)))
        func names() async throws {
            let made = try TemporaryFolder("certificates")
            let one = try await MadeCertificate.make(["one.test"], in: made, as: "one")
            let many = try await MadeCertificate.make(["*.many.test"], in: made, as: "many")
            let wanted = Appliance.Wanted(certificates: [one.item(named: "one"), many.item(named: "many")])
            try await withAppliance(wanted) { appliance in
                for (name, subject) in [("one.test", "one.test"), ("a.many.test", "*.many.test")] {
                    let said = try await run(
                        "/bin/sh",
                        [
                            "-c",
                            """
                            openssl s_client -connect 127.0.0.1:\(appliance.secure) -servername \(name) \
                            </dev/null 2>/dev/null | openssl x509 -noout -subject
                            """,
                        ])
                    #expect(said.line == "subject=CN = \(subject)", "\(name): \(said)")
                }
            }
        }

        @Test(
            "of two rules for a host the longer path wins, by whole segments; unknown hosts get 404",
            .timeLimit(.minutes(1)))
        func paths() async throws {
            let site = try await Upstream("site")
            let api = try await Upstream("api")
            let wanted = Appliance.Wanted(rules: [
                "{ name: site, hosts: [site.test, \"*.site.test\"], endpoints: [\"\(site.address)\"] }",
                "{ name: api, hosts: [site.test], path: /api, endpoints: [\"\(api.address)\"] }",
            ])
            try await withAppliance(wanted) { appliance in
                for (host, path, word) in [
                    ("site.test", "/", "site"), ("site.test", "/api", "api"), ("site.test", "/api/x", "api"),
                    ("site.test", "/apis", "site"), ("SITE.test:80", "/", "site"), ("deep.er.site.test", "/", "site"),
                ] {
                    let answer = try await appliance.expect(200, host: host, path: path)
                    #expect(answer.word == word, "\(host)\(path)")
                }
                #expect(try appliance.get(host: "site.tests").status == 404)
            }
            await site.stop()
            await api.stop()
        }

        @Test("a container of two ports and two networks is reached on those its labels name", .timeLimit(.minutes(2)))
        func portsAndNetworks() async throws {
            try await withContainers { appliance, engine in
                try await engine.docker("network", "create", "front")
                try await engine.create(
                    "two",
                    [
                        "kontainers.enable=true", "kontainers.http.main.hosts=main.test",
                        "kontainers.http.main.port=80", "kontainers.http.admin.hosts=admin.test",
                        "kontainers.http.admin.port=8080", "kontainers.http.admin.network=front",
                    ], image: "local/two:1")
                try await engine.docker("network", "connect", "front", "two")
                try await engine.docker("start", "two")
                #expect(try await appliance.expect(200, host: "main.test", path: "/port").word == "80")
                #expect(try await appliance.expect(200, host: "admin.test", path: "/port").word == "8080")
                try await engine.remove("two")
                try await engine.docker("network", "rm", "front")
            }
        }
    }
}

/// What `Clients/requests.py` met.
private struct ClientReport: Decodable {
    var status: Int
    var body: String
    var version: String
    var again: [Int]
    var head: [Int]
    var sized: Bool
    var chunked: Bool
    var big: Int
    var pieces: Bool
    var echo: String
}
