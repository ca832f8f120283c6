public import KontainersConfiguration

/// Who does something, for revisions and the audit.
public struct Author: Equatable, Sendable, Codable {
    /// A user's id, or `local` for whoever speaks over this machine's socket, or `control` for the program itself.
    public var id: String
    /// As it was then.
    public var name: String

    public init(id: String, name: String) {
        self.id = id
        self.name = name
    }

    public static let local = Author(id: "local", name: "local administrator")
    public static let control = Author(id: "control", name: "Kontainers")
}

/// What was changed by one write, numbered from 1.
public struct Revision: Equatable, Sendable, Codable {
    public var id: Int64
    /// Milliseconds since 1970.
    public var at: Int64
    public var author: Author
    /// By which way: `api`, `cli`, `dashboard`, `restore`, `unconfirmed`.
    public var source: String
    /// One line: "rule site: created".
    public var summary: String
    /// When it is taken back unless somebody confirms it.
    public var confirmUntil: Int64?

    public init(id: Int64, at: Int64, author: Author, source: String, summary: String, confirmUntil: Int64? = nil) {
        self.id = id
        self.at = at
        self.author = author
        self.source = source
        self.summary = summary
        self.confirmUntil = confirmUntil
    }
}

/// One thing that a revision made, changed or took away.
public struct RevisionChange: Equatable, Sendable, Codable {
    public enum Kind: String, Sendable, Codable { case rule, setting }

    public var kind: Kind
    /// The rule's id, or the setting's name.
    public var object: String
    public var name: String
    /// The document before and after; one of both is left out where it was made or taken away.
    public var before: JSONValue?
    public var after: JSONValue?

    public init(kind: Kind, object: String, name: String, before: JSONValue?, after: JSONValue?) {
        self.kind = kind
        self.object = object
        self.name = name
        self.before = before
        self.after = after
    }

    /// The fields that differ, each with its two values.
    public var differences: [Difference] { Difference.between(before, after) }
}

/// A field's value before and after.
public struct Difference: Equatable, Sendable, Codable {
    /// A JSON pointer (RFC 6901).
    public var path: String
    public var before: JSONValue?
    public var after: JSONValue?

    public init(path: String, before: JSONValue?, after: JSONValue?) {
        self.path = path
        self.before = before
        self.after = after
    }

    /// In the order of the pointers; lists count as one value.
    public static func between(_ before: JSONValue?, _ after: JSONValue?, at path: String = "") -> [Difference] {
        if before == after { return [] }
        let (old, new) = (before?.object, after?.object)
        guard old != nil || new != nil, old != nil || before == nil, new != nil || after == nil else {
            return [Difference(path: path, before: before, after: after)]
        }
        let names = Set((old ?? [:]).keys).union((new ?? [:]).keys).sorted()
        return names.flatMap { name in
            between(old?[name], new?[name], at: path + "/" + JSONPointer.part(name))
        }
    }
}
