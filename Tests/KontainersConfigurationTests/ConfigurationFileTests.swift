import Contract
import Foundation
import Testing

@testable import KontainersConfiguration

@Suite("The file")
struct ConfigurationFileTests {
    /// The repository's root.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    @Test("the smallest useful form of the documentation is read whole")
    func smallest() throws {
        let folder = try Folder()
        try folder.writeCertificate()
        let path = try folder.write(
            """
            data: ./data
            workers: 2
            listeners:
              - { name: web,    address: "0.0.0.0:80",  protocol: http }
              - { name: secure, address: "0.0.0.0:443", protocol: https }
              - { name: db,     address: "0.0.0.0:5432", protocol: tcp }
              - { name: dns,    address: "0.0.0.0:53",  protocol: udp }
            management: { address: "127.0.0.1:8600" }
            docker:     { endpoint: "unix:///var/run/docker.sock" }
            tls:        { policy: intermediate }
            certificates:
              - { name: local, certificate: certs/local.pem, key: certs/local.key }
            rules:
              - name: site
                hosts: [site.test, "*.site.test"]
                path: /
                endpoints: ["127.0.0.1:9000"]
                tls: local
              - { name: database, listener: db, endpoints: ["127.0.0.1:5433"] }
            """, to: "kontainers.yaml")
        let (configuration, diagnoses) = ConfigurationFile.load(path: path)
        #expect(diagnoses.isEmpty)
        let expected = ApplianceConfiguration(
            data: folder.path + "/data", workers: 2,
            listeners: [
                Listener(name: "web", address: "0.0.0.0:80", wireProtocol: .http),
                Listener(name: "secure", address: "0.0.0.0:443", wireProtocol: .https),
                Listener(name: "db", address: "0.0.0.0:5432", wireProtocol: .tcp),
                Listener(name: "dns", address: "0.0.0.0:53", wireProtocol: .udp),
            ],
            dockerEndpoints: [.init(address: .unix(path: "/var/run/docker.sock"), text: "unix:///var/run/docker.sock")],
            certificates: [
                .init(
                    name: "local", certificatePath: folder.path + "/certs/local.pem",
                    keyPath: folder.path + "/certs/local.key", place: .file(path: path, line: 12, column: 5))
            ],
            rules: [
                RuleDeclaration(
                    name: "site", hosts: ["site.test", "*.site.test"], tls: .certificate("local"),
                    target: .addresses(["127.0.0.1:9000"]), place: .file(path: path, line: 14, column: 5)),
                RuleDeclaration(
                    name: "database", kind: .tcp, listeners: ["db"], target: .addresses(["127.0.0.1:5433"]),
                    place: .file(path: path, line: 19, column: 5)),
            ])
        #expect(configuration == expected)
    }

    @Test("every file of config/ is valid", arguments: ["development.yaml", "kontainers.example.yaml", "layer4.yaml"])
    func examples(_ name: String) throws {
        let folder = try Folder()
        try folder.writeCertificate()
        let text = try String(contentsOfFile: Self.root + "/config/" + name, encoding: .utf8)
        // The example names the certificate inside its folder, the others the one beside it.
        let path = try folder.write(text, to: name == "kontainers.example.yaml" ? name : "config/\(name)")
        let (configuration, diagnoses) = ConfigurationFile.load(path: path)
        #expect(diagnoses.isEmpty)
        #expect(configuration?.listeners.isEmpty == false)
        #expect(configuration?.rules.isEmpty == false)
    }

    @Test("the example shows every field of the schema, and defaults as they are")
    func completeness() throws {
        let text = try String(contentsOfFile: Self.root + "/config/kontainers.example.yaml", encoding: .utf8)
        func expectFields(of section: Section) {
            for field in section.fields {
                let isShown = text.contains("\(field.name):") || field.alias.map { text.contains("\($0):") } == true
                #expect(isShown, "\(field.name) of \(section.title)")
                if case .section(let inner) = field.type { expectFields(of: inner) }
                if case .switchable(let inner) = field.type { expectFields(of: inner) }
                if case .sections(let inner) = field.type { expectFields(of: inner) }
            }
        }
        expectFields(of: Schema.file)
        #expect(ConfigurationFile.read(text, path: "f").0?.settings == Settings())
    }

