import GRDB
public import KontainersConfiguration

/// Who did what, from where, and how it ended. Secrets are masked before they come here.
public struct AuditEntry: Equatable, Sendable, Codable {
    public var id: Int64
    /// Milliseconds since 1970.
    public var at: Int64
    public var actor: Author
    /// The client's address, or `socket`.
    public var address: String
    /// What was asked for: `rule.update`, `login`.
    public var action: String
    /// What it was asked of: an id or a name.
    public var object: String
    /// `ok`, or why not.
    public var outcome: String
    public var before: JSONValue?
    public var after: JSONValue?
    /// The revision that it made.
    public var revision: Int64?

    public init(
        id: Int64 = 0, at: Int64, actor: Author, address: String, action: String, object: String = "",
        outcome: String = "ok", before: JSONValue? = nil, after: JSONValue? = nil, revision: Int64? = nil
    ) {
        self.id = id
        self.at = at
        self.actor = actor
        self.address = address
        self.action = action
        self.object = object
        self.outcome = outcome
        self.before = before
        self.after = after
        self.revision = revision
    }
}

/// What is to stand in the audit beside a change, in the same step as the change itself.
public struct AuditNote: Sendable {
    public var entry: AuditEntry
    /// Takes secrets out of documents.
    public var mask: @Sendable (JSONValue) -> JSONValue

    public init(_ entry: AuditEntry, mask: @escaping @Sendable (JSONValue) -> JSONValue) {
        self.entry = entry
        self.mask = mask
    }

    func entry(of revision: Revision, _ changes: [RevisionChange]) -> AuditEntry {
        var entry = entry
        entry.revision = revision.id
        guard changes.count == 1 else {
            entry.object = "\(changes.count) changes"
            return entry
        }
        entry.object = changes[0].name
        entry.before = changes[0].before.map(mask)
        entry.after = changes[0].after.map(mask)
        return entry
    }
}

extension Store {
    /// Appends; nothing that was appended is ever changed or taken away.
    public func note(_ entry: AuditEntry) async throws {
        try await database.write { try Self.note(entry, $0) }
    }

    static func note(_ entry: AuditEntry, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO audit (at, actor, actor_name, address, action, object, outcome, before, after, revision)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                entry.at, entry.actor.id, entry.actor.name, entry.address, entry.action, entry.object,
                entry.outcome, try entry.before.map(Document.text), try entry.after.map(Document.text),
                entry.revision,
            ])
    }

    /// The newest first.
    public func audit(
        before id: Int64? = nil, actor: String? = nil, action: String? = nil, limit: Int
    ) async throws -> [AuditEntry] {
        try await database.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM audit WHERE id < ? AND (? IS NULL OR actor = ?) AND (? IS NULL OR action = ?)
                    ORDER BY id DESC LIMIT ?
                    """,
                arguments: [id ?? .max, actor, actor, action, action, limit]
            ).map { row in
                AuditEntry(
                    id: row["id"], at: row["at"], actor: Author(id: row["actor"], name: row["actor_name"]),
                    address: row["address"], action: row["action"], object: row["object"], outcome: row["outcome"],
                    before: try (row["before"] as String?).map { try Document.value($0) },
                    after: try (row["after"] as String?).map { try Document.value($0) }, revision: row["revision"])
            }
        }
    }
}
