public import Store

/// Who asks, as it was found out.
public struct Principal: Equatable, Sendable {
    public enum Way: Equatable, Sendable {
        /// Over this machine's socket, as root or control's own user.
        case socket
        case session(id: String)
        case token(id: String)
    }

    public var way: Way
    /// A user's id; of the socket `local`.
    public var id: String
    public var name: String
    public var role: Role
    /// What a token is good for; of everything else `nil`: all that the role may.
    public var scopes: Set<Scope>?

    public init(way: Way, id: String, name: String, role: Role, scopes: Set<Scope>? = nil) {
        self.way = way
        self.id = id
        self.name = name
        self.role = role
        self.scopes = scopes
    }

    public static let local = Principal(
        way: .socket, id: Author.local.id, name: Author.local.name, role: .admin)

    public var author: Author { Author(id: id, name: name) }
}

/// What an API token can be good for.
public enum Scope: String, Sendable, Codable, CaseIterable {
    case rulesRead = "rules:read"
    case rulesWrite = "rules:write"
    case endpointsWrite = "endpoints:write"
    case containersRead = "containers:read"
    case containersWrite = "containers:write"
    case systemRead = "system:read"
    case systemWrite = "system:write"
    case accountsRead = "accounts:read"
    case accountsWrite = "accounts:write"
    case auditRead = "audit:read"
    case metricsRead = "metrics:read"
}
