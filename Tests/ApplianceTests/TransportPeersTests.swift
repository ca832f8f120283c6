import Foundation
import TestKit
import Testing

extension ApplianceTests {
    /// Servers and clients that know nothing of Kontainers, and are not to notice it.
    @Suite("What is passed on, with the real servers and clients of it")
    struct TransportPeers {
        private func listener(_ name: String, _ port: Int, _ wire: String = "tcp") -> String {
            "{ name: \(name), address: \"127.0.0.1:\(port)\", protocol: \(wire) }"
        }

        private func psql(_ port: Int, _ host: String, _ mode: String, _ more: String = "") async throws -> Output {
            let target =
                "host=\(host) hostaddr=127.0.0.1 port=\(port) user=postgres dbname=postgres sslmode=\(mode) "
                + "connect_timeout=5 \(more)"
            let query = "select 6 * 7, (select ssl from pg_stat_ssl where pid = pg_backend_pid())"
            return try await run("psql", ["-XAt", "-F", " ", "-d", target, "-c", query], anyStatus: true)
        }

        @Test(
            "PostgreSQL: plain, TLS passed on by name with sslmode=require, and TLS taken off", .timeLimit(.minutes(2)))
        func postgres() async throws {
            let made = try TemporaryFolder("certificates")
            let inside = try await MadeCertificate.make(["inside.test"], in: made, as: "inside")
            let edge = try await MadeCertificate.make(["edge.test"], in: made, as: "edge")
            let (secure, plain) = (try await Server.postgres(inside), try await Server.postgres())
            let (raw, named) = (try freePort(), try freePort())
            var wanted = Appliance.Wanted(certificates: [edge.item(named: "edge")])
            wanted.listeners = [listener("raw", raw), listener("named", named)]
            wanted.rules = [
                "{ name: plain, listener: raw, endpoints: [\"\(plain.address)\"] }",
                "{ name: inside, listener: named, sni: inside.test, endpoints: [\"\(secure.address)\"] }",
                "{ name: edge, listener: named, sni: edge.test, tls: edge, endpoints: [\"\(plain.address)\"] }",
            ]
            try await withAppliance(wanted) { appliance in
                #expect(try await psql(raw, "any.test", "disable").line == "42 f")
                // The certificate is the server's own: nobody took its TLS off.
                let passed = try await psql(named, "inside.test", "verify-full", "sslrootcert=\(inside.certificate)")
                #expect(passed.line == "42 t", "\(passed)")
                #expect(try await psql(named, "inside.test", "require").line == "42 t")
                let taken = try await psql(named, "edge.test", "verify-full", "sslrootcert=\(edge.certificate)")
                #expect(taken.line == "42 f", "\(taken)")
                let nobody = try await psql(named, "nobody.test", "require")
                #expect(nobody.status != 0, "\(nobody)")
                try await appliance.logged("\"server_name\":\"inside.test\"", "\"rule\":\"inside\"")
                // A large result, through the tunnel that TLS was taken off of.
                let many = "select sum(length(repeat('x', 1000))) from generate_series(1, 20000)"
                let target =
                    "host=edge.test hostaddr=127.0.0.1 port=\(named) user=postgres dbname=postgres sslmode=require"
                #expect(try await run("psql", ["-XAt", "-d", target, "-c", many]).line == "20000000")
            }
            await secure.stop()
            await plain.stop()
        }

        /// What a client of PyMySQL learns: who it is and which server that is, or why not.
        private func pymysql(
            _ port: Int, _ host: String, _ password: String, _ authority: String
        ) async throws -> Output {
            try await run(
                Appliance.python,
                ["\(Appliance.sources)/Tests/ApplianceTests/Clients/mysql.py", "\(port)", host, password, authority],
                anyStatus: true)
        }

