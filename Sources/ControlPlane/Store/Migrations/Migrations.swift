import GRDB

/// The steps from an empty file to today's tables, in order. A step that was released is never changed: what it did
/// wrong, a later one mends.
enum Migrations {
    static let steps: [(name: String, step: @Sendable (Database) throws -> Void)] = [
        ("0001-users-and-rules", usersAndRules), ("0002-revisions", revisions), ("0003-accounts", accounts),
        ("0004-audit", audit), ("0005-statistics", statistics),
    ]

    static var all: DatabaseMigrator { upTo(steps.count) }

    /// The first so many: what an older release had.
    static func upTo(_ count: Int) -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        for (name, step) in steps.prefix(count) { migrator.registerMigration(name, migrate: step) }
        return migrator
    }

    /// The tables of the original specification, as they stand there.
    private static func usersAndRules(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE users (
                    id TEXT PRIMARY KEY NOT NULL,
                    username TEXT NOT NULL UNIQUE,
                    email TEXT NOT NULL UNIQUE,
                    password_hash TEXT NOT NULL,
                    role TEXT NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                );
                CREATE TABLE proxy_rules (
                    id TEXT PRIMARY KEY NOT NULL,
                    user_id TEXT REFERENCES users(id) ON DELETE SET NULL,
                    name TEXT NOT NULL,
                    source_host TEXT NOT NULL,
                    source_path TEXT NOT NULL DEFAULT '/',
                    target_container TEXT NOT NULL,
                    target_port INTEGER NOT NULL,
                    protocol TEXT NOT NULL CHECK (protocol IN ('HTTP', 'HTTPS', 'TCP', 'UDP')),
                    ssl_enabled INTEGER NOT NULL DEFAULT 0,
                    ssl_cert_path TEXT,
                    ssl_key_path TEXT,
                    enabled INTEGER NOT NULL DEFAULT 1,
                    created INTEGER NOT NULL,
                    config TEXT
                );
                """)
    }

    /// Every change of configuration, with what was before and after it.
    private static func revisions(_ database: Database) throws {
        try database.execute(
            sql: """
                ALTER TABLE proxy_rules ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;
                UPDATE proxy_rules SET updated = created;
                CREATE INDEX proxy_rules_by_name ON proxy_rules(name);
                CREATE TABLE revisions (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    at INTEGER NOT NULL,
                    author TEXT NOT NULL,
                    author_name TEXT NOT NULL,
                    source TEXT NOT NULL,
                    summary TEXT NOT NULL
                );
                CREATE TABLE revision_changes (
                    revision INTEGER NOT NULL REFERENCES revisions(id) ON DELETE CASCADE,
                    kind TEXT NOT NULL,
                    object TEXT NOT NULL,
                    name TEXT NOT NULL,
                    before TEXT,
                    after TEXT,
                    PRIMARY KEY (revision, kind, object)
                ) WITHOUT ROWID;
                CREATE TABLE confirmations (
                    revision INTEGER PRIMARY KEY REFERENCES revisions(id),
                    base INTEGER NOT NULL,
                    until INTEGER NOT NULL
                );
                CREATE TABLE settings (
                    name TEXT PRIMARY KEY NOT NULL,
                    value TEXT NOT NULL
                ) WITHOUT ROWID;
                """)
    }

    /// Sessions, tokens, second factors. What opens a door is kept as a digest alone.
    private static func accounts(_ database: Database) throws {
        try database.execute(
            sql: """
                ALTER TABLE users ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE users ADD COLUMN totp_secret TEXT;
                ALTER TABLE users ADD COLUMN totp_pending TEXT;
                ALTER TABLE users ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE users ADD COLUMN last_login INTEGER;
                CREATE TABLE sessions (
                    id TEXT PRIMARY KEY NOT NULL,
                    user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
                    refresh_digest BLOB NOT NULL,
                    former_digest BLOB,
                    created INTEGER NOT NULL,
                    refreshed INTEGER NOT NULL,
                    expires INTEGER NOT NULL,
                    address TEXT NOT NULL,
                    agent TEXT NOT NULL
                );
                CREATE INDEX sessions_by_user ON sessions(user_id);
                CREATE TABLE tokens (
                    id TEXT PRIMARY KEY NOT NULL,
                    user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
                    name TEXT NOT NULL,
                    digest BLOB NOT NULL UNIQUE,
                    scopes TEXT NOT NULL,
                    created INTEGER NOT NULL,
                    expires INTEGER,
                    used INTEGER,
                    UNIQUE (user_id, name)
                );
                """)
    }

    /// Who did what: rows come and never change.
    private static func audit(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE audit (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    at INTEGER NOT NULL,
                    actor TEXT NOT NULL,
                    actor_name TEXT NOT NULL,
                    address TEXT NOT NULL,
                    action TEXT NOT NULL,
                    object TEXT NOT NULL,
                    outcome TEXT NOT NULL,
                    before TEXT,
                    after TEXT,
                    revision INTEGER
                );
                CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
                    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
                CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
                    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
                """)
    }

    /// Traffic over time, in steps of 10 s, a minute and an hour.
    private static func statistics(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE statistics (
                    step INTEGER NOT NULL,
                    at INTEGER NOT NULL,
                    subject TEXT NOT NULL,
                    value TEXT NOT NULL,
                    PRIMARY KEY (step, at, subject)
                ) WITHOUT ROWID;
                """)
    }
}
