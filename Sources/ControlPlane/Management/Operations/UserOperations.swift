public import Accounts
import Foundation
import HTTPTypes
import KontainersConfiguration
import Store

/// Accounts and their API tokens.
public struct UserOperations: Sendable {
    let accounts: AccountDesk

    public init(_ accounts: AccountDesk) { self.accounts = accounts }

    private static let role = JSONSchema.choice(Role.allCases.map(\.rawValue))
    static let user = JSONSchema.named(
        "User",
        .object(
            .init([
                .init("id", .identifier, isRequired: true), .init("username", .line(1...64), isRequired: true),
                .init("email", .text(1...254), isRequired: true), .init("role", role, isRequired: true),
                .init("disabled", .boolean, isRequired: true),
                .init("totp", .boolean, isRequired: true, says: "Whether a code is asked for."),
                .init("createdAt", .time, isRequired: true), .init("updatedAt", .time, isRequired: true),
                .init("lastLogin", .time),
            ])))
    static let session = JSONSchema.named(
        "Session",
        .object(
            .init([
                .init("id", .identifier, isRequired: true), .init("created", .time, isRequired: true),
                .init("refreshed", .time, isRequired: true), .init("expires", .time, isRequired: true),
                .init("address", .text(0...100), isRequired: true), .init("agent", .text(0...200), isRequired: true),
                .init("current", .boolean, isRequired: true, says: "Whether it is the one that asks."),
            ])))
    private static let token = JSONSchema.named(
        "Token",
        .object(
            .init([
                .init("id", .identifier, isRequired: true), .init("userId", .identifier, isRequired: true),
                .init("name", .line(1...64), isRequired: true),
                .init("scopes", .list(.choice(Scope.allCases.map(\.rawValue)), limit: 64), isRequired: true),
                .init("created", .time, isRequired: true), .init("expires", .time), .init("used", .time),
                .init("secret", .text(1...128), says: "Told once, when it is made."),
            ])))

    public var all: [Operation] { users + tokens }

    private static let writable: [JSONSchema.Shape.Field] = [
        .init("username", AuthOperations.username), .init("email", AuthOperations.email), .init("role", role),
        .init("password", .text(1...256)), .init("disabled", .boolean),
        .init("totp", .boolean, says: "false takes the second factor away."),
    ]

    private var users: [Operation] {
        let missing: [HTTPResponse.Status] = [.notFound]
        return [
            Operation(
                "listUsers", .get, "/api/users", .role(.admin, .accountsRead), "Accounts, by name.",
                outcomes: [.init(.ok, "Users.", .list(Self.user, limit: 100_000))]
            ) { _ in Answer(.ok, try await accounts.store.users().map(UserDocument.init)) },
            Operation(
                "getUser", .get, "/api/users/{id}", .role(.admin, .accountsRead), "One account.",
                outcomes: [.init(.ok, "The user.", Self.user)], problems: missing
            ) { call in
                guard let user = try await accounts.store.user(call.name("id")) else { throw AccountFault.missing }
                return Answer(.ok, UserDocument(user))
            },
            Operation(
                "createUser", .post, "/api/users", .role(.admin, .accountsWrite), "Makes an account.",
                body: .named(
                    "NewUser",
                    .object(
                        .init([
                            .init("username", AuthOperations.username, isRequired: true),
                            .init("email", AuthOperations.email, isRequired: true),
                            .init("password", .text(1...256), isRequired: true),
                            .init("role", Self.role, isRequired: true),
                        ]))), outcomes: [.init(.created, "It is there.", Self.user)], problems: [.conflict],
                audit: "user.create"
            ) { call in
                let user = try await accounts.addUser(
                    username: call.text("username"), email: call.text("email"), password: call.text("password"),
                    role: Role(rawValue: call.text("role")) ?? .viewer)
                return Self.answer(user, .created, before: nil)
            },
            Operation(
                "updateUser", .put, "/api/users/{id}", .role(.admin, .accountsWrite),
                "Changes the fields that are sent. Another password, or disabling, ends its sessions.",
                body: .named("UserChange", .object(.init(Self.writable))),
                outcomes: [.init(.ok, "As it is now.", Self.user)],
                problems: missing + [.conflict], audit: "user.update", run: update),
            Operation(
                "deleteUser", .delete, "/api/users/{id}", .role(.admin, .accountsWrite),
                "Takes an account away, with its sessions and tokens.", outcomes: [.init(.noContent, "It is gone.")],
                problems: missing + [.conflict], audit: "user.delete"
            ) { call in
                let before = try await accounts.store.user(call.name("id"))
                try await accounts.removeUser(call.name("id"))
                var answer = Answer.nothing
                answer.note.object = before?.username ?? ""
                answer.note.before = try before.map { try JSONValue(encoding: UserDocument($0)) }
                return answer
            },
            Operation(
                "listUserSessions", .get, "/api/users/{id}/sessions", .role(.admin, .accountsRead),
                "Where a user is signed in.", outcomes: [.init(.ok, "Sessions.", .list(Self.session, limit: 1_000))]
            ) { call in
                let sessions = try await accounts.store.sessions(of: call.name("id"))
                return Answer(.ok, sessions.map { SessionDocument($0, isCurrent: false) })
            },
            Operation(
                "endUserSessions", .delete, "/api/users/{id}/sessions", .role(.admin, .accountsWrite),
                "Signs a user out everywhere.", outcomes: [.init(.noContent, "They have ended.")],
                audit: "user.sessions.end"
            ) { call in
                _ = try await accounts.endSessions(of: call.name("id"))
                var answer = Answer.nothing
                answer.note.object = call.name("id")
                return answer
            },
        ]
    }