        @Test(
            "MySQL: two servers of MariaDB behind one port, by name; the server itself refuses a wrong password",
            .timeLimit(.minutes(3)))
        func mysql() async throws {
            let made = try TemporaryFolder("certificates")
            let one = try await MadeCertificate.make(["one.test"], in: made, as: "one")
            let two = try await MadeCertificate.make(["two.test"], in: made, as: "two")
            let edge = try await MadeCertificate.make(["edge.test"], in: made, as: "edge")
            let first = try await Server.mariadb(one, password: "first word")
            let second = try await Server.mariadb(two, password: "second word")
            let named = try freePort()
            var wanted = Appliance.Wanted(certificates: [edge.item(named: "edge")])
            wanted.listeners = [listener("named", named)]
            wanted.rules = [
                "{ name: one, listener: named, preamble: mysql, sni: one.test, endpoints: [\"\(first.address)\"] }",
                "{ name: two, listener: named, preamble: mysql, sni: two.test, endpoints: [\"\(second.address)\"] }",
                "{ name: rest, listener: named, preamble: mysql, sni: \"*\", endpoints: [\"\(first.address)\"] }",
                "{ name: edge, listener: named, preamble: mysql, sni: edge.test, tls: edge, "
                    + "upstreamTLS: { verify: false }, endpoints: [\"\(second.address)\"] }",
            ]
            try await withAppliance(wanted) { appliance in
                // Verified: the certificate is the server's own.
                let passed = try await pymysql(named, "one.test", "first word", one.certificate)
                #expect(passed.line == "ann@% \(first.port)", "\(passed)")
                let other = try await pymysql(named, "two.test", "second word", two.certificate)
                #expect(other.line == "ann@% \(second.port)", "\(other)")
                let wrong = try await pymysql(named, "two.test", "first word", two.certificate)
                #expect(wrong.status != 0 && wrong.err.contains("Access denied"), "\(wrong)")
                // TLS taken off, and put on again.
                let taken = try await pymysql(named, "edge.test", "second word", edge.certificate)
                #expect(taken.line == "ann@% \(second.port)", "\(taken)")
                // The client of MariaDB itself, by the rule for every other name.
                let client = [
                    "--no-defaults", "-h127.0.0.1", "-P\(named)", "-uann", "-pfirst word", "-sN", "-e",
                    "select @@port",
                ]
                let native = try await run("mariadb", client + ["--ssl"], anyStatus: true)
                #expect(native.line == "\(first.port)", "\(native)")
                let plain = try await run("mariadb", client + ["--skip-ssl"], anyStatus: true)
                #expect(plain.status != 0 && plain.err.contains("TLS is wanted here"), "\(plain)")
                try await appliance.logged("\"server_name\":\"two.test\"", "\"rule\":\"two\"")
            }
            await first.stop()
            await second.stop()
        }

        @Test("Redis: pipelines, a subscription through changes of the file, TLS taken off", .timeLimit(.minutes(1)))
        func redis() async throws {
            let server = try await Server.redis()
            let made = try TemporaryFolder("certificates")
            let site = try await MadeCertificate.make(["cache.test"], in: made)
            let (raw, named) = (try freePort(), try freePort())
            var wanted = Appliance.Wanted(certificates: [site.item(named: "site")])
            wanted.listeners = [listener("raw", raw), listener("named", named)]
            wanted.rules = [
                "{ name: cache, listener: raw, endpoints: [\"\(server.address)\"] }",
                "{ name: locked, listener: named, sni: cache.test, tls: site, endpoints: [\"\(server.address)\"] }",
            ]
            try await withAppliance(wanted) { appliance in
                #expect(try await run("redis-cli", ["-p", "\(raw)", "set", "key", "value"]).line == "OK")
                let tls = ["-p", "\(named)", "--tls", "--sni", "cache.test", "--cacert", site.certificate]
                #expect(try await run("redis-cli", tls + ["get", "key"]).line == "value")
                let speed = try await run(
                    "redis-benchmark",
                    ["-p", "\(raw)", "-n", "20000", "-c", "20", "-P", "8", "-q", "-t", "set,get"])
                #expect(speed.out.contains("requests per second"), "\(speed)")
                // A connection that is open goes on, whatever changes around it.
                let subscriber = try Program(
                    "redis-cli", ["-p", "\(raw)", "subscribe", "news"], log: made("subscriber"))
                try await eventually("the subscription") { subscriber.log.contains("subscribe") }
                for number in 0..<5 {
                    var changed = wanted
                    changed.rules.append("{ name: r\(number), hosts: [h\(number).test], redirect: { to: \"/x\" } }")
                    try appliance.rewrite(changed)
                    try await appliance.expect(308, host: "h\(number).test")
                }
                #expect(try await run("redis-cli", ["-p", "\(raw)", "publish", "news", "hello"]).line == "1")
                try await eventually("the news") { subscriber.log.contains("hello") }
                await subscriber.stop()
            }
            await server.stop()
        }

