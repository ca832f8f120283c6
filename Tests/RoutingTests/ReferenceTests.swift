import Contract
import Testing

@testable import Routing

/// The rules of matching, written for reading and not for speed.
private struct Reference {
    struct Entry {
        var rule: Rule
        var paths: [String]
    }

    let entries: [Entry]

    init(_ rules: [Rule]) {
        entries = rules.sorted { $0.name < $1.name }.map { rule in
            Entry(rule: rule, paths: rule.path.split(separator: "/").map(String.init))
        }
    }

    func ask(_ host: String, _ path: String, on listener: String, secure: Bool) -> String {
        var patterns = [host]
        var rest = Substring(host)
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            patterns.append("*." + rest)
        }
        patterns.append("*")
        let segments = path.split(separator: "/").map(String.init)
        for pattern in patterns {
            for count in stride(from: segments.count, through: 0, by: -1) {
                let here = entries.filter {
                    $0.rule.hosts.contains(pattern) && $0.paths == Array(segments.prefix(count))
                        && ($0.rule.listeners.isEmpty || $0.rule.listeners.contains(listener))
                }.map(\.rule)
                if let rule = here.first(where: { $0.tls != (secure ? .off : .required) }) { return rule.name }
                if !secure, let rule = here.first(where: { $0.tls == .required }) { return ">" + rule.name }
            }
        }
        return "404"
    }
}

@Suite("Matching against its description")
struct ReferenceTests {
    private static let labels = ["a", "b", "www", "site", "test", "long-label-of-more-than-eight"]
    private static let segments = ["x", "y", "api", "v1", "segment-longer-than-a-word"]
    private static let listeners = ["web", "secure", "third"]

    private static func name(_ random: inout Seeded) -> String {
        (0..<Int.random(in: 1...3, using: &random)).map { _ in labels.randomElement(using: &random)! }.joined(
            separator: ".")
    }

    private static func path(_ random: inout Seeded, upTo limit: Int) -> String {
        let count = Int.random(in: 0...limit, using: &random)
        return "/" + (0..<count).map { _ in segments.randomElement(using: &random)! }.joined(separator: "/")
    }

    private static func rule(_ number: Int, _ random: inout Seeded) -> Rule {
        let hosts = Set(
            (0..<Int.random(in: 1...3, using: &random)).map { _ in
                switch Int.random(in: 0..<10, using: &random) {
                case 0: "*"
                case 1...3: "*." + name(&random)
                default: name(&random)
                }
            })
        let bound =
            Int.random(in: 0..<4, using: &random) > 0 ? [] : listeners.filter { _ in Bool.random(using: &random) }
        return Rule(
            name: "r\(number)", listeners: bound, hosts: hosts.sorted(), path: path(&random, upTo: 3),
            tls: [.any, .any, .off, .required].randomElement(using: &random)!)
    }

