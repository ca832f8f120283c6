import Contract
import Testing

@testable import KontainersConfiguration

@Suite("Connections and datagrams in the file and in labels")
struct TransportConfigurationTests {
    private func read(
        _ rules: String..., folder: String = ""
    ) -> (rules: [RuleDeclaration], diagnoses: [Diagnosis]) {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners:
            - { name: web, address: ":80", protocol: http }
            - { name: db, address: ":5432", protocol: tcp }
            - { name: ssh, address: ":22", protocol: tcp }
            - { name: dns, address: ":53", protocol: udp }
            rules:
            """ + rules.map { "\n- { \($0) }" }.joined(), path: folder.isEmpty ? "k.yaml" : "\(folder)/k.yaml")
        return (configuration?.rules ?? [], diagnoses)
    }

    private func labels(_ more: [String: String]) -> (rules: [RuleDeclaration], diagnoses: [Diagnosis]) {
        LabelGrammar.parse(labels: more.merging(["kontainers.enable": "true"]) { $1 }, container: ("abc", "c"))
    }

    // MARK: - Kinds

    @Test(
        "a rule's kind is what it says, or its fields, or its listeners",
        arguments: [
            ("listener: db", Rule.Kind.tcp), ("listener: dns", .udp), ("host: a.test", .http),
            ("host: a.test, listener: db", .http), ("host: a.test, listeners: [web, db]", .http),
            ("sni: a.test, listener: db", .tcp), ("sni: a.test, listener: web", .tcp),
            ("alpn: h2, listeners: [web, db]", .tcp), ("preface: ssh, listener: web", .tcp),
            ("kind: tcp, listener: db", .tcp), ("kind: udp, listener: dns", .udp),
            ("kind: http, host: a.test", .http), ("listeners: [db, ssh]", .tcp),
        ])
    func kinds(_ fields: String, _ kind: Rule.Kind) {
        let (rules, diagnoses) = read("name: a, endpoint: 'h:1', \(fields)")
        #expect(diagnoses == [] && rules.map(\.kind) == [kind])
    }

    @Test("listeners have limits of their own")
    func listenerLimits() {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners:
            - { name: a, address: ":1", protocol: tcp, connections: 10, connectionsPerAddress: 0 }
            - { name: b, address: ":2", protocol: tcp, proxy-protocol: "off" }
            rules: []
            """, path: "k.yaml")
        #expect(diagnoses == [])
        #expect(configuration?.listeners.map(\.connections) == [10, nil])
        #expect(configuration?.listeners.map(\.connectionsPerAddress) == [0, nil])
    }

    // MARK: - Fields

    @Test(
        "a preamble wants names, and TLS put on again where it is taken off",
        arguments: [
            ("preamble: mysql, sni: a.test", []), ("preamble: mysql", ["bad-transport"]),
            ("preamble: mysql, sni: a.test, tls: auto", ["bad-transport"]),
            ("preamble: mysql, sni: a.test, tls: auto, upstreamTLS: true", []),
            ("preamble: mysq, sni: a.test", ["bad-choice"]), ("preamble: mysql, hosts: a.test", ["not-for-kind"]),
        ])
    func preambles(_ fields: String, _ codes: [String]) {
        let listener = fields.contains("hosts") ? "web" : "db"
        let (_, diagnoses) = read("name: a, listener: \(listener), endpoint: 'h:1', \(fields)")
        #expect(diagnoses.filter { $0.severity == .error }.map(\.code) == codes, "\(diagnoses)")
    }

    @Test("everything that a tcp rule may say is read")
    func tcp() throws {
        let (rules, diagnoses) = read(
            "name: a, listener: db, sni: [A.test, '*.b.test', '*'], alpn: [postgresql, h2], preface: tls, tls: off, "
                + "preamble: mysql, "
                + "proxy-protocol: v2, upstreamTLS: { serverName: db.internal, verify: false }, endpoint: 'h:1', "
                + "allow: 10.0.0.0/8, timeouts: { connect: 1s, idle: 2h, total: 0s }, hold: 5s, health: true, "
                + "retries: { attempts: 3 }, pool: { policy: hash, hashBy: client, ejection: false }")
        #expect(diagnoses == [])
        let rule = try #require(rules.first)
        #expect(rule.kind == .tcp && rule.hosts == ["a.test", "*.b.test", "*"] && rule.tls == .off)
        var wanted = TransportOptions()
        wanted.protocols = ["postgresql", "h2"]
        wanted.prefaces = [.tls]
        wanted.preamble = .mysql
        wanted.proxyProtocol = .v2
        wanted.upstreamTLS = UpstreamTLS()
        wanted.upstreamTLS?.serverName = "db.internal"
        wanted.upstreamTLS?.verify = false
        #expect(rule.transport == wanted)
        #expect(rule.pool?.healthCheck?.kind == .tcp)
        #expect(rule.options?.retries == Retries(attempts: 3, on: [.connect]))
        #expect(rule.options?.timeouts?.tunnelIdle == 7_200_000 && rule.options?.timeouts?.total == 0)
    }

    @Test("everything that a udp rule may say is read")
    func udp() throws {
        let (rules, diagnoses) = read(
            "name: a, listener: dns, endpoint: 'h:1', proxyProtocol: v2, deny: 10.0.0.0/8, pool: { policy: hash }, "
                + "health: { send: 'hex:00 01', answer: 'a\\x00', interval: 1s }, "
                + "sessions: { idle: 5s, limit: 10, replies: 1, amplification: 0, orphans: close }")
        #expect(diagnoses == [])
        let transport = try #require(rules.first?.transport)
        var sessions = SessionOptions()
        (sessions.idle, sessions.limit, sessions.replies, sessions.amplification) = (5_000, 10, 1, 0)
        sessions.orphans = .close
        #expect(transport.sessions == sessions && transport.proxyProtocol == .v2)
        let check = try #require(rules.first?.pool?.healthCheck)
        #expect(check.kind == .udp && check.interval == 1_000)
        #expect(check.send?.bytes == [0, 1] && check.answer?.bytes == [97, 0])
    }

    @Test(
        "health of datagrams wants something to send",
        arguments: [
            ("health: true", ["bad-health"]), ("health: { interval: 1s }", ["bad-health"]),
            ("health: { send: 'hex:0' }", ["bad-probe"]), ("health: { send: a, path: /x }", ["without-http"]),
            ("health: { kind: tcp }", []), ("health: { kind: tcp, send: a }", ["bad-health"]),
            ("health: { send: ping, answer: pong }", []), ("health: false", []),
        ])
    func probes(_ field: String, _ codes: [String]) {
        let (rules, diagnoses) = read("name: a, listener: dns, endpoint: 'h:1', \(field)")
        #expect(diagnoses.map(\.code) == codes && rules.isEmpty == !codes.isEmpty)
    }

    @Test("what says nothing asks for nothing")
    func silent() {
        #expect(read("name: a, listener: db, endpoint: 'h:1'").rules.first?.transport == nil)
        #expect(read("name: a, listener: db, endpoint: 'h:1', upstreamTLS: false").rules.first?.transport == nil)
        #expect(
            read("name: a, listener: db, endpoint: 'h:1', upstreamTLS: true").rules.first?.transport?.upstreamTLS
                == UpstreamTLS())
    }

    @Test("authorities are read from their file, and a file that holds none keeps the rule out")
    func authorities() throws {
        let folder = try Folder()
        try folder.writeCertificate()
        try folder.write("nothing", to: "empty.pem")
        func rule(_ file: String) -> String {
            "name: a, listener: db, endpoint: 'h:1', upstreamTLS: { authorities: \(file) }"
        }
        let (rules, diagnoses) = read(rule("certs/local.pem"), folder: folder.path)
        #expect(diagnoses == [])
        #expect(rules.first?.authoritiesPath == "\(folder.path)/certs/local.pem")
        #expect(rules.first?.transport?.upstreamTLS?.authorities?.hasPrefix("-----BEGIN CERTIFICATE-----") == true)
        for (file, code) in [("none.pem", "unreadable"), ("empty.pem", "bad-certificate")] {
            let (rules, diagnoses) = read(rule(file), folder: folder.path)
            #expect(rules.isEmpty && diagnoses.map(\.code) == [code], "\(diagnoses)")
        }
        let vain = read(
            "name: a, listener: db, endpoint: 'h:1', upstreamTLS: { authorities: certs/local.pem, verify: false }",
            folder: folder.path)
        #expect(vain.rules.count == 1 && vain.diagnoses.map(\.code) == ["said-in-vain"])
    }

    // MARK: - Claims

    @Test(
        "two rules of one listener want different things",
        arguments: [
            ("", "", ["claimed-twice"]), ("sni: a.test", "", []), ("sni: a.test", "sni: a.test", ["claimed-twice"]),
            ("sni: a.test", "sni: '*.test'", []), ("sni: a.test", "sni: [b.test, A.test.]", ["claimed-twice"]),
            ("sni: a.test, alpn: h2", "sni: a.test", []),
            ("sni: a.test, alpn: [h2, x]", "sni: a.test, alpn: x", ["claimed-twice"]),
            ("alpn: h2", "alpn: [x, h2]", ["claimed-twice"]), ("alpn: h2", "sni: a.test", []),
            ("preface: ssh", "preface: [ssh, http]", ["claimed-twice"]), ("preface: ssh", "preface: other", []),
            ("preface: other", "", []), ("alpn: h2", "sni: '*', alpn: h2", ["claimed-twice"]),
        ])
    func claims(_ first: String, _ second: String, _ codes: [String]) {
        func rule(_ name: String, _ fields: String) -> String {
            "name: \(name), listener: db, endpoint: 'h:1'" + (fields.isEmpty ? "" : ", \(fields)")
        }
        let both = read(rule("a", first), rule("b", second))
        #expect(both.diagnoses.map(\.code) == codes && both.rules.count == 2 - codes.count)
        let apart = read(rule("a", first), rule("b", second).replacing("listener: db", with: "listener: ssh"))
        #expect(apart.diagnoses == [] && apart.rules.count == 2)
    }

    @Test("a conflict names both rules")
    func conflict() {
        let (_, diagnoses) = read(
            "name: a, listener: db, endpoint: 'h:1'", "name: b, listener: db, endpoint: 'h:2'",
            "name: c, listener: db, sni: a.test, endpoint: 'h:2'", "name: d, listener: db, sni: a.test, endpoint: 'h:2'"
        )
        #expect(
            diagnoses.map { "\($0)" } == [
                "k.yaml:8:24: error: found \"listener db\", which rule \"a\" at line 7 serves; "
                    + "wanted another sni, alpn, preface or listener [claimed-twice]",
                "k.yaml:10:33: error: found \"sni a.test\", which rule \"c\" at line 9 serves; "
                    + "wanted another sni, alpn, preface or listener [claimed-twice]",
            ])
    }

    @Test("an http rule on a tcp listener is apart from those of the web")
    func webBeside() {
        let (rules, diagnoses) = read(
            "name: a, host: a.test, listener: db, endpoint: 'h:1'", "name: b, host: a.test, endpoint: 'h:1'")
        #expect(diagnoses == [] && rules.map(\.kind) == [.http, .http])
        let twice = read(
            "name: a, host: a.test, listeners: [web, db], endpoint: 'h:1'", "name: b, host: a.test, endpoint: 'h:1'")
        #expect(twice.diagnoses.map(\.code) == ["claimed-twice"])
        #expect(read("name: a, host: '*', listener: db, tls: auto, endpoint: 'h:1'").diagnoses == [])
    }

    // MARK: - Labels

    @Test("labels say the same as the file")
    func labelled() throws {
        let (rules, diagnoses) = labels([
            "kontainers.tcp.db.listen": "5432", "kontainers.tcp.db.sni": "a.test, *.b.test",
            "kontainers.tcp.db.alpn": "postgresql,h2", "kontainers.tcp.db.proxy-protocol": "v1",
            "kontainers.tcp.db.upstreamTLS": "true", "kontainers.tcp.db.upstreamTLS.serverName": "db.internal",
            "kontainers.tcp.db.timeouts.idle": "1h", "kontainers.tcp.db.weight": "3", "kontainers.tcp.db.tls": "off",
            "kontainers.tcp.db.health.interval": "1s", "kontainers.tcp.db.sleep.after": "15m",
            "kontainers.tcp.db.hold": "20s", "kontainers.udp.dns.listener": "dns",
            "kontainers.udp.dns.sessions.replies": "1", "kontainers.udp.dns.tier": "1",
            "kontainers.udp.dns.pool.policy": "random", "kontainers.udp.dns.health.send": "ping",
            "kontainers.udp.dns.sleep.after": "1h", "kontainers.tcp.shell.listener": "mixed",
            "kontainers.tcp.shell.preface": "ssh,other",
        ])
        #expect(diagnoses == [])
        #expect(rules.map(\.name) == ["db", "shell", "dns"] && rules.map(\.kind) == [.tcp, .tcp, .udp])
        let db = try #require(rules.first)
        #expect(db.hosts == ["a.test", "*.b.test"] && db.listenPort == 5_432 && db.share.weight == 3)
        #expect(db.transport?.protocols == ["postgresql", "h2"] && db.transport?.proxyProtocol == .v1)
        #expect(db.transport?.upstreamTLS?.serverName == "db.internal" && db.tls == .off)
        #expect(db.options?.timeouts?.tunnelIdle == 3_600_000 && db.pool?.healthCheck?.kind == .tcp)
        #expect(db.sleep == SleepDeclaration(after: 900_000) && db.hold?.time == 20_000)
        #expect(db.place == .label(container: "c", key: "kontainers.tcp.db.listen"))
        #expect(rules[1].transport?.prefaces == [.ssh, .other])
        #expect(rules[2].transport?.sessions?.replies == 1 && rules[2].share.tier == 1)
        #expect(rules[2].pool?.policy == .random && rules[2].pool?.healthCheck?.send?.written == "ping")
        #expect(rules[2].sleep == SleepDeclaration(after: 3_600_000))
    }

    // MARK: - Policy

    @Test(
        "which ports labels may have opened",
        arguments: [
            ("", [1_024...65_535], "0.0.0.0"), (", listen: off", [], "0.0.0.0"),
            (", listen: 5432", [5_432...5_432], "0.0.0.0"),
            (", listen: [53, '5000-5999'], listenAddress: '::'", [53...53, 5_000...5_999], "::"),
        ])
    func policy(_ fields: String, _ ports: [ClosedRange<Int>], _ address: String) {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners: [{ name: web, address: ":80", protocol: http }]
            docker: { endpoint: "tcp://a:1"\(fields) }
            """, path: "k.yaml")
        #expect(diagnoses == [])
        #expect(configuration?.listenPolicy == .init(ports: ports, address: address))
    }
}
