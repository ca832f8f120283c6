import Foundation
import Testing

@Suite("Documents tell the truth")
struct DocumentTests {
    let repository = Repository.shared

    @Test("every file that a document names exists")
    func paths() {
        var faults: [String] = []
        for document in repository.documents where repository.exists(document) {
            let folder = document.split(separator: "/").dropLast().joined(separator: "/")
            for (number, line) in lines(of: document) {
                for link in line.matches(of: /\]\(([^)#:\s]+)(?:#[^)]*)?\)/) {
                    let target = String(link.output.1)
                    let path = folder.isEmpty ? target : "\(folder)/\(target)"
                    if !repository.exists(path) { faults.append("\(document):\(number): \(target)") }
                }
                for code in line.matches(of: /`((?:Sources|Tests|certs|config|scripts|\.ci|\.github)\/[\w\/.+-]*)`/) {
                    let target = String(code.output.1)
                    let ours = !target.hasSuffix(".pem") && !target.hasSuffix(".key") && !target.contains("Results")
                    if ours && !repository.exists(target) { faults.append("\(document):\(number): \(target)") }
                }
            }
        }
        #expect(faults.isEmpty, "\(told("documents that name absent files:", faults))")
    }

    @Test("every article that an article links exists")
    func articles() {
        let known = Set(repository.documents.map { ($0 as NSString).lastPathComponent.replacing(".md", with: "") })
        var faults: [String] = []
        for document in repository.documents where repository.exists(document) {
            for (number, line) in lines(of: document) {
                for link in line.matches(of: /<doc:([\w-]+)>/) where !known.contains(String(link.output.1)) {
                    faults.append("\(document):\(number): \(link.output.1)")
                }
            }
        }
        #expect(faults.isEmpty, "\(told("links to absent articles:", faults))")
    }

    @Test("every type and member that an article names, as `Type.member`, is declared")
    func symbols() {
        var declared: Set<String> = []
        let declaration = /\b(?:struct|class|enum|actor|protocol|typealias|func|var|let|case|init)\s*`?(\w+)/
        for file in repository.sources {
            for line in file.code {
                for match in line.matches(of: declaration) { declared.insert(String(match.output.1)) }
            }
        }
        var faults: [String] = []
        for document in repository.documents where repository.exists(document) {
            for (number, line) in lines(of: document) {
                for name in line.matches(of: /`([A-Z]\w+)\.([a-z]\w*)`/) where name.output.2 != "swift" {
                    for part in [name.output.1, name.output.2] where !declared.contains(String(part)) {
                        faults.append("\(document):\(number): \(name.output.0)")
                    }
                }
            }
        }
        #expect(faults.isEmpty, "\(told("names of absent symbols:", faults))")
    }

    @Test("the reference names every field that the file or a label may hold")
    func reference() {
        let schemas = repository.sources.filter { $0.path.contains("/Configuration/Schema") }
        let fields = schemas.flatMap { schema in
            repository.text(of: schema.path).matches(of: /Field\(\s*"(\w+)"/).map { String($0.output.1) }
        }
        let pages = ["Configuration", "Balancing", "Layer4"]
            .map { repository.text(of: "Sources/kontainers/kontainers.docc/\($0).md") }.joined()
        let missing = Set(fields).filter { name in
            !["`\(name)`", ".\(name)`", ".\(name).", "`\(name):", " \(name):"].contains { pages.contains($0) }
        }
        #expect(fields.count > 100)
        #expect(missing.isEmpty, "\(told("fields that the reference does not name:", missing.sorted()))")
    }

    private func lines(of document: String) -> [(Int, String)] {
        repository.text(of: document).components(separatedBy: "\n").enumerated().map { ($0 + 1, $1) }
    }
}