    @Test("settings are read by their units")
    func settings() throws {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners: [{ name: web, address: 8080, protocol: http, proxyProtocol: optional }]
            trustedProxies: [10.0.0.0/8, 192.0.2.7/32, "2001:DB8:0::/32", "::1", "0.0.0.0/1"]
            docker: { endpoints: ["tcp://[::1]:2375", "tcp://Engine:2375"] }
            timeouts: { head: 500ms, handshake: 10 s, bodyIdle: 2m, connect: 1h, tunnelIdle: 3s, total: 1m, drain: 0 }
            headers: { underscores: refuse }
            limits:
              { headBytes: 60KiB, bodyBytes: 10MB, fieldCount: 256, connectionsPerWorker: 1_000, targetBytes: 8KiB,
                connectionsPerListener: 5, connectionsPerAddress: 6, requestsPerConnection: 7, pendingPerPool: 8 }
            accessLog: { output: access.log, format: combined, rotateAt: 64MiB, keep: 3, sample: 10 }
            tls: { policy: modern }
            users: { edge: nobody, control: 1000 }
            """, path: "/etc/kontainers/kontainers.yaml")
        #expect(diagnoses.isEmpty)
        let settings = try #require(configuration?.settings)
        #expect(settings.timeouts.head == 500)
        #expect(settings.timeouts.handshake == 10_000)
        #expect(settings.timeouts.bodyIdle == 120_000)
        #expect(settings.timeouts.connect == 3_600_000)
        #expect(settings.timeouts.tunnelIdle == 3_000)
        #expect(settings.timeouts.total == 60_000)
        #expect(settings.timeouts.drain == 0)
        #expect(settings.timeouts.keepAlive == Timeouts().keepAlive)
        #expect(settings.limits.headBytes == 61_440)
        #expect(settings.limits.bodyBytes == 10_000_000)
        #expect(settings.limits.connectionsPerWorker == 1_000)
        #expect(settings.limits.targetBytes == 8_192)
        #expect(settings.limits.connectionsPerListener == 5)
        #expect(settings.limits.connectionsPerAddress == 6)
        #expect(settings.limits.requestsPerConnection == 7)
        #expect(settings.limits.pendingPerPool == 8)
        #expect(
            settings.accessLog
                == AccessLog(
                    output: "/etc/kontainers/access.log", format: .combined, rotateAt: 64 << 20, keep: 3, sample: 10))
        #expect(settings.tlsPolicy == .modern)
        #expect(settings.headers.underscores == .refuse)
        #expect(settings.trustedProxies == ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/1"])
        #expect(configuration?.listeners.first?.proxyProtocol == .optional)
        #expect(configuration?.users == .init(edge: "nobody", control: "1000"))
        #expect(configuration?.listeners.first?.address == "0.0.0.0:8080")
        #expect(configuration?.data == "/etc/kontainers/data")
        #expect(
            configuration?.dockerEndpoints.map(\.address) == [
                .tcp(host: "::1", port: 2375), .tcp(host: "engine", port: 2375),
            ])
    }

    @Test("aliases stand for what they name; a star in a text is a star")
    func aliases() {
        let (configuration, diagnoses) = ConfigurationFile.read(
            """
            listeners: [{ name: web, address: &web ":80", protocol: http }]
            rules:
            - { name: a, host: "*", endpoints: &pool ["127.0.0.1:1", "127.0.0.1:2"] }
            - { name: b, host: '*.b.test', endpoints: *pool }   # a * in a comment
            - { name: c, host: "\\x2a.c.test", endpoints: *pool }
            """, path: "f")
        #expect(diagnoses.isEmpty)
        #expect(configuration?.rules.map(\.hosts) == [["*"], ["*.b.test"], ["*.c.test"]])
        #expect(Set(configuration?.rules.map { "\($0.target)" } ?? []).count == 1)
    }

    @Test("aliases to aliases are refused by what they would expand to, also in a key", .timeLimit(.minutes(1)))
    func aliasBomb() {
        var text = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<40 {
            text += "- &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ","))]\n"
        }
        #expect(ConfigurationFile.read(text, path: "f").1.map(\.code) == ["too-many-nodes"])
        #expect(ConfigurationFile.read(text + "- ? *a39\n  : x\n", path: "f").1.map(\.code) == ["too-many-nodes"])
        // An anchor around itself is one that is not there yet.
        #expect(ConfigurationFile.read("rules: &a [*a]", path: "f").1.first?.code == "missing-field")
    }

    @Test("a file that cannot be read says why, and a large one by how much")
    func unreadable() throws {
        let folder = try Folder()
        func said(_ path: String) -> [String] { ConfigurationFile.load(path: path).1.map { "\($0.code): \($0.found)" } }
        let missing = folder.path + "/none.yaml"
        #expect(said(missing) == ["unreadable: found no file \"\(Shown.plain(missing))\""])
        #expect(said(folder.path) == ["unreadable: found a folder at \"\(Shown.plain(folder.path))\""])
        let invalid = try folder.write(Data("a: 1\nb: é".utf8) + [0xff], to: "invalid.yaml")
        let (configuration, diagnoses) = ConfigurationFile.load(path: invalid)
        #expect(configuration == nil)
        #expect(diagnoses.map(\.place) == [.file(path: invalid, line: 2, column: 6)])

        let smallest = Data((ConfigurationFile.smallestForm + "\n").utf8)
        func file(_ bytes: Int) throws -> String {
            try folder.write(smallest + Data(repeating: 0x20, count: bytes - smallest.count), to: "large.yaml")
        }
        #expect(said(try file(ConfigurationFile.sizeLimit)) == [])
        #expect(said(try file(ConfigurationFile.sizeLimit + 1)).first?.hasPrefix("too-large") == true)
    }

    @Test("diagnoses beyond the limit are counted")
    func diagnosisLimit() {
        let rules = (0..<ConfigurationFile.diagnosisLimit + 5).map { "- { name: r\($0), host: h\($0), endpoint: x }" }
        let (_, diagnoses) = ConfigurationFile.read(
            "listeners: [{ name: web, address: ':80', protocol: http }]\nrules:\n" + rules.joined(separator: "\n"),
            path: "f")
        #expect(diagnoses.count == ConfigurationFile.diagnosisLimit + 1)
        #expect(diagnoses.last?.found == "found 5 more faults than are told here")
    }

    // About 8 s in a debug build on a core of its own, more on a shared one; quadratic work would take hours.
    @Test("100,000 rules are read in seconds", .timeLimit(.minutes(3)))
    func manyRules() {
        var text = "listeners: [{ name: web, address: ':80', protocol: http }]\nrules:\n"
        for index in 0..<100_000 {
            text +=
                "- { name: rule-\(index), hosts: [h\(index).test, www.h\(index).test], endpoints: ['10.0.0.1:80'] }\n"
        }
        let (configuration, diagnoses) = ConfigurationFile.read(text, path: "f")
        #expect(configuration?.rules.count == 100_000)
        #expect(diagnoses.isEmpty)
    }

    @Test("any bytes never trap: a good file changed at random", arguments: 0..<8)
    func anyBytes(_ seed: UInt64) throws {
        var random = Seeded(seed: seed)
        let good = Array(
            try String(contentsOfFile: Self.root + "/config/kontainers.example.yaml", encoding: .utf8).utf8)
        let pieces = [
            "*", "&a ", "*a", "[", "]", "{", "}", ": ", "- ", "\n", "\t", "\"", "'", "|", ">", "? ", "!!", "%", "#",
            "\u{0}", "é",
            "\u{e000}", "---\n", "...\n", "<<: ", "99999999999999999999", "\r\n", "~", ",", "@", "`", "\u{2028}",
        ].map { Array($0.utf8) }
        for _ in 0..<150 {
            var bytes = good
            for _ in 0...random.next(6) {
                let position = random.next(bytes.count)
                switch random.next(4) {
                case 0: bytes[position] = UInt8(random.next(256))
                case 1: bytes.insert(contentsOf: pieces[random.next(pieces.count)], at: position)
                case 2: bytes.removeSubrange(position..<min(bytes.count, position + 1 + random.next(40)))
                default: bytes.append(contentsOf: bytes[position..<min(bytes.count, position + random.next(200))])
                }
                if bytes.isEmpty { bytes = good }
            }
            let (configuration, diagnoses) = ConfigurationFile.read(String(decoding: bytes, as: UTF8.self), path: "f")
            #expect(configuration != nil || !diagnoses.isEmpty, "seed \(seed)")
        }
    }
}
