public import Foundation
import GRDB

/// Why an account was not changed.
public enum AccountFault: Error, Equatable {
    case usernameTaken, emailTaken
    case missing
    /// It is the last administrator who can sign in.
    case lastAdministrator
    /// The user has a token of that name.
    case tokenNameTaken
    /// There are users already.
    case isSetUp
}

extension Store {
    // MARK: - Users

    public func users() async throws -> [User] {
        try await database.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM users ORDER BY username").map(User.init)
        }
    }

    public func user(_ id: String) async throws -> User? {
        try await database.read { try User.one("id", id, $0) }
    }

    public func user(named name: String) async throws -> User? {
        try await database.read { try User.one("username", name, $0) }
    }

    public func hasUsers() async throws -> Bool {
        try await database.read { try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM users)") ?? false }
    }

    /// - Parameter first: only while there is nobody.
    public func add(_ user: User, first: Bool = false) async throws {
        try await database.write { database in
            if first, try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM users)") ?? false {
                throw AccountFault.isSetUp
            }
            try user.insert(database)
        }
    }

    /// Changes what `change` says of the user as it is now, in one step.
    @discardableResult
    public func change(
        user id: String, at now: Milliseconds = .now, _ change: @escaping @Sendable (inout User) throws -> Void
    ) async throws -> User {
        try await database.write { database in
            guard let before = try User.one("id", id, database) else { throw AccountFault.missing }
            var user = before
            try change(&user)
            if user == before { return user }
            user.updatedAt = max(now, before.updatedAt + 1)
            try user.update(database)
            try Self.requireAdministrator(database, before)
            return user
        }
    }

    public func remove(user id: String) async throws {
        try await database.write { database in
            guard let user = try User.one("id", id, database) else { throw AccountFault.missing }
            try database.execute(sql: "DELETE FROM users WHERE id = ?", arguments: [id])
            try Self.requireAdministrator(database, user)
        }
    }

    private static func requireAdministrator(_ database: Database, _ before: User) throws {
        guard before.role == .admin, !before.isDisabled else { return }
        let isThere =
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND disabled = 0)") ?? false
        if !isThere { throw AccountFault.lastAdministrator }
    }

    // MARK: - Sessions

    public func add(_ session: Session) async throws {
        try await database.write { database in
            try database.execute(
                sql: """
                    INSERT INTO sessions (id, user_id, refresh_digest, created, refreshed, expires, address, agent)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    session.id, session.userID, session.refreshDigest, session.created, session.refreshed,
                    session.expires, session.address, session.agent,
                ])
            try database.execute(
                sql: "UPDATE users SET last_login = ? WHERE id = ?", arguments: [session.created, session.userID])
        }
    }

    /// Those that have not ended; of one user, or of all.
    public func sessions(of user: String? = nil, at now: Milliseconds = .now) async throws -> [Session] {
        try await database.read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM sessions WHERE expires > ? AND (? IS NULL OR user_id = ?) ORDER BY created DESC",
                arguments: [now, user, user]
            ).map(Session.init)
        }
    }

    /// What a refresh token leads to.
    public enum Refreshed: Equatable, Sendable {
        case session(Session)
        /// It was used before: somebody has a copy, and the session has ended.
        case usedTwice(Session)
        case unknown
    }

    /// Puts a new refresh token in the place of an old one, in one step.
    public func refresh(
        _ digest: Data, with next: Data, expires: Milliseconds, at now: Milliseconds = .now
    ) async throws -> Refreshed {
        try await database.write { database in
            if let row = try Row.fetchOne(
                database, sql: "SELECT * FROM sessions WHERE refresh_digest = ? AND expires > ?",
                arguments: [digest, now])
            {
                var session = Session(row: row)
                session.formerDigest = digest
                (session.refreshDigest, session.refreshed, session.expires) = (next, now, expires)
                try database.execute(
                    sql: """
                        UPDATE sessions SET refresh_digest = ?, former_digest = ?, refreshed = ?, expires = ?
                        WHERE id = ?
                        """,
                    arguments: [next, digest, now, expires, session.id])
                return .session(session)
            }
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM sessions WHERE former_digest = ?", arguments: [digest])
            else { return .unknown }
            let session = Session(row: row)
            try database.execute(sql: "DELETE FROM sessions WHERE id = ?", arguments: [session.id])
            return .usedTwice(session)
        }
    }

    /// - Returns: those that ended.
    @discardableResult
    public func endSessions(
        of user: String? = nil, id: String? = nil, except: String? = nil
    ) async throws -> [String] {
        try await database.write { database in
            try String.fetchAll(
                database,
                sql: """
                    DELETE FROM sessions WHERE (?1 IS NULL OR user_id = ?1) AND (?2 IS NULL OR id = ?2)
                    AND (?3 IS NULL OR id <> ?3) RETURNING id
                    """,
                arguments: [user, id, except])
        }
    }

    public func removeExpiredSessions(at now: Milliseconds = .now) async throws {
        try await database.write { try $0.execute(sql: "DELETE FROM sessions WHERE expires <= ?", arguments: [now]) }
    }

    // MARK: - Tokens

    public func add(_ token: APIToken) async throws {
        try await database.write { database in
            do {
                try database.execute(
                    sql: """
                        INSERT INTO tokens (id, user_id, name, digest, scopes, created, expires)
                        VALUES (?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        token.id, token.userID, token.name, token.digest, token.scopes.joined(separator: " "),
                        token.created, token.expires,
                    ])
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
                throw AccountFault.tokenNameTaken
            }
        }
    }

    public func tokens(of user: String? = nil) async throws -> [APIToken] {
        try await database.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM tokens WHERE ? IS NULL OR user_id = ? ORDER BY created DESC",
                arguments: [user, user]
            ).map(APIToken.init)
        }
    }

    public func token(_ digest: Data) async throws -> APIToken? {
        try await database.read {
            try Row.fetchOne($0, sql: "SELECT * FROM tokens WHERE digest = ?", arguments: [digest]).map(APIToken.init)
        }
    }

    public func noteUse(ofToken id: String, at now: Milliseconds = .now) async throws {
        try await database.write {
            try $0.execute(sql: "UPDATE tokens SET used = ? WHERE id = ?", arguments: [now, id])
        }
    }

    /// - Parameter user: only if it is this user's.
    /// - Returns: whether there was one.
    public func remove(token id: String, of user: String? = nil) async throws -> Bool {
        try await database.write { database in
            try database.execute(
                sql: "DELETE FROM tokens WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2)", arguments: [id, user])
            return database.changesCount > 0
        }
    }
}

