public import KontainersConfiguration

/// Whether the appliance starts with what its file says.
///
/// A fault in one rule or certificate keeps only that one from being served: after a power cut, the other sites must
/// come back without anyone at a keyboard. Faults elsewhere (a listener, a timeout, a misspelt section) change what
/// everything does; they are mended first.
public enum StartVerdict: Equatable, Sendable {
    case start
    /// Errors there are, but only in what is served one by one.
    case startWithout(errors: Int)
    case refuse(errors: Int)

    /// Sections whose items stand each for itself.
    static let forgivingSections: Set<Substring> = ["rules", "certificates"]

    public static func of(_ diagnoses: [Diagnosis], text: String) -> StartVerdict {
        let errors = diagnoses.filter { $0.severity == .error }
        guard !errors.isEmpty else { return .start }
        let sections = sections(of: text)
        let areForgiven = errors.allSatisfy { error in
            // Said of others that were left out.
            if error.code == "more-diagnoses" { return true }
            guard case .file(_, let line, _) = error.place else { return false }
            return sections.last { $0.line <= line }.map { forgivingSections.contains($0.name) } ?? false
        }
        return areForgiven ? .startWithout(errors: errors.count) : .refuse(errors: errors.count)
    }

    /// Where the sections of a file begin: keys in the first column. A file in another form has none, and none of its
    /// errors is forgiven.
    private static func sections(of text: String) -> [(line: Int, name: Substring)] {
        var sections: [(line: Int, name: Substring)] = []
        // By bytes: a file from elsewhere ends lines with two, which are one Character.
        for (index, line) in text.utf8.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            guard let first = line.first, (97...122).contains(first), let colon = line.firstIndex(of: 58) else {
                continue
            }
            sections.append((index + 1, text[line.startIndex..<colon]))
        }
        return sections
    }
}
