// Reading who may sign in at a rule, and how often a client may try.

/// A user of a rule, or one in whose place a name is tried that the rule does not know; trivial.
public struct UserPlace: Sendable, BitwiseCopyable {
    /// The name is that of a user.
    public let isKnown: Bool
    let hash: TextPlace
}

extension RouteView {
    @_lifetime(borrow self)
    public func realm(of options: RouteOptions) -> Span<UInt8> { text(options.realm) }

    /// The user of this name. For a name that nobody has it is the first user's hash that is tried, in vain: whether
    /// there is such a user cannot be told from the time it takes.
    public func user(named name: Span<UInt8>, of options: RouteOptions) -> UserPlace {
        let users = text(options.users)
        var found: UserPlace?
        var first: UserPlace?
        var place = 0
        // To the end of the list in any case, for the same reason.
        while place < users.count {
            let count = Int(users[place])
            let start = place &+ 1
            let hash = TextPlace(
                start: options.users.start &+ UInt32(truncatingIfNeeded: start &+ count), count: Self.hashCount)
            if first == nil { first = UserPlace(isKnown: false, hash: hash) }
            if count == name.count, equal(users.extracting(start..<start &+ count), name) {
                found = UserPlace(isKnown: true, hash: hash)
            }
            place = start &+ count &+ Int(Self.hashCount)
        }
        guard let user = found ?? first else { preconditionFailure("basicAuth without a user") }
        return user
    }

    @_lifetime(borrow self)
    public func hash(of user: UserPlace) -> Span<UInt8> { text(user.hash) }

    private static var hashCount: UInt32 { 60 }

    private func equal(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
        for place in 0..<one.count where one[place] != other[place] { return false }
        return true
    }
}

extension RateTable {
    /// Wrong passwords that a client may try at a rule at once, and the nanoseconds in which one more comes.
    public static let signInBurst: UInt64 = 20
    public static let signInTime: UInt64 = 10_000_000_000

    private static func limit(_ options: RouteOptions) -> BucketLimit {
        BucketLimit(key: options.signInKey, tokenTime: signInTime, bucketTime: signInBurst * signInTime)
    }

    /// Takes a try. Whose password is right gets it back: only wrong ones count, but all that are under way do, or
    /// many at once would be free. Parameters and result as ``take(_:high:low:now:)``.
    public func takeTry(_ options: RouteOptions, high: UInt64, low: UInt64, now: UInt64) -> UInt64 {
        take(Self.limit(options), high: high, low: low, now: now)
    }

    public func giveTryBack(_ options: RouteOptions, high: UInt64, low: UInt64, now: UInt64) {
        giveBack(Self.limit(options), high: high, low: low, now: now)
    }
}
