import Contract
import Foundation
import Testing

@testable import KontainersConfiguration

@Suite("Mistakes in rules")
struct RuleMistakesTests {
    /// Three lines; the rule under test is on line 4, a good one on line 5.
    private static func file(_ rule: String) -> String {
        """
        listeners: [{ name: web, address: ':80', protocol: http }, { name: plain, address: ':81', protocol: http },
          { name: db, address: ':5432', protocol: tcp }, { name: dns, address: ':53', protocol: udp }]
        rules:
        - { \(rule) }
        - { name: good, host: good.test, path: /x, endpoint: 'h:1' }
        """
    }

    @Test("are told, and the other rules stay", arguments: Mistake.read("rules"))
    func told(_ mistake: Mistake) {
        let (configuration, diagnoses) = ConfigurationFile.read(Self.file(mistake.text), path: "f")
        let told = diagnoses.filter { $0.code != "not-served-yet" }
        #expect(told.map { String("\($0)".dropFirst("f:".count)) } == mistake.said)
        // An error takes its rule out, a warning does not.
        #expect(configuration?.rules.count == (told.contains { $0.severity == .error } ? 1 : 2))
    }

    @Test("rules take their kind from their listener, and tcp and udp are said not to be served yet")
    func kinds() throws {
        let (configuration, diagnoses) = ConfigurationFile.read(
            Self.file("name: a, listener: db, endpoint: 'h:1' }\n- { name: b, listener: dns, endpoint: 'h:2'"),
            path: "f")
        #expect(configuration?.rules.map(\.kind) == [.tcp, .udp, .http])
        #expect(diagnoses.map(\.code) == Array(repeating: "not-served-yet", count: 4))
        #expect(diagnoses.allSatisfy { $0.severity == .warning })
    }

    @Test("a tcp rule has no hosts, and its listener no second rule")
    func streams() {
        let (configuration, diagnoses) = ConfigurationFile.read(
            Self.file(
                "name: a, listener: db, host: a.test, endpoint: 'h:1' }\n- { name: b, listener: db, endpoint: 'h:2' }\n"
                    + "- { name: c, listener: db, endpoint: 'h:3'"), path: "f")
        let errors = diagnoses.filter { $0.severity == .error }.map { "\($0)" }
        #expect(
            errors == [
                "f:4:34: error: found \"host\" in a tcp rule; wanted it left out: tcp traffic has none [not-for-kind]",
                "f:6:24: error: found \"listener db\", which rule \"b\" at line 5 serves; wanted another host, path or "
                    + "listener [claimed-twice]",
            ])
        #expect(configuration?.rules.map(\.name) == ["b", "good"])
    }

    @Test("two rules may have one host and path on different listeners, not on the same")
    func listenersApart() {
        func codes(_ first: String, _ second: String) -> [String] {
            let (_, diagnoses) = ConfigurationFile.read(
                Self.file(
                    "name: a, host: a.test, endpoint: 'h:1'\(first) }\n"
                        + "- { name: b, host: a.test, endpoint: 'h:1'\(second)"
                ),
                path: "f")
            return diagnoses.filter { $0.severity == .error }.map(\.code)
        }
        #expect(codes(", listener: web", ", listener: plain") == [])
        #expect(codes(", listener: web", ", listeners: [plain, web]") == ["claimed-twice"])
        #expect(codes("", ", listener: web") == ["claimed-twice"])
        #expect(codes(", listener: web", "") == ["claimed-twice"])
        #expect(codes("", ", path: /b") == [])
    }

    @Test("a listener with a fault takes its own rules along, without blaming them")
    func faultyListener() {
        let text = """
            listeners: [{ name: web, address: ':80', protocol: http }, { name: bad, address: nowhere, protocol: http }]
            rules:
            - { name: a, host: a.test, listener: bad, endpoint: 'h:1' }
            - { name: b, host: a.test, endpoint: 'h:1' }
            """
        let (configuration, diagnoses) = ConfigurationFile.read(text, path: "f")
        #expect(diagnoses.map(\.code) == ["bad-address"])
        #expect(configuration?.rules.map(\.name) == ["b"])
        #expect(configuration?.listeners.map(\.name) == ["web"])
    }
}
