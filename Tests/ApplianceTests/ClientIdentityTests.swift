import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("Clients that others speak for")
    struct ClientIdentity {
        /// Whom the tests trust; every other address of loopback is a stranger's.
        private static let proxy = "127.0.0.1"
        private static let stranger = "127.0.0.9"
        private static let client = "127.0.0.5"

        private func rule(_ upstream: Upstream) -> String {
            "{ name: site, hosts: [site.test], endpoints: [\"\(upstream.address)\"] }"
        }

        /// The request head that the upstream got, lower case; empty without an answer.
        private func head(_ port: Int, from address: String, _ more: [String] = []) async throws -> String {
            let arguments = ["-s", "-m", "5", "--interface", address, "-H", "Host: site.test"] + more
            return try await run("curl", arguments + ["http://127.0.0.1:\(port)/echo"], anyStatus: true).out
                .lowercased()
        }

        @Test("curl behind a trusted proxy is spoken for, a stranger's claims are replaced", .timeLimit(.minutes(1)))
        func forwarded() async throws {
            let upstream = try await Upstream()
            let claims = [
                "-H", "X-Forwarded-For: 203.0.113.7", "-H", "X-Forwarded-Proto: https", "-H",
                "Forwarded: for=203.0.113.7", "-H", "X-Real-IP: 203.0.113.7",
            ]
            let more = "trustedProxies: [\(Self.proxy)]"
            try await withAppliance(.init(rules: [rule(upstream)], more: [more])) { appliance in
                try await appliance.expect(200, host: "site.test")
                let trusted = try await head(appliance.web, from: Self.proxy, claims)
                #expect(trusted.contains("\r\nx-forwarded-for: 203.0.113.7, 127.0.0.1\r\n"), "\(trusted)")
                #expect(trusted.contains("\r\nx-forwarded-proto: https\r\n"), "\(trusted)")
                #expect(trusted.contains("\r\nforwarded: for=203.0.113.7, for=127.0.0.1"), "\(trusted)")
                let stranger = try await head(appliance.web, from: Self.stranger, claims)
                #expect(stranger.contains("\r\nx-forwarded-for: 127.0.0.9\r\n"), "\(stranger)")
                #expect(stranger.contains("\r\nx-forwarded-proto: http\r\n"), "\(stranger)")
                #expect(!stranger.contains("203.0.113.7"), "\(stranger)")
                try await appliance.logged("\"client\":\"203.0.113.7\"", "/echo")
                try await appliance.logged("\"client\":\"127.0.0.9\"", "/echo")
                // Trust that is taken away is gone without a restart.
                try appliance.rewrite(.init(rules: [rule(upstream)]))
                try await eventually("the claims to be replaced") {
                    try await !head(appliance.web, from: Self.proxy, claims).contains("203.0.113.7")
                }
            }
            await upstream.stop()
        }

        @Test(
            "a PROXY protocol header is taken from curl and HAProxy, versions 1 and 2, and from no stranger",
            .timeLimit(.minutes(1)))
        func proxyProtocol() async throws {
            let upstream = try await Upstream()
            let made = try TemporaryFolder("certificates")
            let site = try await MadeCertificate.make(["site.test"], in: made)
            let (plain, secure) = (try freePort(), try freePort())
            var wanted = Appliance.Wanted(rules: [rule(upstream)], certificates: [site.item(named: "site")])
            wanted.listeners = [
                "{ name: behind, address: \"127.0.0.1:\(plain)\", protocol: http, proxyProtocol: required }",
                "{ name: behind-tls, address: \"127.0.0.1:\(secure)\", protocol: https, proxyProtocol: required }",
            ]
            wanted.more = ["trustedProxies: [\(Self.proxy)]"]
            try await withAppliance(wanted) { appliance in
                try await appliance.expect(200, host: "site.test")
                let spoken = "\r\nx-forwarded-for: \(Self.client)\r\n"
                // curl writes a header of version 1 with its own address, so this is for its form alone.
                let curl = try await head(plain, from: Self.proxy, ["--haproxy-protocol"])
                #expect(curl.contains("\r\nx-forwarded-for: 127.0.0.1\r\n"), "\(curl)")
                #expect(try await head(plain, from: Self.proxy) == "", "a header must come")
                #expect(try await head(plain, from: Self.stranger, ["--haproxy-protocol"]) == "", "a stranger's header")
                #expect(
                    try await !head(appliance.web, from: Self.proxy, ["--haproxy-protocol"]).contains("get /echo"),
                    "a listener that asks for no header")

                try await withHAProxy(plain: plain, secure: secure) { ports in
                    for port in ports.plain {
                        let head = try await head(port, from: Self.client, ["-H", "X-Forwarded-For: 6.6.6.6"])
                        #expect(head.contains(spoken) && !head.contains("6.6.6.6"), "\(head)")
                    }
                    for port in ports.secure {
                        let head = try await run(
                            "curl",
                            [
                                "-s", "-m", "5", "--interface", Self.client, "--cacert", site.certificate, "--resolve",
                                "site.test:\(port):127.0.0.1", "https://site.test:\(port)/echo",
                            ]
                        ).out.lowercased()
                        #expect(head.contains(spoken) && head.contains("\r\nx-forwarded-proto: https\r\n"), "\(head)")
                    }
                }
                try await appliance.logged("\"client\":\"\(Self.client)\"", "behind-tls")
            }
            await upstream.stop()
        }

        private struct Ports {
            var plain: [Int]
            var secure: [Int]
        }

        /// HAProxy that passes TCP on with a header of either version, and checks the way by headers that say LOCAL.
        private func withHAProxy(plain: Int, secure: Int, _ body: (Ports) async throws -> Void) async throws {
            let ports = Ports(plain: [try freePort(), try freePort()], secure: [try freePort(), try freePort()])
            let folder = try TemporaryFolder("haproxy")
            var text = "defaults\n  mode tcp\n  timeout connect 3s\n  timeout client 5s\n  timeout server 5s\n"
            let check = "check inter 100ms fall 1 rise 2"
            for (name, fronts, back) in [("plain", ports.plain, plain), ("secure", ports.secure, secure)] {
                for (front, sends) in zip(fronts, ["send-proxy", "send-proxy-v2"]) {
                    text += "listen \(name)-\(sends)\n  bind 127.0.0.1:\(front)\n"
                    if name == "plain" {
                        text += "  option httpchk\n  http-check send meth GET uri / ver HTTP/1.1 hdr Host site.test\n"
                    }
                    text += "  server edge 127.0.0.1:\(back) source \(Self.proxy) \(sends) \(check)\n"
                }
            }
            let haproxy = try Program(
                "haproxy", ["-db", "-f", try folder.write("haproxy.cfg", text)], log: folder("log"))
            do {
                try await eventually("HAProxy to listen") {
                    try (ports.plain + ports.secure).allSatisfy { port in
                        _ = try RawConnection(port: port)
                        return true
                    }
                }
                // Several checks long: one that fails takes the way out of service.
                try await Task.sleep(for: .milliseconds(500))
                try await body(ports)
                #expect(!haproxy.log.contains("is DOWN"), "\(haproxy.log)")
            } catch {
                await haproxy.stop(within: .seconds(1))
                throw error
            }
            await haproxy.stop(within: .seconds(1))
        }
    }
}
