import Testing

@Suite("Tests test something")
struct TestsOfTests {
    let repository = Repository.shared

    @Test("no test is empty: each expects, requires or confirms, itself or through a function of its file")
    func empty() {
        var faults: [String] = []
        for file in repository.tests {
            let functions = Function.all(in: file)
            let asserting = Set(functions.filter { $0.asserts || !$0.calls.isDisjoint(with: Self.shared) }.map(\.name))
            for function in functions where function.isTest && !function.asserts {
                let calls = function.calls
                let through = asserting.contains { calls.contains($0) } || Self.shared.contains { calls.contains($0) }
                if !through { faults.append("\(file.path):\(function.line): \(function.name)") }
            }
        }
        #expect(faults.isEmpty, "\(told("tests without an expectation:", faults))")
    }

    /// Functions of several files that throw on a test's behalf when what is wanted does not come.
    static let shared: Set = ["eventually", "expect", "logged", "waitUntil"]

    @Test("no test is disabled or cancelled without a reason")
    func disabled() {
        let pattern = #/\.disabled\((?!\s*(?:if:.*)?")|\.enabled\(if:(?!.*")|Test\.cancel\((?!")/#
        let faults = repository.tests.flatMap { $0.places(of: pattern, in: \.code) }
        #expect(faults.isEmpty, "\(told("tests switched off without a reason:", faults))")
    }

    @Test("tests are written in Swift Testing")
    func oneFramework() {
        let faults = repository.tests.filter { $0.imports.contains { $0.module == "XCTest" } }.map(\.path)
        #expect(faults.isEmpty, "\(told("files that import XCTest:", faults))")
    }
}

/// A function of a test file: its name, whether it is a test, its body's code.
struct Function {
    var name: String
    var line: Int
    var isTest: Bool
    var body: String

    var asserts: Bool { body.contains(/#expect|#require|\bconfirmation\(|Issue\.record/) }
    var calls: Set<String> { Set(body.matches(of: /(\w+)\s*[({]/).map { String($0.output.1) }) }

    /// Found by counting braces in the code view, where literals and comments are blank.
    static func all(in file: SourceFile) -> [Function] {
        var found: [Function] = []
        for (index, line) in file.code.enumerated() {
            guard let match = line.firstMatch(of: /\bfunc\s+(`[^`]*`|\w+|[^\s\w(]+)/) else { continue }
            var depth = 0
            var body = ""
            scan: for inner in file.code[index...] {
                for character in inner {
                    if character == "{" { depth += 1 }
                    if depth > 0 { body.append(character) }
                    if character == "}" {
                        depth -= 1
                        if depth == 0 { break scan }
                    }
                }
                body.append("\n")
            }
            found.append(
                Function(
                    name: String(match.output.1), line: index + 1, isTest: isTest(file.code, at: index), body: body))
        }
        return found
    }

    /// Whether `@Test` stands before this `func`, on its line or above it, with no other declaration between.
    private static func isTest(_ code: [String], at line: Int) -> Bool {
        for index in stride(from: line, through: max(0, line - 40), by: -1) {
            if code[index].contains(/@Test\b/) { return true }
            if index < line, code[index].contains(/^\s*}|\bfunc\b|\bvar\b|\blet\b|\bstruct\b|\bextension\b/) {
                return false
            }
        }
        return false
    }
}
