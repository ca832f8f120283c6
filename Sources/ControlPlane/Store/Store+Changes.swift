import GRDB
public import KontainersConfiguration

/// What is to become of the configuration.
public enum Change: Equatable, Sendable {
    /// Made where there is none of its id.
    case putRule(ProxyRule)
    case removeRule(id: String)
    /// `nil` takes it away.
    case set(name: String, value: JSONValue?)
}

/// Why a change was not made.
public enum ChangeFault: Error, Equatable {
    /// Another rule has the name.
    case nameTaken(String)
    /// There is no such rule, or no such revision.
    case missing(String)
    /// Somebody else changed it since.
    case stale(found: Int64)
    /// A change waits for its confirmation; nothing else is changed before that.
    case awaitsConfirmation(revision: Int64)
}

extension Store {
    /// With a change that is confirmed or taken back.
    public struct Confirmation: Equatable, Sendable {
        public var revision: Int64
        /// The revision that stands again if it is not confirmed.
        public var base: Int64
        public var until: Milliseconds
    }

    /// Makes all of the changes or none, as one revision.
    /// - Parameters:
    ///   - unless: the `updated` that the one rule of the change must still have; another one is a lost update.
    ///   - confirmWithin: milliseconds after which the revision is due to be taken back.
    ///   - audit: written in the same step, if anything differs.
    /// - Returns: the revision with its changes; `nil` when nothing differs from what is there.
    public func apply(
        _ changes: [Change], by author: Author, source: String, expecting updated: Milliseconds? = nil,
        confirmWithin: Milliseconds? = nil, audit: AuditNote? = nil, at now: Milliseconds = .now
    ) async throws -> (revision: Revision, changes: [RevisionChange])? {
        try await database.write { database in
            if let waiting = try Self.confirmation(database) {
                throw ChangeFault.awaitsConfirmation(revision: waiting.revision)
            }
            if let updated, case .putRule(let rule)? = changes.first,
                let there = try ProxyRule.one(rule.id, database), there.updated != updated
            {
                throw ChangeFault.stale(found: there.updated)
            }
            if let updated, case .removeRule(let id)? = changes.first, let there = try ProxyRule.one(id, database),
                there.updated != updated
            {
                throw ChangeFault.stale(found: there.updated)
            }
            let made = try Self.write(
                changes, by: author, source: source, confirmWithin: confirmWithin, at: now, database)
            if let made, let audit { try Self.note(audit.entry(of: made.revision, made.changes), database) }
            return made
        }
    }

    /// What ``apply(_:by:source:expecting:confirmWithin:audit:at:)`` would make. Nothing is kept.
    public func preview(_ changes: [Change], at now: Milliseconds = .now) async throws -> [RevisionChange] {
        try await database.writeWithoutTransaction { database in
            var made: [RevisionChange] = []
            try database.inTransaction {
                made =
                    try Self.write(
                        changes, by: .control, source: "preview", confirmWithin: nil, at: now, database)?.changes ?? []
                return .rollback
            }
            return made
        }
    }

    static func write(
        _ changes: [Change], by author: Author, source: String, confirmWithin: Milliseconds?, at now: Milliseconds,
        _ database: Database
    ) throws -> (revision: Revision, changes: [RevisionChange])? {
        let made = try changes.compactMap { try make($0, at: now, database) }
        guard !made.isEmpty else { return nil }
        // Only now: what is done together may hand a name on.
        for change in made where change.kind == .rule && change.after != nil {
            guard
                try Int.fetchOne(
                    database, sql: "SELECT count(*) FROM proxy_rules WHERE name = ?", arguments: [change.name]) == 1
            else { throw ChangeFault.nameTaken(change.name) }
        }
        let summary = summary(of: made)
        try database.execute(
            sql: "INSERT INTO revisions (at, author, author_name, source, summary) VALUES (?, ?, ?, ?, ?)",
            arguments: [now, author.id, author.name, source, summary])
        let id = database.lastInsertedRowID
        for change in made {
            try database.execute(
                sql: """
                    INSERT INTO revision_changes (revision, kind, object, name, before, after)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, change.kind.rawValue, change.object, change.name, try change.before.map(Document.text),
                    try change.after.map(Document.text),
                ])
        }
        var revision = Revision(id: id, at: now, author: author, source: source, summary: summary)
        if let confirmWithin {
            revision.confirmUntil = now + confirmWithin
            try database.execute(
                sql: "INSERT INTO confirmations (revision, base, until) VALUES (?, ?, ?)",
                arguments: [id, id - 1, now + confirmWithin])
        }
        return (revision, made)
    }

    private static func make(_ change: Change, at now: Milliseconds, _ database: Database) throws -> RevisionChange? {
        switch change {
        case .putRule(var rule):
            let before = try ProxyRule.one(rule.id, database)
            if let before {
                rule.created = before.created
                rule.updated = before.updated
                if rule == before { return nil }
                // Later than before even where the clock stands: it tells two versions apart.
                rule.updated = max(now, before.updated + 1)
            } else {
                rule.updated = now
            }
            try rule.save(database)
            let kept = try ProxyRule.one(rule.id, database) ?? rule
            return RevisionChange(
                kind: .rule, object: rule.id, name: rule.name, before: try before.map(JSONValue.init(encoding:)),
                after: try JSONValue(encoding: kept))
        case .removeRule(let id):
            guard let before = try ProxyRule.one(id, database) else { throw ChangeFault.missing(id) }
            try database.execute(sql: "DELETE FROM proxy_rules WHERE id = ?", arguments: [id])
            return RevisionChange(
                kind: .rule, object: id, name: before.name, before: try JSONValue(encoding: before), after: nil)
        case .set(let name, let value):
            let before = try setting(name, database)
            if before == value { return nil }
            if let value {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)",
                    arguments: [name, try Document.text(value)])
            } else {
                try database.execute(sql: "DELETE FROM settings WHERE name = ?", arguments: [name])
            }
            return RevisionChange(kind: .setting, object: name, name: name, before: before, after: value)
        }
    }

    private static func summary(of changes: [RevisionChange]) -> String {
        func verb(_ change: RevisionChange) -> String {
            change.before == nil ? "created" : change.after == nil ? "removed" : "changed"
        }
        guard changes.count > 1 else {
            return "\(changes[0].kind.rawValue) \(changes[0].name): \(verb(changes[0]))"
        }
        return "\(changes.count) changes: "
            + changes.prefix(3).map { "\($0.kind.rawValue) \($0.name) \(verb($0))" }.joined(separator: ", ")
            + (changes.count > 3 ? ", …" : "")
    }

    // MARK: - Reading

    /// By name.
    public func rules() async throws -> [ProxyRule] { try await database.read(ProxyRule.all) }

    public func rule(_ id: String) async throws -> ProxyRule? {
        try await database.read { try ProxyRule.one(id, $0) }
    }

    public func settings() async throws -> [String: JSONValue] {
        try await database.read { database in
            var settings: [String: JSONValue] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT name, value FROM settings") {
                settings[row["name"]] = try Document.value(row["value"])
            }
            return settings
        }
    }

    static func setting(_ name: String, _ database: Database) throws -> JSONValue? {
        try String.fetchOne(database, sql: "SELECT value FROM settings WHERE name = ?", arguments: [name])
            .map { try Document.value($0) }
    }
}

extension JSONValue {
    /// A value as its document.
    public init(encoding value: some Encodable) throws {
        self = try Document.value(Document.text(value))
    }

    /// The value whose document this is.
    public func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        try Document.value(Document.text(self))
    }
}
