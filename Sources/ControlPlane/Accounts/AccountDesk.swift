import Foundation
import Passwords
public import Store
import Synchronization

/// Signing in and out, and telling who asks. Any thread.
///
/// Who has a session or token is known from memory, so that a request costs no reading of the store, and so that what
/// is revoked is refused from the next request on.
public final class AccountDesk: Sendable {
    /// Why somebody was not let in, in a sentence that tells a guesser nothing.
    public enum Refusal: Error, Equatable {
        case wrong
        /// Name and password are right, and a code is wanted too.
        case codeWanted
        /// Milliseconds.
        case tooMany(wait: Int64)
        /// More are being looked at than there is memory for.
        case busy
        case sessionEnded
        case noSetup
        case weakPassword(String)
    }

    /// What a client holds.
    public struct Grant: Sendable {
        public var user: User
        public var session: String
        public var access: String
        /// Seconds.
        public var accessLifetime: Int64
        /// For the next access token; used once.
        public var refresh: String
        /// Seconds.
        public var refreshLifetime: Int64
    }

    /// Seconds without a refresh until a session ends.
    public static let sessionLifetime: Int64 = 14 * 86_400
    /// Sessions of one user: the oldest ends for one more.
    static let sessionsPerUser = 50
    /// A token's use is noted this often; milliseconds.
    static let useNoted: Int64 = 60_000
    public static let tokenPrefix = "kt_"

    struct Known {
        var users: [String: User] = [:]
        /// User and end, by session.
        var sessions: [String: (user: String, expires: Int64)] = [:]
        var tokens: [Data: APIToken] = [:]
        var throttle = LoginThrottle()
        var setup: (digest: Data, expires: Int64)?
    }

    public let store: Store
    let access: AccessTokens
    let known = Mutex(Known())

    /// - Parameter folder: where the key of sessions is kept.
    public init(store: Store, folder: String?) async throws {
        self.store = store
        access = await AccessTokens(key: try AccessTokens.key(in: folder))
        try await store.removeExpiredSessions()
        try await reload()
    }