        @Test("SSH, HTTP, HTTPS and TLS of others share one port", .timeLimit(.minutes(1)))
        func sharedPort() async throws {
            let (shell, cache, upstream) = (try await Server.ssh(), try await Server.redis(), try await Upstream())
            let made = try TemporaryFolder("certificates")
            let site = try await MadeCertificate.make(["site.test", "cache.test"], in: made)
            let port = try freePort()
            var wanted = Appliance.Wanted(certificates: [site.item(named: "site")])
            wanted.listeners = [listener("all", port)]
            wanted.rules = [
                "{ name: shell, listener: all, preface: ssh, endpoints: [\"\(shell.address)\"] }",
                "{ name: site, listener: all, hosts: site.test, endpoints: [\"\(upstream.address)\"] }",
                "{ name: cache, listener: all, sni: cache.test, tls: site, alpn: redis, "
                    + "endpoints: [\"\(cache.address)\"] }",
            ]
            try await withAppliance(wanted) { appliance in
                let options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
                let user = NSUserName()
                let login = ["-i", shell.folder("client"), "-p", "\(port)"] + options.flatMap { ["-o", $0] }
                let said = try await run("ssh", login + ["\(user)@127.0.0.1", "echo hello from $((6 * 7))"])
                #expect(said.line == "hello from 42")
                let resolve = ["-s", "-m", "5", "--resolve", "site.test:\(port):127.0.0.1"]
                let plain = try await run("curl", resolve + ["http://site.test:\(port)/echo"])
                #expect(plain.out.lowercased().contains("host: site.test"), "\(plain)")
                let secure = try await run(
                    "curl", resolve + ["--cacert", site.certificate, "https://site.test:\(port)/echo"])
                #expect(secure.out.lowercased().contains("x-forwarded-proto: https"), "\(secure)")
                let other = try await run(
                    "sh",
                    [
                        "-c",
                        "(printf 'PING\\r\\n'; sleep 1) | timeout 2 openssl s_client -quiet -connect 127.0.0.1:\(port) "
                            + "-servername cache.test -alpn redis -CAfile \(site.certificate) 2>&1",
                    ], anyStatus: true)
                #expect(other.out.contains("+PONG"), "\(other)")
            }
            await shell.stop()
            await cache.stop()
            await upstream.stop()
        }

