/// Who may use a rule, by name and password (RFC 7617).
public struct BasicAuth: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case realm, users, forward }

    public struct User: Equatable, Sendable, Codable {
        public var name: String
        /// bcrypt: `$2a$`, `$2b$` or `$2y$`.
        public var hash: String

        public init(_ name: String, _ hash: String) {
            self.name = name
            self.hash = hash
        }
    }

    /// What browsers show, and by which they tell one place to sign in from another.
    public var realm: String
    public var users: [User]
    /// Whether the upstream gets the name and password too.
    public var forward: Bool

    public static let standardRealm = "restricted"
    /// Users of one rule.
    public static let userLimit = 256
    /// Bytes of a user's name.
    public static let nameLimit = 128
    /// Bytes of a realm.
    public static let realmLimit = 128
    /// Bytes of a hash, always.
    public static let hashCount = 60
    /// The base-2 logarithm of bcrypt's rounds. Each step doubles the time: 14 takes about a second.
    public static let costs = 4...14

    public init(realm: String = standardRealm, users: [User], forward: Bool = false) {
        self.realm = realm
        self.users = users
        self.forward = forward
    }

    /// What keeps it from being used.
    public func check() throws(OptionFault) {
        try Self.check(realm: realm)
        guard (1...Self.userLimit).contains(users.count) else {
            throw OptionFault(
                found: "found \(users.count) users in basicAuth", wanted: "wanted 1 to \(Self.userLimit)")
        }
        var names: Set<String> = []
        for user in users {
            try user.check()
            guard names.insert(user.name).inserted else {
                throw OptionFault(found: "found \(user.shown) twice", wanted: "wanted each name once")
            }
        }
    }

    public static func check(realm: String) throws(OptionFault) {
        guard (1...realmLimit).contains(realm.utf8.count),
            realm.utf8.allSatisfy({ (0x20...0x7e).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
            )
        else {
            throw OptionFault(
                found: "found a realm that cannot be sent",
                wanted: "wanted 1 to \(realmLimit) printable ASCII characters without \" and \\")
        }
    }
}

extension BasicAuth.User {
    /// What keeps the user from signing in. The hash is never told again: it may be a password.
    public func check() throws(OptionFault) {
        guard (1...BasicAuth.nameLimit).contains(name.utf8.count),
            name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: ":") })
        else {
            throw OptionFault(
                found: "found a user's name that nobody can sign in with",
                wanted: "wanted 1 to \(BasicAuth.nameLimit) bytes without \":\" and control characters (RFC 7617 §2)")
        }
        let bytes = Array(hash.utf8)
        if hash.utf8.starts(with: "$$".utf8) {
            throw OptionFault(
                found: "found a hash of \(shown) with \"$$\"",
                wanted: "wanted each \"$\" once: only in compose files it is doubled")
        }
        let isBcrypt = ["$2a$", "$2b$", "$2y$"].contains { hash.utf8.starts(with: $0.utf8) }
        guard isBcrypt else { throw otherThanBcrypt() }
        let digits = bytes.count > 6 && bytes[6] == UInt8(ascii: "$") ? bytes[4..<6] : []
        guard bytes.count == BasicAuth.hashCount, digits.count == 2, digits.allSatisfy(Self.isDigit),
            bytes[7...].allSatisfy(Self.isLetter)
        else {
            throw OptionFault(
                found: "found a bcrypt hash of \(shown) with something missing or added (\(bytes.count) bytes)",
                wanted: "wanted all \(BasicAuth.hashCount) bytes of it; in a compose file each \"$\" is written \"$$\"")
        }
        let cost = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        guard BasicAuth.costs.contains(cost) else {
            throw OptionFault(
                found: "found a bcrypt hash of \(shown) with cost \(cost)",
                wanted: "wanted 4 to 14: each step doubles the time, and 14 takes about a second")
        }
    }

    /// For a person to read: nothing in it may turn a terminal's writing.
    var shown: String { name.utf8.allSatisfy { (0x20...0x7e).contains($0) } ? "user \"\(name)\"" : "a user" }

    private func otherThanBcrypt() -> OptionFault {
        let other = ["$apr1$", "$1$", "$5$", "$6$", "$y$", "$2x$", "$7$", "$argon2", "{SHA}", "{SSHA}", "{PLAIN}"].first
        {
            hash.utf8.starts(with: $0.utf8)
        }
        guard let other else {
            return OptionFault(
                found: "found no hash of \(shown), perhaps the password itself",
                wanted: "wanted its bcrypt hash, such as \"htpasswd -nB NAME\" prints; in a compose file each \"$\" "
                    + "is written \"$$\"")
        }
        return OptionFault(
            found: "found a hash of \(shown) of another kind (\(other))",
            wanted: "wanted bcrypt ($2b$ or $2y$), such as \"htpasswd -nB NAME\" prints")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    /// Of bcrypt's own base 64.
    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."),
            UInt8(ascii: "/"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}

extension BasicAuth: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            realm: try values.decodeIfPresent(String.self, forKey: .realm) ?? Self.standardRealm,
            users: try values.decode([User].self, forKey: .users),
            forward: try values.decodeIfPresent(Bool.self, forKey: .forward) ?? false)
    }
}
