import Foundation

/// The source tree, read once.
struct Repository: Sendable {
    static let shared = Repository()

    let root: URL
    let files: [SourceFile]
    let manifest: SourceFile
    let documents: [String]

    private init() {
        root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        var swift: [SourceFile] = []
        var documents: [String] = []
        for top in ["Sources", "Tests", ".github", "certs", "config"] {
            let names = FileManager.default.enumerator(atPath: root.appendingPathComponent(top).path)?.allObjects
            for case let name as String in names ?? [] {
                let path = "\(top)/\(name)"
                // Build products of nested packages are not ours.
                if path.contains("/.build") { continue }
                if path.hasSuffix(".md") { documents.append(path) }
                guard path.hasSuffix(".swift") else { continue }
                swift.append(SourceFile(path: path, text: Self.text(root, path)))
            }
        }
        files = swift.sorted { $0.path < $1.path }
        self.documents = (["README.md"] + documents).sorted()
        manifest = SourceFile(path: "Package.swift", text: Self.text(root, "Package.swift"))
    }

    var sources: [SourceFile] { files.filter { $0.path.hasPrefix("Sources/") } }
    var tests: [SourceFile] { files.filter { $0.path.hasPrefix("Tests/") } }

    func text(of path: String) -> String { Self.text(root, path) }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path)
    }

    /// Empty for a file that cannot be read as UTF-8; the shape tests then fail on its missing last line end.
    private static func text(_ root: URL, _ path: String) -> String {
        (try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)) ?? ""
    }
}

/// A list of faults as one message: what is wrong, then where.
func told(_ wrong: String, _ places: [String]) -> String {
    "\(wrong)\n  " + places.joined(separator: "\n  ")
}
