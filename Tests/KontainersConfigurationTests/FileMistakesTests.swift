import Foundation
import Testing

@testable import KontainersConfiguration

@Suite("Mistakes in a file")
struct FileMistakesTests {
    private func said(of text: String) -> [String] {
        ConfigurationFile.read(text, path: "f").1.map { String("\($0)".dropFirst("f:".count)) }
    }

    @Test(
        "are told with line, column, what was found and what is wanted",
        arguments: Mistake.read("fields") + Mistake.read("listeners") + Mistake.read("settings"))
    func told(_ mistake: Mistake) { #expect(said(of: mistake.text) == mistake.said) }

    @Test("of syntax leave nothing to be said of the rest", arguments: Mistake.read("syntax"))
    func syntax(_ mistake: Mistake) {
        #expect(said(of: mistake.text) == mistake.said)
        #expect(ConfigurationFile.read(mistake.text, path: "f").0 == nil)
    }

    @Test(
        "an empty file is told the smallest useful form, which is valid", arguments: ["", "# nothing\n", "---\n", "~"])
    func empty(_ text: String) {
        let wanted = "wanted at least a listener and a rule: " + ConfigurationFile.smallestForm
        #expect(said(of: text) == ["1:1: error: found an empty file; \(wanted) [empty-file]"])
        let (configuration, diagnoses) = ConfigurationFile.read(ConfigurationFile.smallestForm, path: "f")
        #expect(diagnoses.isEmpty)
        #expect(configuration?.rules.count == 1)
    }

    @Test("levels up to the limit are read, beyond it they are refused, whoever counts them")
    func depth() {
        func codes(_ levels: Int) -> [String] {
            // The mapping is the first level, the innermost text the last.
            let text = "a: " + String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
            return ConfigurationFile.read(text, path: "f").1.map(\.code)
        }
        #expect(codes(Document.depthLimit - 1) == ["unknown-field", "missing-field"])
        #expect(codes(Document.depthLimit) == ["too-deep"])
        // The YAML library has a limit of its own, at 1,000.
        #expect(codes(100_000) == ["too-deep"])
    }

    @Test("characters that YAML does not allow are told with their place")
    func characters() {
        #expect(
            said(of: "a: 1\r\nb: \u{1}") == [
                "2:4: error: found a character that YAML does not allow: control characters are not allowed; wanted "
                    + "printable text in UTF-8 [bad-character]"
            ])
    }
}
