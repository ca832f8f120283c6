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
        #expect(diagnoses.map { String("\($0)".dropFirst("f:".count)) } == mistake.said)
        // An error takes its rule out, a warning does not.
        #expect(configuration?.rules.count == (diagnoses.contains { $0.severity == .error } ? 1 : 2))
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
