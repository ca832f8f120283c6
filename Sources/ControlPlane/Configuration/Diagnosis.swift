/// What is wrong with something a person, a label or a file asked for: where, what was found, what is wanted, what to
/// do.
public struct Diagnosis: Equatable, Hashable, Sendable, Codable {
    public enum Severity: String, Sendable, Codable { case warning, error }

    /// Stable, for programs and for searching the documentation: `unknown-field`, `bad-address`, …
    public var code: String
    public var severity: Severity
    public var place: Place
    /// What it is about: a rule's, listener's or certificate's name, or empty.
    public var subject: String
    /// One sentence: what was found.
    public var found: String
    /// One sentence: what is wanted, with "did you mean …?" where a near name exists.
    public var wanted: String

    public init(
        code: String, severity: Severity = .error, place: Place, subject: String = "", found: String, wanted: String
    ) {
        self.code = code
        self.severity = severity
        self.place = place
        self.subject = subject
        self.found = found
        self.wanted = wanted
    }
}

/// Where something was asked for.
public enum Place: Equatable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// Lines and columns count from 1.
    case file(path: String, line: Int, column: Int)
    case label(container: String, key: String)
    case container(String)
    /// A JSON pointer (RFC 6901) into a rule of the store; empty for the whole of it.
    case field(rule: String, pointer: String)
    case appliance

    public var description: String {
        switch self {
        case .file(let path, let line, let column): "\(path):\(line):\(column)"
        case .label(let container, let key): "container \(container), label \(key)"
        case .container(let name): "container \(name)"
        case .field(let rule, ""): "rule \(rule)"
        case .field(let rule, let pointer): "rule \(rule), field \(pointer)"
        case .appliance: "appliance"
        }
    }
}

extension Diagnosis: CustomStringConvertible {
    /// `PLACE: error: found …; wanted …`
    public var description: String { "\(place): \(severity.rawValue): \(found); \(wanted) [\(code)]" }
}
