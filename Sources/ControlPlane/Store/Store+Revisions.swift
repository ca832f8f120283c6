import GRDB
import KontainersConfiguration

/// Looking back, and going back.
extension Store {
    /// The newest first.
    /// - Parameter before: of older ones alone.
    public func revisions(before id: Int64? = nil, limit: Int) async throws -> [Revision] {
        try await database.read { database in
            let waiting = try Self.confirmation(database)
            return try Row.fetchAll(
                database, sql: "SELECT * FROM revisions WHERE id < ? ORDER BY id DESC LIMIT ?",
                arguments: [id ?? .max, limit]
            ).map { Self.revision($0, waiting) }
        }
    }

    /// The number of the newest revision; 0 before the first.
    public func newestRevision() async throws -> Int64 { try await database.read(Self.newest) }

    public func revision(_ id: Int64) async throws -> (revision: Revision, changes: [RevisionChange])? {
        try await database.read { database in
            guard
                let row = try Row.fetchOne(database, sql: "SELECT * FROM revisions WHERE id = ?", arguments: [id])
            else { return nil }
            return (
                Self.revision(row, try Self.confirmation(database)),
                try Self.changes("revision = ?", [id], database)
            )
        }
    }

    /// What differs between the configuration as `old` left it and as `new` left it; 0 is before the first revision.
    public func comparison(from old: Int64, to new: Int64) async throws -> [RevisionChange] {
        try await database.read { try Self.comparison(from: old, to: new, $0) }
    }

    /// Makes the configuration as `id` left it, as a revision of its own.
    /// - Returns: `nil` when it is so already.
    public func restore(
        _ id: Int64, by author: Author, source: String = "restore", at now: Milliseconds = .now
    ) async throws -> (revision: Revision, changes: [RevisionChange])? {
        try await database.write { database in
            if let waiting = try Self.confirmation(database) {
                throw ChangeFault.awaitsConfirmation(revision: waiting.revision)
            }
            return try Self.restore(id, by: author, source: source, at: now, database)
        }
    }

    private static func restore(
        _ id: Int64, by author: Author, source: String, at now: Milliseconds, _ database: Database
    ) throws -> (revision: Revision, changes: [RevisionChange])? {
        let newest = try newest(database)
        guard id >= 0, id <= newest else { throw ChangeFault.missing("revision \(id)") }
        let undone = try comparison(from: newest, to: id, database)
        let changes: [Change] = try undone.map { change in
            switch (change.kind, change.after) {
            case (.rule, let document?): .putRule(try document.decoded())
            case (.rule, nil): .removeRule(id: change.object)
            case (.setting, let value): .set(name: change.object, value: value)
            }
        }
        return try write(changes, by: author, source: source, confirmWithin: nil, at: now, database)
    }

    // MARK: - Changes that wait for a word

    public func confirmation() async throws -> Confirmation? { try await database.read(Self.confirmation) }

    /// Keeps the change that waits.
    /// - Throws: ``ChangeFault/missing(_:)`` where none waits under that number.
    public func confirm(_ revision: Int64) async throws {
        try await database.write { database in
            try database.execute(sql: "DELETE FROM confirmations WHERE revision = ?", arguments: [revision])
            guard database.changesCount > 0 else { throw ChangeFault.missing("revision \(revision)") }
        }
    }

    /// Takes back the change that waits, if its time is over or somebody does not want it.
    /// - Parameter revision: only if it is this one.
    public func revertUnconfirmed(
        _ revision: Int64? = nil, by author: Author = .control, at now: Milliseconds = .now
    ) async throws -> (revision: Revision, changes: [RevisionChange])? {
        try await database.write { database in
            guard let waiting = try Self.confirmation(database) else {
                if let revision { throw ChangeFault.missing("revision \(revision)") }
                return nil
            }
            if let revision, revision != waiting.revision { throw ChangeFault.missing("revision \(revision)") }
            guard revision != nil || waiting.until <= now else { return nil }
            try database.execute(sql: "DELETE FROM confirmations")
            return try Self.restore(waiting.base, by: author, source: "unconfirmed", at: now, database)
        }
    }

    static func confirmation(_ database: Database) throws -> Confirmation? {
        try Row.fetchOne(database, sql: "SELECT * FROM confirmations").map {
            Confirmation(revision: $0["revision"], base: $0["base"], until: $0["until"])
        }
    }

    // MARK: - Rows

    private static func newest(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "SELECT max(id) FROM revisions") ?? 0
    }

    private static func revision(_ row: Row, _ waiting: Confirmation?) -> Revision {
        let id: Int64 = row["id"]
        return Revision(
            id: id, at: row["at"], author: Author(id: row["author"], name: row["author_name"]), source: row["source"],
            summary: row["summary"], confirmUntil: waiting?.revision == id ? waiting?.until : nil)
    }

    private static func changes(
        _ condition: String, _ arguments: StatementArguments, _ database: Database
    ) throws -> [RevisionChange] {
        try Row.fetchAll(
            database, sql: "SELECT * FROM revision_changes WHERE \(condition) ORDER BY revision, kind, object",
            arguments: arguments
        ).map { row in
            RevisionChange(
                kind: RevisionChange.Kind(rawValue: row["kind"]) ?? .rule, object: row["object"], name: row["name"],
                before: try (row["before"] as String?).map { try Document.value($0) },
                after: try (row["after"] as String?).map { try Document.value($0) })
        }
    }

    /// The changes between two revisions, folded: one for each thing that differs.
    private static func comparison(
        from old: Int64, to new: Int64, _ database: Database
    ) throws -> [RevisionChange] {
        let newest = try newest(database)
        for id in [old, new] where id < 0 || id > newest { throw ChangeFault.missing("revision \(id)") }
        let changes = try changes("revision > ? AND revision <= ?", [min(old, new), max(old, new)], database)
        var folded: [String: RevisionChange] = [:]
        var order: [String] = []
        for change in changes {
            let key = change.kind.rawValue + " " + change.object
            if var known = folded[key] {
                known.after = change.after
                known.name = change.name
                folded[key] = known
            } else {
                folded[key] = change
                order.append(key)
            }
        }
        return order.compactMap { folded[$0] }.compactMap { change in
            var change = change
            if new < old { (change.before, change.after) = (change.after, change.before) }
            return change.before == change.after ? nil : change
        }
    }
}
