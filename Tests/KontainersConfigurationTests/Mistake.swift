import Foundation
import Testing

/// One mistake: a text, and exactly what is said of it. They are kept in `Mistakes/`, each file a list of
///
///     ===
///     the text
///     >>>
///     what is said, a line for each diagnosis, without the file's name
struct Mistake: CustomTestStringConvertible, Sendable {
    let text: String
    let said: [String]

    var testDescription: String { said.first ?? text }

    static func read(_ name: String) -> [Mistake] {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Mistakes/\(name).txt"
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        var mistakes: [Mistake] = []
        for block in ("\n" + String(decoding: data, as: UTF8.self)).components(separatedBy: "\n===\n").dropFirst() {
            let halves = block.components(separatedBy: "\n>>>\n")
            mistakes.append(
                Mistake(text: halves[0], said: halves[1].split(separator: "\n").map(String.init)))
        }
        return mistakes
    }

    @Test("the lists of mistakes are there", arguments: ["fields", "listeners", "settings", "syntax", "rules"])
    static func lists(_ name: String) { #expect(!read(name).isEmpty) }
}