    /// Reads again who there is; after each change of users and tokens.
    public func reload() async throws {
        let (users, sessions, tokens) = (try await store.users(), try await store.sessions(), try await store.tokens())
        known.withLock { known in
            known.users = Dictionary(users.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
            known.sessions = Dictionary(
                sessions.map { ($0.id, ($0.userID, $0.expires)) }, uniquingKeysWith: { $1 })
            known.tokens = Dictionary(tokens.map { ($0.digest, $0) }, uniquingKeysWith: { $1 })
        }
    }

    // MARK: - Who asks

    /// Who has this bearer token (RFC 6750): a session's, or an API token; `nil`: nobody.
    public func principal(bearer: String, at now: Milliseconds = .now) async -> Principal? {
        if bearer.hasPrefix(Self.tokenPrefix) { return await principal(token: bearer, at: now) }
        guard let (id, session) = await access.claims(bearer) else { return nil }
        return known.withLock { known in
            guard let live = known.sessions[session], live.user == id, live.expires > now,
                let user = known.users[id], !user.isDisabled
            else { return nil }
            return Principal(way: .session(id: session), id: id, name: user.username, role: user.role)
        }
    }

    private func principal(token: String, at now: Milliseconds) async -> Principal? {
        let digest = Secret.digest(token)
        let found: (token: APIToken, user: User, isNoted: Bool)? = known.withLock { known in
            guard var token = known.tokens[digest], token.expires.map({ $0 > now }) ?? true,
                let user = known.users[token.userID], !user.isDisabled
            else { return nil }
            let isNoted = now - (token.used ?? 0) < Self.useNoted
            if !isNoted {
                token.used = now
                known.tokens[digest] = token
            }
            return (token, user, isNoted)
        }
        guard let found else { return nil }
        if !found.isNoted { try? await store.noteUse(ofToken: found.token.id, at: now) }
        return Principal(
            way: .token(id: found.token.id), id: found.user.id, name: found.user.username, role: found.user.role,
            scopes: Set(found.token.scopes.compactMap(Scope.init)))
    }

    /// Whether whoever was let in may still be here: the session or token is there, and the user has the role it had.
    public func isAlive(_ principal: Principal, at now: Milliseconds = .now) -> Bool {
        known.withLock { known in
            switch principal.way {
            case .socket: return true
            case .session(let id):
                guard let live = known.sessions[id], live.expires > now else { return false }
            case .token(let id):
                guard let token = known.tokens.values.first(where: { $0.id == id }),
                    token.expires.map({ $0 > now }) ?? true
                else { return false }
            }
            return known.users[principal.id].map { !$0.isDisabled && $0.role == principal.role } ?? false
        }
    }

    // MARK: - Signing in

    public func logIn(
        username: String, password: String, code: String?, address: String, agent: String, at now: Milliseconds = .now
    ) async throws -> Grant {
        let wait = known.withLock { $0.throttle.wait(account: username, address: address, at: now) }
        guard wait == 0 else { throw Refusal.tooMany(wait: wait) }
        let user = try await store.user(named: username)
        // Somebody who is not there takes as long to be refused as somebody who is.
        let isRight = try await verify(password, user?.passwordHash ?? Self.decoy)
        guard let user, isRight, !user.isDisabled else {
            known.withLock { $0.throttle.failed(account: username, address: address, at: now) }
            throw Refusal.wrong
        }
        if let secret = user.totpSecret {
            guard let code, !code.isEmpty else { throw Refusal.codeWanted }
            do {
                try await store.change(user: user.id, at: now) { user in
                    guard
                        let step = TOTP.step(of: code, secret: secret, after: user.totpStep, seconds: now / 1_000)
                    else { throw Refusal.wrong }
                    user.totpStep = step
                }
            } catch Refusal.wrong {
                known.withLock { $0.throttle.failed(account: username, address: address, at: now) }
                throw Refusal.wrong
            }
        }
        known.withLock { $0.throttle.succeeded(account: username) }
        return try await begin(user, address: address, agent: agent, at: now)
    }

    /// A session for a user whose right to it was found out.
    func begin(_ user: User, address: String, agent: String, at now: Milliseconds) async throws -> Grant {
        let refresh = Secret.make()
        let session = Session(
            id: Identifier.make(), userID: user.id, refreshDigest: Secret.digest(refresh), created: now,
            expires: now + Self.sessionLifetime * 1_000, address: address, agent: String(agent.prefix(200)))
        let live = try await store.sessions(of: user.id, at: now)
        for old in live.dropFirst(Self.sessionsPerUser - 1) { try await store.endSessions(id: old.id) }
        try await store.add(session)
        known.withLock { known in
            for old in live.dropFirst(Self.sessionsPerUser - 1) { known.sessions[old.id] = nil }
            known.users[user.id] = user
            known.sessions[session.id] = (user.id, session.expires)
        }
        return try await grant(user, session.id, refresh, at: now)
    }

    /// A new pair for a refresh token. One that was used before ends the session: somebody has a copy.
    public func refresh(_ token: String, at now: Milliseconds = .now) async throws -> Grant {
        let next = Secret.make()
        let expires = now + Self.sessionLifetime * 1_000
        switch try await store.refresh(Secret.digest(token), with: Secret.digest(next), expires: expires, at: now) {
        case .unknown: throw Refusal.sessionEnded
        case .usedTwice(let session):
            known.withLock { $0.sessions[session.id] = nil }
            throw Refusal.sessionEnded
        case .session(let session):
            guard let user = try await store.user(session.userID), !user.isDisabled else {
                throw Refusal.sessionEnded
            }
            known.withLock { $0.sessions[session.id] = (user.id, expires) }
            return try await grant(user, session.id, next, at: now)
        }
    }

    /// Ends sessions; of one user, one by its id, or all but one.
    public func endSessions(of user: String? = nil, id: String? = nil, except: String? = nil) async throws -> Int {
        let ended = try await store.endSessions(of: user, id: id, except: except)
        known.withLock { known in for id in ended { known.sessions[id] = nil } }
        return ended.count
    }

    private func grant(
        _ user: User, _ session: String, _ refresh: String, at now: Milliseconds
    ) async throws -> Grant {
        Grant(
            user: user, session: session,
            access: try await access.make(user: user.id, session: session, at: now / 1_000),
            accessLifetime: AccessTokens.lifetime, refresh: refresh, refreshLifetime: Self.sessionLifetime)
    }

    // MARK: - Passwords

    /// A hash of nothing that anybody knows.
    private static let decoy: String =
        PasswordHash.make(Array(Secret.make().utf8)).map { String(decoding: $0, as: UTF8.self) } ?? "*"

    /// On a thread of its own: it takes some 20 ms and 16 MiB, and few run at a time.
    public func verify(_ password: String, _ hash: String) async throws -> Bool {
        guard password.utf8.count <= PasswordRule.mostBytes else { return false }
        return try await withCheckedThrowingContinuation { continuation in
            let question = PasswordVerifier.Question(password: Array(password.utf8), hash: Array(hash.utf8)) {
                continuation.resume(returning: $0)
            }
            if !PasswordVerifier.shared.submit(question) { continuation.resume(throwing: Refusal.busy) }
        }
    }

    /// - Throws: ``Refusal/weakPassword(_:)``, ``Refusal/busy``
    public func hash(_ password: String, username: String) async throws -> String {
        if let fault = PasswordRule.fault(password, username: username) { throw Refusal.weakPassword(fault) }
        let bytes = Array(password.utf8)
        let made = await Task.detached { PasswordHash.make(bytes) }.value
        guard let made else { throw Refusal.busy }
        return String(decoding: made, as: UTF8.self)
    }
}
