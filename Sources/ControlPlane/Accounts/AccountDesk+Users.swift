public import Store
import Synchronization

/// Accounts, their second factors and tokens.
extension AccountDesk {
    public func addUser(
        username: String, email: String, password: String, role: Role, at now: Milliseconds = .now
    ) async throws -> User {
        let user = User(
            id: Identifier.make(), username: username, email: email,
            passwordHash: try await hash(password, username: username), role: role, createdAt: now)
        try await store.add(user)
        known.withLock { $0.users[user.id] = user }
        return user
    }

    /// Changes a user. Who gets another password, or is disabled, loses its sessions but `session`.
    public func changeUser(
        _ id: String, keeping session: String? = nil, password: String? = nil,
        _ change: @escaping @Sendable (inout User) throws -> Void
    ) async throws -> User {
        guard let before = try await store.user(id) else { throw AccountFault.missing }
        let hash: String? =
            if let password { try await hash(password, username: before.username) } else { nil }
        let user = try await store.change(user: id) { user in
            try change(&user)
            if let hash { user.passwordHash = hash }
        }
        known.withLock { $0.users[id] = user }
        if password != nil || user.isDisabled { _ = try await endSessions(of: id, except: session) }
        return user
    }

    public func removeUser(_ id: String) async throws {
        try await store.remove(user: id)
        try await reload()
    }

    // MARK: - Second factors

    /// A new secret, which holds once a code of it was right.
    public func offerTOTP(_ id: String) async throws -> String {
        let secret = TOTP.makeSecret()
        _ = try await changeUser(id) { $0.totpPending = secret }
        return secret
    }

    /// - Throws: ``Refusal/wrong`` for a code that is not the offered secret's.
    public func confirmTOTP(_ id: String, code: String, at now: Milliseconds = .now) async throws {
        _ = try await changeUser(id) { user in
            guard let secret = user.totpPending,
                let step = TOTP.step(of: code, secret: secret, after: 0, seconds: now / 1_000)
            else { throw Refusal.wrong }
            (user.totpSecret, user.totpPending, user.totpStep) = (secret, nil, step)
        }
    }

    public func removeTOTP(_ id: String) async throws {
        _ = try await changeUser(id) { ($0.totpSecret, $0.totpPending, $0.totpStep) = (nil, nil, 0) }
    }

    // MARK: - Tokens

    /// - Returns: the token with its secret, which nobody sees again.
    public func addToken(
        user: String, name: String, scopes: Set<Scope>, expires: Milliseconds?, at now: Milliseconds = .now
    ) async throws -> (token: APIToken, secret: String) {
        let secret = Self.tokenPrefix + Secret.make()
        let token = APIToken(
            id: Identifier.make(), userID: user, name: name, digest: Secret.digest(secret),
            scopes: scopes.map(\.rawValue).sorted(), created: now, expires: expires)
        try await store.add(token)
        known.withLock { $0.tokens[token.digest] = token }
        return (token, secret)
    }

    /// - Parameter user: only if it is this user's.
    public func removeToken(_ id: String, of user: String? = nil) async throws -> Bool {
        guard try await store.remove(token: id, of: user) else { return false }
        known.withLock { known in
            for (digest, token) in known.tokens where token.id == id { known.tokens[digest] = nil }
        }
        return true
    }
}
