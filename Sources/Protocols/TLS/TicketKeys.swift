import Synchronization

/// The keys of session tickets (RFC 5077 §5.5), shared by all workers.
///
/// Whoever learns a ticket's key can read the sessions recorded under it, so keys live in this process's memory only
/// and not for long: tickets are made under one for ``turnSeconds``, and read for as long again.
final class TicketKeys: Sendable {
    struct Key: Equatable, Sendable {
        static let nameCount = 16

        /// Says in the ticket which key it was made under. Not secret.
        let name: [UInt8]
        let secret: [UInt8]
        let proof: [UInt8]
        let madeAt: Int64
    }

    /// Longer than OpenSSL lets a ticket live (two hours), so that none dies early.
    static let turnSeconds: Int64 = 8 * 3_600

    /// Newest first, two at most. Changed by whichever worker first meets one that is too old.
    private let keys = Mutex<[Key]>([])

    /// The key to make tickets under. `now` is in seconds of any clock that does not jump.
    func current(at now: Int64) -> Key {
        keys.withLock { keys in
            if let newest = keys.first, now &- newest.madeAt < Self.turnSeconds { return newest }
            let made = Key(
                name: Sealing.randomBytes(Key.nameCount), secret: Sealing.randomBytes(32),
                proof: Sealing.randomBytes(32), madeAt: now)
            keys = [made] + keys.prefix(1)
            return made
        }
    }

    /// The key a ticket names, unless its time is over or it never was ours; and whether tickets are still made under
    /// it.
    func key(named name: [UInt8], at now: Int64) -> (key: Key, isCurrent: Bool)? {
        keys.withLock { keys in
            guard let key = keys.first(where: { $0.name == name }) else { return nil }
            let age = now &- key.madeAt
            guard age < 2 * Self.turnSeconds else { return nil }
            return (key, age < Self.turnSeconds)
        }
    }
}