    /// A path that means the same.
    private static func disguised(_ path: String, _ random: inout Seeded) -> String {
        var text = ""
        for byte in path.utf8 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0 where byte == UInt8(ascii: "/"):
                text += ["//", "/./", "/zz/../", "/%2e/", "/z/%2E%2e/"].randomElement(using: &random)!
            case 1 where byte != UInt8(ascii: "/"): text += "%" + String(byte, radix: 16)
            default: text += String(UnicodeScalar(byte))
            }
        }
        return text
    }

    @Test("random rules and requests: the table answers as the description does", arguments: 1...20)
    func random(_ seed: UInt64) {
        var random = Seeded(state: seed)
        var rules = (0..<Int.random(in: 1...60, using: &random)).map { Self.rule($0, &random) }
        rules.shuffle(using: &random)
        let asking = Asking(rules)
        let reference = Reference(rules)
        for _ in 0..<60 {
            let host = Self.name(&random)
            let path = Self.path(&random, upTo: 5)
            let listener = Self.listeners.randomElement(using: &random)!
            let secure = Bool.random(using: &random)
            let wanted = reference.ask(host, path, on: listener, secure: secure)
            #expect(asking.ask(host, path, on: listener, secure: secure) == wanted, "seed \(seed): \(host) \(path)")
            let written = Bool.random(using: &random) ? host.uppercased() + ".:81" : host
            let other = Self.disguised(path, &random)
            #expect(
                asking.ask(written, other, on: listener, secure: secure) == wanted, "seed \(seed): \(written) \(other)")
            let lines = asking.table.explain(host: written, path: other, listener: listener, secure: secure)
            let answer =
                wanted == "404"
                ? "answer: 404, no rule serves this host and path here"
                : wanted.hasPrefix(">")
                    ? "answer: rule \"\(wanted.dropFirst())\" redirects it to https"
                    : "answer: rule \"\(wanted)\" serves it"
            #expect(lines.last == answer, "seed \(seed): \(host) \(path)")
        }
    }

    @Test("the answer is the same whatever the order of the rules and the history of the compiler", arguments: 1...8)
    func history(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let rules = (0..<40).map { Self.rule($0, &random) }
        let asking = Asking(rules)
        let compiler = RouteCompiler(seed: seed)
        for name in Self.listeners { _ = compiler.listenerIndex(of: name) }
        for rule in rules.shuffled(using: &random) {
            compiler.put([Rule(name: rule.name, hosts: ["old.test"])])
            compiler.put([Rule(name: rule.name + "-gone", hosts: rule.hosts, path: rule.path)])
        }
        compiler.put(rules.shuffled(using: &random))
        compiler.remove(rules.map { $0.name + "-gone" }.shuffled(using: &random))
        let (table, diagnoses) = compiler.build(revision: 1, epoch: "")
        #expect(diagnoses == asking.diagnoses)
        for _ in 0..<25 {
            let (host, path) = (Self.name(&random), Self.path(&random, upTo: 4))
            for secure in [false, true] {
                for listener in Self.listeners {
                    let one = asking.table.explain(host: host, path: path, listener: listener, secure: secure)
                    let other = table.explain(host: host, path: path, listener: listener, secure: secure)
                    #expect(one == other, "seed \(seed)")
                }
            }
        }
    }

    @Test("random bytes trap nothing, and paths of random bytes are refused or met", arguments: 1...20)
    func hostile(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let asking = Asking((0..<50).map { Self.rule($0, &random) })
        let pieces: [[UInt8]] =
            [
                "/", "//", "..", ".", "%2e", "%", "%2", "%2f", "%00", "a", "test", ":", "80", "[", "]", "::1", "\0",
                "é", "*", "site",
            ]
            .map { Array($0.utf8) } + [[0xff], [0x80, 0xc0]]
        for _ in 0..<1_000 {
            func bytes() -> [UInt8] {
                (0..<Int.random(in: 0...20, using: &random)).flatMap { _ in pieces.randomElement(using: &random)! }
            }
            let (host, path) = (bytes(), bytes())
            let match = asking.match(host, path)
            let resolved = path.withRun { run in withRoom(PathLimits.ruleBytes) { resolve(path: run, into: $0) != nil }
            }
            if match == .badPath { #expect(!resolved, "seed \(seed): \(path)") }
            if !resolved, path != [], path != Array("*".utf8) { #expect(match == .badPath, "seed \(seed): \(path)") }
        }
    }

    @Test("what resolving makes of a path, it leaves as it is", arguments: 1...20)
    func idempotent(_ seed: UInt64) {
        var random = Seeded(state: seed)
        for _ in 0..<500 {
            let path: [UInt8] =
                Array("/".utf8)
                + (0..<Int.random(in: 0...12, using: &random)).flatMap { _ in
                    Array(
                        ["/", "a", ".", "..", "%2e", "%2F", "%25", "%5c", "b%41", "é", "%e9"].randomElement(
                            using: &random)!.utf8)
                }
            func resolved(_ path: [UInt8]) -> [UInt8]? {
                path.withRun { run in
                    withRoom(1_024) { room in resolve(path: run, into: room).map { room.first($0).array } }
                }
            }
            guard let once = resolved(path) else { continue }
            #expect(once.isEmpty || resolved(once) == once, "seed \(seed): \(path)")
        }
    }
}
