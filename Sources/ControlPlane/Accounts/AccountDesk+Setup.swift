public import Store
import Synchronization

/// The first administrator, by a link that is printed once.
extension AccountDesk {
    /// Seconds.
    public static let setupLifetime: Int64 = 3_600

    /// The secret of a new link; the one before it is void. `nil`: there are users, and nothing to set up.
    public func makeSetup(at now: Milliseconds = .now) async throws -> String? {
        guard try await !store.hasUsers() else { return nil }
        let secret = Secret.make()
        known.withLock { $0.setup = (Secret.digest(secret), now + Self.setupLifetime * 1_000) }
        return secret
    }

    /// Makes the first administrator and signs it in.
    public func setUp(
        secret: String, username: String, email: String, password: String, address: String, agent: String,
        at now: Milliseconds = .now
    ) async throws -> Grant {
        let wait = known.withLock { $0.throttle.wait(account: "", address: address, at: now) }
        guard wait == 0 else { throw Refusal.tooMany(wait: wait) }
        let isRight = known.withLock { known in
            guard let setup = known.setup, setup.expires > now, setup.digest == Secret.digest(secret) else {
                known.throttle.failed(account: "", address: address, at: now)
                return false
            }
            return true
        }
        guard isRight else { throw Refusal.noSetup }
        let user = User(
            id: Identifier.make(), username: username, email: email,
            passwordHash: try await hash(password, username: username), role: .admin, createdAt: now)
        do {
            try await store.add(user, first: true)
        } catch AccountFault.isSetUp {
            throw Refusal.noSetup
        }
        known.withLock { $0.setup = nil }
        return try await begin(user, address: address, agent: agent, at: now)
    }
}
