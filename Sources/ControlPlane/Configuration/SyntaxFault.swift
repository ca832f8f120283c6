import Yams

/// What Yams says of text that is not YAML, in our words and with our places.
enum SyntaxFault {
    static func diagnosis(of error: YamlError, in text: String, path: String, star: Unicode.Scalar) -> Diagnosis {
        func fault(_ code: String, _ mark: Mark, _ found: String, _ wanted: String) -> Diagnosis {
            Document.fault(code, path, max(1, mark.line), max(1, mark.column), found, wanted)
        }
        func restored(_ word: String) -> String {
            String(String.UnicodeScalarView(word.unicodeScalars.map { $0 == star ? "*" : $0 }))
        }
        switch error {
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.map { Shown.quoted(restored($0)) }.joined(separator: ", ")
            return fault(
                "duplicate-key", context.mark, "found \(names) more than once in one mapping, first here",
                "wanted each field once")
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if problem.contains("another document") {
                return fault("several-documents", mark, "found a second document", "wanted one: take out the \"---\"")
            }
            if problem.contains("nesting level") {
                return fault(
                    "too-deep", mark, "found more than \(Document.depthLimit) levels", "wanted a flatter file")
            }
            if isTab(at: mark, in: text) {
                return fault("tab", mark, "found a tab where the line is indented", "wanted spaces")
            }
            return fault("syntax", mark, "found YAML that cannot be read: \(problem)", wanted(context))
        case .reader(let problem, let offset, _, _):
            // The offset counts characters, of which "\r\n" is one.
            let before = text.prefix(offset ?? 0)
            let line = before.count(where: \.isNewline) + 1
            let column =
                (before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).last ?? "")
                .unicodeScalars.count + 1
            return Document.fault(
                "bad-character", path, line, column, "found a character that YAML does not allow: \(problem)",
                "wanted printable text in UTF-8")
        case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
            return Document.fault("syntax", path, 1, 1, "found YAML that cannot be read: \(error)", "wanted YAML")
        }
    }

    private static func wanted(_ context: YamlError.Context?) -> String {
        guard let context else { return "wanted YAML" }
        return "wanted YAML; it happened \(context.text) that starts at line \(context.mark.line), column "
            + "\(context.mark.column)"
    }

    private static func isTab(at mark: Mark, in text: String) -> Bool {
        var line = 1
        var column = 1
        for scalar in text.unicodeScalars {
            if line == mark.line, column == mark.column { return scalar == "\t" }
            if scalar == "\n" {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        return false
    }
}
