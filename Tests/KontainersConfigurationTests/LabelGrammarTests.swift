import Contract
import Foundation
import Testing

@testable import KontainersConfiguration

@Suite("Labels")
struct LabelGrammarTests {
    private func parse(
        _ labels: [String: String], name: String = "/web"
    ) -> (rules: [RuleDeclaration], diagnoses: [Diagnosis]) {
        LabelGrammar.parse(labels: labels, container: (id: "0123456789abcdef", name: name))
    }

    @Test("mistakes are told with what was meant, and harm no other rule", arguments: Mistake.read("labels"))
    func told(_ mistake: Mistake) {
        var labels: [String: String] = [:]
        for line in mistake.text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            labels[String(parts[0])] = String(parts[1])
        }
        let (rules, diagnoses) = parse(labels)
        let said = diagnoses.map { String("\($0)".dropFirst("container web, label ".count)) }
        #expect(["\(rules.count) \(rules.count == 1 ? "rule" : "rules")"] + said == mistake.said)
    }

    @Test("the short form serves the container with one rule, named after it")
    func shortForm() {
        let (rules, diagnoses) = parse([
            "kontainers.enable": "true", "kontainers.host": "App.Example.com", "kontainers.path": "/api/",
            "kontainers.port": "8080", "kontainers.tls": "auto", "kontainers.network": "front",
        ])
        #expect(diagnoses.isEmpty)
        #expect(
            rules == [
                RuleDeclaration(
                    name: "web", hosts: ["app.example.com"], path: "/api", tls: .auto,
                    target: .container(id: "0123456789abcdef", port: 8080, network: "front"),
                    place: .label(container: "web", key: "kontainers.host"))
            ])
    }

    @Test("the long form declares rules by name, of every kind, beside the short one")
    func longForm() {
        let (rules, diagnoses) = parse([
            "kontainers.enable": "1", "kontainers.host": "a.test",
            "kontainers.http.api.hosts": "b.test, www.b.test,b.test", "kontainers.http.api.listeners": "web,secure",
            "kontainers.http.api.tls": "local", "kontainers.tcp.db.listener": "db", "kontainers.tcp.db.port": "5432",
            "kontainers.udp.dns.listen": "53", "unrelated": "x",
        ])
        #expect(diagnoses.isEmpty)
        #expect(rules.map(\.name) == ["web", "api", "db", "dns"])
        #expect(rules.map(\.kind) == [.http, .http, .tcp, .udp])
        #expect(rules[1].hosts == ["b.test", "www.b.test"])
        #expect(rules[1].listeners == ["web", "secure"])
        #expect(rules[1].tls == .certificate("local"))
        #expect(rules[2].listeners == ["db"])
        #expect(rules[2].target == .container(id: "0123456789abcdef", port: 5432, network: nil))
        #expect(rules[3].listenPort == 53)
        #expect(rules[1].place == .label(container: "web", key: "kontainers.http.api.hosts"))
    }

    @Test(
        "words for yes and no",
        arguments: [
            ("true", 1), ("TRUE", 1), ("1", 1), ("yes", 1), ("on", 1), (" true ", 1), ("false", 0), ("0", 0), ("no", 0),
            ("off", 0),
        ])
    func enabling(_ word: String, _ count: Int) {
        let (rules, diagnoses) = parse(["kontainers.enable": word, "kontainers.host": "a.test"])
        #expect(rules.count == count)
        #expect(diagnoses.isEmpty)
    }

    @Test("a container that is not ours is not looked at")
    func foreign() {
        let labels = [
            "traefik.enable": "true", "com.example.kontainers.host": "x", "maintainer": "me", "kontainers": "x",
            "containers.owner": "me", "org.opencontainers.image.title": "x", "kontena.host": "x",
        ]
        #expect(parse(labels).diagnoses.isEmpty)
        #expect(parse(["kontainers.enable": "false", "kontainers.hots": "x"]).diagnoses.isEmpty)
    }

    @Test("the rule of the short form keeps its name when compose makes the container anew")
    func composeName() {
        var labels = [
            "kontainers.enable": "true", "kontainers.host": "a.test", "com.docker.compose.project": "shop",
            "com.docker.compose.service": "front",
        ]
        #expect(parse(labels, name: "/shop-front-1").rules.map(\.name) == ["shop-front"])
        #expect(parse(labels, name: "/shop-front-2").rules.map(\.name) == ["shop-front"])
        labels["com.docker.compose.service"] = "no name"
        #expect(parse(labels, name: "/web.1").rules.map(\.name) == ["web.1"])
        #expect(parse(labels, name: "/\u{1}").rules.map(\.name) == ["0123456789ab"])
    }

    @Test("values and numbers of rules have limits, told when they are passed")
    func limits() {
        func hosts(_ bytes: Int) -> String {
            // Names of ten letters and a comma, filled up with spaces.
            let text = (0..<bytes / 11 - 1).map { "h\(1_000_000 + $0).a" }.joined(separator: ",")
            return text + String(repeating: " ", count: bytes - text.utf8.count)
        }
        func codes(_ bytes: Int) -> [String] {
            parse(["kontainers.enable": "true", "kontainers.host": hosts(bytes)]).diagnoses.map(\.code)
        }
        #expect(codes(LabelGrammar.valueLimit) == [])
        #expect(codes(LabelGrammar.valueLimit + 1) == ["too-large"])

        func rules(_ count: Int) -> (Int, [String]) {
            var labels = ["kontainers.enable": "true"]
            for index in 0..<count { labels["kontainers.http.r\(index).hosts"] = "h\(index).test" }
            let (rules, diagnoses) = parse(labels)
            return (rules.count, diagnoses.map(\.code))
        }
        #expect(rules(LabelGrammar.ruleLimit) == (LabelGrammar.ruleLimit, []))
        #expect(rules(LabelGrammar.ruleLimit + 1) == (LabelGrammar.ruleLimit, ["too-many-rules"]))

        let long = String(repeating: "n", count: 65)
        #expect(
            parse(["kontainers.enable": "on", "kontainers.http.\(long).hosts": "a"]).diagnoses.map(\.code) == [
                "bad-label"
            ])
        var many = ["kontainers.enable": "true"]
        for index in 0..<1_000 { many["kontainers.http.x.f\(index)"] = "" }
        #expect(parse(many).diagnoses.count == LabelGrammar.diagnosisLimit)
    }

    @Test("labels of any bytes never trap, and what is said of them can be printed", arguments: 0..<8)
    func anyBytes(_ seed: UInt64) {
        var random = Seeded(seed: seed)
        let words = [
            "kontainers", "Kontainers", "kontainer", ".", "..", "-", "http", "tcp", "udp", "enable", "host", "hosts",
            "path",
            "port", "listener", "tls", "name", "=", ",", "*", "[", "]", ":", "::1", "/", "\u{0}", "\u{301}", "\r\n",
            "🐳", "é",
            "true", "65535", "99999999999999999999", "%", "%zz", "http://", "\u{202e}",
        ]
        for _ in 0..<2_000 {
            var labels = ["kontainers.enable": "true"]
            for _ in 0..<random.next(6) {
                var key = random.next(4) > 0 ? "kontainers." : ""
                for _ in 0..<random.next(6) { key += words[random.next(words.count)] + (random.next(2) > 0 ? "." : "") }
                var value = ""
                for _ in 0..<random.next(6) { value += words[random.next(words.count)] }
                if random.next(8) == 0 {
                    value += String(decoding: (0..<16).map { _ in UInt8(random.next(256)) }, as: UTF8.self)
                }
                labels[key] = value
            }
            let (rules, diagnoses) = parse(labels)
            #expect(rules.allSatisfy { !$0.hosts.isEmpty || $0.kind != .http }, "seed \(seed)")
            let said = diagnoses.map { "\($0)" }.joined()
            #expect(
                !said.unicodeScalars.contains { $0.properties.generalCategory == .control }, "seed \(seed): \(labels)")
        }
    }
}

/// Numbers that come again with their seed (SplitMix64).
struct Seeded {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}
