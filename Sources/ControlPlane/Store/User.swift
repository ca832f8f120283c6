public import Foundation

/// What somebody may do.
public enum Role: String, Sendable, Codable, CaseIterable, Comparable {
    /// Looks.
    case viewer
    /// Changes rules and runs containers.
    case user
    /// Everything, accounts and settings too.
    case admin

    private var rank: Int {
        switch self {
        case .viewer: 0
        case .user: 1
        case .admin: 2
        }
    }

    public static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }
}

/// An account.
public struct User: Equatable, Sendable {
    public var id: String
    /// Unique.
    public var username: String
    public var email: String
    /// In crypt(5)'s form.
    public var passwordHash: String
    public var role: Role
    /// Milliseconds since 1970.
    public var createdAt: Int64
    public var updatedAt: Int64
    public var isDisabled = false
    /// The second factor's secret in base32; `pending` until its first code was right.
    public var totpSecret: String?
    public var totpPending: String?
    /// The step of the last code that was taken: none is taken twice.
    public var totpStep: Int64 = 0
    public var lastLogin: Int64?

    public init(
        id: String, username: String, email: String, passwordHash: String, role: Role, createdAt: Int64
    ) {
        self.id = id
        self.username = username
        self.email = email
        self.passwordHash = passwordHash
        self.role = role
        self.createdAt = createdAt
        updatedAt = createdAt
    }
}

/// A login that goes on.
public struct Session: Equatable, Sendable {
    public var id: String
    public var userID: String
    /// SHA-256 of the refresh token, and of the one before it: who shows that one has a copy.
    public var refreshDigest: Data
    public var formerDigest: Data?
    public var created: Int64
    public var refreshed: Int64
    public var expires: Int64
    public var address: String
    public var agent: String

    public init(
        id: String, userID: String, refreshDigest: Data, created: Int64, expires: Int64, address: String, agent: String
    ) {
        self.id = id
        self.userID = userID
        self.refreshDigest = refreshDigest
        self.created = created
        refreshed = created
        self.expires = expires
        self.address = address
        self.agent = agent
    }
}

/// A program's way in.
public struct APIToken: Equatable, Sendable {
    public var id: String
    public var userID: String
    public var name: String
    /// SHA-256.
    public var digest: Data
    public var scopes: [String]
    public var created: Int64
    /// Milliseconds since 1970; `nil`: never.
    public var expires: Int64?
    public var used: Int64?

    public init(
        id: String, userID: String, name: String, digest: Data, scopes: [String], created: Int64, expires: Int64?
    ) {
        self.id = id
        self.userID = userID
        self.name = name
        self.digest = digest
        self.scopes = scopes
        self.created = created
        self.expires = expires
    }
}
