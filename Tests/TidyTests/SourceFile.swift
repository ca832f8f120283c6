import Foundation

/// One Swift file, with its code and its comments told apart, line by line.
struct SourceFile: Sendable {
    /// From the repository's root: `Sources/Platform/Bytes/Slab.swift`.
    var path: String
    /// As written.
    var lines: [String]
    /// The same lines with the contents of comments and string literals blanked; quotes stay.
    var code: [String]
    /// The same lines with everything but comments blanked.
    var comments: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.components(separatedBy: "\n")
        var lexer = Lexer(Array(text.utf8))
        lexer.run()
        code = String(decoding: lexer.code, as: UTF8.self).components(separatedBy: "\n")
        comments = String(decoding: lexer.comments, as: UTF8.self).components(separatedBy: "\n")
    }

    /// The target's folder: `Sources/Platform/Bytes`, `Tests/BytesTests`, `Sources/kontainers`.
    var folder: String {
        let parts = path.split(separator: "/").map(String.init)
        let onAShelf = ["Platform", "Protocols", "DataPlane", "ControlPlane"].contains(parts.dropFirst().first ?? "")
        return parts.prefix(onAShelf ? 3 : 2).joined(separator: "/")
    }

    /// Modules imported, with the number of the line, from 1.
    var imports: [(module: String, line: Int)] {
        code.enumerated().compactMap { index, line in
            var words = line.split(separator: " ").map(String.init)
            guard let at = words.firstIndex(of: "import") else { return nil }
            let before = words[..<at]
            guard before.allSatisfy({ $0.hasPrefix("@") || Self.importModifiers.contains($0) }) else { return nil }
            words.removeSubrange(...at)
            if let kind = words.first, Self.importKinds.contains(kind) { words.removeFirst() }
            guard let name = words.first?.split(separator: ".").first else { return nil }
            return (String(name), index + 1)
        }
    }

    private static let importModifiers: Set = ["public", "package", "internal", "fileprivate", "private"]
    private static let importKinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]

    /// Where `pattern` stands in the code, as `path:line`.
    func places<Output>(of pattern: Regex<Output>, in view: KeyPath<SourceFile, [String]> = \.code) -> [String] {
        let pattern = pattern.wordBoundaryKind(.simple)
        return self[keyPath: view].enumerated().filter { $1.contains(pattern) }.map { "\(path):\($0.offset + 1)" }
    }
}

/// Splits a file into code and comments. Knows line comments, nested block comments, plain, raw and multi-line
/// literals, interpolation, whose expression counts
/// as part of the literal, and regular expressions on one line.
private struct Lexer {
    private let bytes: [UInt8]
    private var at = 0
    private(set) var code: [UInt8]
    private(set) var comments: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let blank = bytes.map { $0 == 10 ? $0 : UInt8(ascii: " ") }
        code = blank
        comments = blank
    }

    mutating func run() {
        while at < bytes.count {
            if starts("//") {
                while at < bytes.count, bytes[at] != 10 { takeComment() }
            } else if starts("/*") {
                blockComment()
            } else if starts("#/") {
                expression(ending: "/#")
            } else if bareExpressionStarts {
                expression(ending: "/")
            } else if let pounds = literalStart() {
                literal(pounds: pounds)
            } else {
                takeCode()
            }
        }
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if starts("/*") { depth += 1 } else if starts("*/") { depth -= 1 } else { takeComment(); continue }
            takeComment()
            takeComment()
        } while depth > 0 && at < bytes.count
    }

    /// A slash opens a regular expression where an operand is wanted: after an opening bracket, a comma, `=` or `:`.
    private var bareExpressionStarts: Bool {
        guard byte(at) == UInt8(ascii: "/"), let next = byte(at + 1), next != UInt8(ascii: " "), next != 10 else {
            return false
        }
        let before = code[..<at].last { $0 != UInt8(ascii: " ") && $0 != 10 }
        return before.map { "([,=:".utf8.contains($0) } ?? false
    }

    private mutating func expression(ending: StaticString) {
        at += ending.utf8CodeUnitCount
        while at < bytes.count, bytes[at] != 10, !starts(ending) {
            at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
        }
        if starts(ending) { at += ending.utf8CodeUnitCount }
    }

    /// The number of `#` before a quote here, or `nil` when no literal starts here.
    private func literalStart() -> Int? {
        var pounds = 0
        while byte(at + pounds) == UInt8(ascii: "#") { pounds += 1 }
        return byte(at + pounds) == UInt8(ascii: "\"") ? pounds : nil
    }

    private mutating func literal(pounds: Int) {
        at += pounds
        let quotes = starts("\"\"\"") ? 3 : 1
        for _ in 0..<quotes { takeCode() }
        while at < bytes.count {
            if bytes[at] == 10 && quotes == 1 { return }
            if closes(quotes: quotes, pounds: pounds) {
                for _ in 0..<quotes { takeCode() }
                at += pounds
                return
            }
            guard bytes[at] == UInt8(ascii: "\\"), escapes(pounds: pounds) else { at += 1; continue }
            at += 1 + pounds
            if byte(at) == UInt8(ascii: "(") { interpolation() } else { at += 1 }
        }
    }

    private mutating func interpolation() {
        var depth = 0
        while at < bytes.count {
            if let pounds = literalStart() { literal(pounds: pounds); continue }
            if bytes[at] == UInt8(ascii: "(") { depth += 1 }
            if bytes[at] == UInt8(ascii: ")") { depth -= 1 }
            at += 1
            if depth == 0 { return }
        }
    }

    private func closes(quotes: Int, pounds: Int) -> Bool {
        (0..<quotes).allSatisfy { byte(at + $0) == UInt8(ascii: "\"") }
            && (0..<pounds).allSatisfy { byte(at + quotes + $0) == UInt8(ascii: "#") }
    }

    private func escapes(pounds: Int) -> Bool {
        (0..<pounds).allSatisfy { byte(at + 1 + $0) == UInt8(ascii: "#") }
    }

    private func byte(_ index: Int) -> UInt8? { index < bytes.count ? bytes[index] : nil }

    /// Compares without making a string: this runs for every byte of the tree.
    private func starts(_ text: StaticString) -> Bool {
        guard at + text.utf8CodeUnitCount <= bytes.count else { return false }
        return text.withUTF8Buffer { buffer in
            for index in 0..<buffer.count where unsafe buffer[index] != bytes[at + index] { return false }
            return true
        }
    }

    private mutating func takeCode() {
        guard at < bytes.count else { return }
        code[at] = bytes[at]
        at += 1
    }

    private mutating func takeComment() {
        guard at < bytes.count else { return }
        comments[at] = bytes[at]
        at += 1
    }
}
