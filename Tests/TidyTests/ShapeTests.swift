import Testing

@Suite("Shape of files")
struct ShapeTests {
    let repository = Repository.shared

    static let fileLinesLimit = 400
    static let lineColumnsLimit = 120

    @Test("a file has at most 400 lines: split by concern before that")
    func fileLength() {
        let faults = repository.files.filter { $0.lines.count - 1 > Self.fileLinesLimit }
            .map { "\($0.path): \($0.lines.count - 1) lines" }
        #expect(faults.isEmpty, "\(told("files over \(Self.fileLinesLimit) lines:", faults))")
    }

    @Test("a line has at most 120 columns, no trailing space and no tab; a file ends with one line end")
    func lines() {
        var faults: [String] = []
        for file in repository.files + [repository.manifest] {
            for (index, line) in file.lines.enumerated() {
                let place = "\(file.path):\(index + 1)"
                if line.count > Self.lineColumnsLimit { faults.append("\(place): \(line.count) columns") }
                if line.last == " " { faults.append("\(place): space at the end") }
                if line.contains("\t") { faults.append("\(place): tab") }
            }
            if file.lines.last != "" || file.lines.count < 2 || file.lines[file.lines.count - 2] == "" {
                faults.append("\(file.path): does not end with one line end")
            }
        }
        #expect(faults.isEmpty, "\(told("lines out of shape:", faults))")
    }

    @Test("a TODO or FIXME says what and why in at least four words")
    func todo() {
        var faults: [String] = []
        for file in repository.files {
            for (index, comment) in file.comments.enumerated() {
                guard let mark = comment.firstMatch(of: /\b(?:TODO|FIXME|XXX|HACK)\b(.*)/) else { continue }
                let words = mark.output.1.split(separator: " ").count
                if words < 4 { faults.append("\(file.path):\(index + 1)") }
            }
        }
        #expect(faults.isEmpty, "\(told("marks without a reason:", faults))")
    }

    @Test("no code is commented out: the history keeps it")
    func commentedOut() {
        let patterns: [Regex<Substring>] = [
            #/^\s*//\s?(?:let|var) \w+(?:: \S+)? = .*$/#,
            #/^\s*//\s?(?:(?:public |private )?func \w+\(.*|import \w+|return .*\))$/#,
            #/^\s*//\s?(?:} else.*|}|(?:if|guard|for|while|switch) .* \{)$/#,
        ]
        let faults = repository.files.flatMap { file in patterns.flatMap { file.places(of: $0, in: \.comments) } }
        #expect(faults.isEmpty, "\(told("comments that read like code:", faults))")
    }

    /// OpenSSL's own word for what holds certificates and policy is context (`SSL_CTX`); the module that wraps it, and
    /// its tests, keep the word.
    private static let library = ["Sources/Protocols/TLS", "Tests/TLSTests"]

    @Test("names of types say what they are, not that they help", arguments: ["Context", "Manager", "Helper", "Util"])
    func words(_ banned: String) throws {
        let declaration = try Regex("\\b(?:struct|class|enum|actor|protocol|typealias)\\s+\\w*\(banned)")
        let files = repository.files.filter { !(banned == "Context" && Self.library.contains($0.folder)) }
        let faults = files.flatMap { $0.places(of: declaration) }
        #expect(faults.isEmpty, "\(told("types named \(banned):", faults))")
    }
}