        @Test("TLS is put on towards an endpoint, and one with another name gets nothing", .timeLimit(.minutes(1)))
        func origination() async throws {
            let made = try TemporaryFolder("certificates")
            let site = try await MadeCertificate.make(["inside.test"], in: made)
            let server = try await Server.turning(site)
            let (right, wrong) = (try freePort(), try freePort())
            var wanted = Appliance.Wanted()
            wanted.listeners = [listener("right", right), listener("wrong", wrong)]
            wanted.rules = [("right", "inside.test"), ("wrong", "other.test")].map { name, asked in
                "{ name: \(name), listener: \(name), upstreamTLS: { serverName: \(asked), "
                    + "authorities: \(site.certificate) }, endpoints: [\"\(server.address)\"] }"
            }
            try await withAppliance(wanted) { appliance in
                // The server has one client at a time.
                do {
                    let client = try RawConnection(port: right)
                    try client.send("hello\n")
                    #expect(String(decoding: try client.receive(), as: UTF8.self).hasPrefix("olleh"))
                }
                let other = try RawConnection(port: wrong)
                try? other.send("hello\n")
                // Closed, or reset because of what nobody read.
                #expect((try? other.receive()) ?? [] == [])
                try await appliance.logged("\"rule\":\"wrong\"", "\"reason\":\"connect failed\"")
            }
            await server.stop()
        }

        @Test("DNS over UDP and TCP on one port loses nothing", .timeLimit(.minutes(1)))
        func dns() async throws {
            let server = try await Server.dns()
            let port = try freePort()
            var wanted = Appliance.Wanted()
            wanted.listeners = [listener("dns", port, "udp"), listener("dns-tcp", port)]
            wanted.rules = [
                "{ name: dns, listener: dns, endpoints: [\"\(server.address)\"] }",
                "{ name: dns-tcp, listener: dns-tcp, endpoints: [\"\(server.address)\"] }",
            ]
            try await withAppliance(wanted) { appliance in
                let questions = try appliance.folder.write(
                    "questions", (0..<200).map { "n\($0).site.test A\n" }.joined())
                // dnsmasq takes twenty connections at once, and a hundred questions on each.
                for (mode, rounds, count) in [("udp", 20, 4_000), ("tcp", 4, 800)] {
                    let arguments = ["-s", "127.0.0.1", "-p", "\(port)", "-d", questions, "-m", mode]
                    let output = try await run("dnsperf", arguments + ["-n", "\(rounds)", "-c", "10", "-q", "50"])
                    #expect(output.out.contains("Queries completed:    \(count) (100.00%)"), "\(mode): \(output)")
                    #expect(output.out.contains("NOERROR \(count) (100.00%)"), "\(mode): \(output)")
                }
            }
            await server.stop()
        }

        @Test("iperf3 moves bytes over TCP and datagrams over UDP, both ways", .timeLimit(.minutes(1)))
        func iperf() async throws {
            struct Report: Decodable {
                struct End: Decodable {
                    struct Sum: Decodable {
                        var bytes: Int
                        var lost_percent: Double?
                    }
                    var sum_received: Sum?
                    var sum: Sum?
                }
                var end: End
                var error: String?
            }
            let server = try await Server.iperf()
            let port = try freePort()
            var wanted = Appliance.Wanted()
            wanted.listeners = [listener("load", port), listener("load-udp", port, "udp")]
            wanted.rules = [
                "{ name: load, listener: load, endpoints: [\"\(server.address)\"] }",
                "{ name: load-udp, listener: load-udp, endpoints: [\"\(server.address)\"] }",
            ]
            try await withAppliance(wanted) { appliance in
                func measure(_ more: [String]) async throws -> Report {
                    let arguments = ["-c", "127.0.0.1", "-p", "\(port)", "-t", "1", "-J"] + more
                    let output = try await run("iperf3", arguments, anyStatus: true)
                    let report = try JSONDecoder().decode(Report.self, from: Data(output.out.utf8))
                    #expect(report.error == nil, "\(report.error ?? "")")
                    return report
                }
                for more in [[], ["-R"]] {
                    #expect((try await measure(more).end.sum_received?.bytes ?? 0) > 10_000_000, "\(more)")
                    let datagrams = try await measure(more + ["-u", "-b", "20M", "-l", "1200"])
                    #expect((datagrams.end.sum?.bytes ?? 0) > 1_000_000, "\(more)")
                    #expect((datagrams.end.sum?.lost_percent ?? 100) < 1, "\(more) \(datagrams)")
                }
            }
            await server.stop()
        }
    }
}