extension User {
    init(row: Row) throws {
        self.init(
            id: row["id"], username: row["username"], email: row["email"], passwordHash: row["password_hash"],
            role: Role(rawValue: row["role"]) ?? .viewer, createdAt: row["created_at"])
        updatedAt = row["updated_at"]
        isDisabled = row["disabled"]
        totpSecret = row["totp_secret"]
        totpPending = row["totp_pending"]
        totpStep = row["totp_step"]
        lastLogin = row["last_login"]
    }

    static func one(_ column: String, _ value: String, _ database: Database) throws -> User? {
        try Row.fetchOne(database, sql: "SELECT * FROM users WHERE \(column) = ?", arguments: [value])
            .map(User.init)
    }

    fileprivate func insert(_ database: Database) throws {
        try told {
            try database.execute(
                sql: """
                    INSERT INTO users (id, username, email, password_hash, role, created_at, updated_at, disabled,
                        totp_secret, totp_pending, totp_step)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, username, email, passwordHash, role.rawValue, createdAt, updatedAt, isDisabled, totpSecret,
                    totpPending, totpStep,
                ])
        }
    }

    fileprivate func update(_ database: Database) throws {
        try told {
            try database.execute(
                sql: """
                    UPDATE users SET username = ?, email = ?, password_hash = ?, role = ?, updated_at = ?,
                        disabled = ?, totp_secret = ?, totp_pending = ?, totp_step = ? WHERE id = ?
                    """,
                arguments: [
                    username, email, passwordHash, role.rawValue, updatedAt, isDisabled, totpSecret, totpPending,
                    totpStep, id,
                ])
        }
    }

    /// Says which of the names is taken.
    private func told(_ write: () throws -> Void) throws {
        do {
            try write()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            switch error.message {
            case let message? where message.contains("users.username"): throw AccountFault.usernameTaken
            case let message? where message.contains("users.email"): throw AccountFault.emailTaken
            default: throw error
            }
        }
    }
}

extension Session {
    fileprivate init(row: Row) {
        self.init(
            id: row["id"], userID: row["user_id"], refreshDigest: row["refresh_digest"], created: row["created"],
            expires: row["expires"], address: row["address"], agent: row["agent"])
        refreshed = row["refreshed"]
        formerDigest = row["former_digest"]
    }
}

extension APIToken {
    fileprivate init(row: Row) {
        let scopes: String = row["scopes"]
        self.init(
            id: row["id"], userID: row["user_id"], name: row["name"], digest: row["digest"],
            scopes: scopes.split(separator: " ").map(String.init), created: row["created"], expires: row["expires"])
        used = row["used"]
    }
}