    private func update(_ call: Call) async throws -> Answer {
        let id = call.name("id")
        guard let before = try await accounts.store.user(id) else { throw AccountFault.missing }
        let body = call.body
        let keeps: String? = if case .session(let session)? = call.principal?.way { session } else { nil }
        let user = try await accounts.changeUser(id, keeping: keeps, password: body["password"]?.text) { user in
            user.username = body["username"]?.text ?? user.username
            user.email = body["email"]?.text ?? user.email
            user.role = body["role"]?.text.flatMap(Role.init) ?? user.role
            user.isDisabled = body["disabled"]?.boolean ?? user.isDisabled
            if body["totp"]?.boolean == false { (user.totpSecret, user.totpPending, user.totpStep) = (nil, nil, 0) }
        }
        return Self.answer(user, .ok, before: before)
    }

    private static func answer(_ user: User, _ status: HTTPResponse.Status, before: User?) -> Answer {
        var answer = Answer(status, UserDocument(user))
        if status == .created { answer.fields[.location] = "/api/users/\(user.id)" }
        answer.note.object = user.username
        answer.note.before = before.flatMap { try? JSONValue(encoding: UserDocument($0)) }
        answer.note.after = try? JSONValue(encoding: UserDocument(user))
        return answer
    }

    // MARK: - Tokens

    private var tokens: [Operation] {
        [
            Operation(
                "listTokens", .get, "/api/tokens", .role(.viewer, .accountsRead),
                "The own API tokens; an administrator's list has everybody's.",
                outcomes: [.init(.ok, "Tokens, without their secrets.", .list(Self.token, limit: 100_000))]
            ) { call in
                let tokens = try await accounts.store.tokens(of: Self.owner(call))
                return Answer(.ok, tokens.map { TokenDocument($0) })
            },
            Operation(
                "createToken", .post, "/api/tokens", .session, "Makes an API token for whoever asks.",
                body: .named(
                    "NewToken",
                    .object(
                        .init([
                            .init("name", .line(1...64), isRequired: true),
                            .init(
                                "scopes", .list(.choice(Scope.allCases.map(\.rawValue)), limit: 64), isRequired: true),
                            .init("expiresIn", .integer(60...315_360_000), says: "Seconds; without it never."),
                        ]))), outcomes: [.init(.created, "With its secret, told once.", Self.token)],
                problems: [.conflict], audit: "token.create"
            ) { call in
                let scopes = (call.body["scopes"]?.list ?? []).compactMap { $0.text.flatMap(Scope.init) }
                let expires = call.body["expiresIn"]?.integer.map { Milliseconds.now + Milliseconds($0) * 1_000 }
                let (token, secret) = try await accounts.addToken(
                    user: call.author.id, name: call.text("name"), scopes: Set(scopes), expires: expires)
                var answer = Answer(
                    .created, TokenDocument(token, secret: secret), fields: [.location: "/api/tokens/\(token.id)"])
                answer.note.object = token.name
                answer.note.after = try JSONValue(encoding: TokenDocument(token))
                return answer
            },
            Operation(
                "deleteToken", .delete, "/api/tokens/{id}", .role(.viewer, .accountsWrite),
                "Revokes an own token; an administrator any.", outcomes: [.init(.noContent, "It is gone.")],
                problems: [.notFound], audit: "token.delete"
            ) { call in
                guard try await accounts.removeToken(call.name("id"), of: Self.owner(call)) else {
                    throw Problem.missing("such token")
                }
                var answer = Answer.nothing
                answer.note.object = call.name("id")
                return answer
            },
        ]
    }

    /// `nil`: everybody's.
    private static func owner(_ call: Call) -> String? {
        call.principal?.role == .admin ? nil : call.author.id
    }

    // MARK: - Documents

    struct UserDocument: Encodable {
        var id: String
        var username: String
        var email: String
        var role: Role
        var disabled: Bool
        var totp: Bool
        var createdAt: Int64
        var updatedAt: Int64
        var lastLogin: Int64?

        init(_ user: User) {
            id = user.id
            username = user.username
            email = user.email
            role = user.role
            disabled = user.isDisabled
            totp = user.totpSecret != nil
            createdAt = user.createdAt
            updatedAt = user.updatedAt
            lastLogin = user.lastLogin
        }
    }

    struct SessionDocument: Encodable {
        var id: String
        var created: Int64
        var refreshed: Int64
        var expires: Int64
        var address: String
        var agent: String
        var current: Bool

        init(_ session: Session, isCurrent: Bool) {
            id = session.id
            created = session.created
            refreshed = session.refreshed
            expires = session.expires
            address = session.address
            agent = session.agent
            current = isCurrent
        }
    }

    private struct TokenDocument: Encodable {
        var id: String
        var userId: String
        var name: String
        var scopes: [String]
        var created: Int64
        var expires: Int64?
        var used: Int64?
        var secret: String?

        init(_ token: APIToken, secret: String? = nil) {
            id = token.id
            userId = token.userID
            name = token.name
            scopes = token.scopes
            created = token.created
            expires = token.expires
            used = token.used
            self.secret = secret
        }
    }
}
