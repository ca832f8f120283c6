public import Accounts
import Foundation
import HTTPTypes
import KontainersConfiguration
import Store

/// Signing in and out, the own account, and the first one.
///
/// A browser keeps the refresh token in a cookie that no script reads and no other site has sent along; programs get it
/// in the body. Nothing else is done by cookie: every other request carries its bearer token itself.
public struct AuthOperations: Sendable {
    let accounts: AccountDesk
    /// Whether anybody may make an account: read at each request.
    let isOpen: @Sendable () async -> Bool

    public init(_ accounts: AccountDesk, isOpen: @escaping @Sendable () async -> Bool) {
        self.accounts = accounts
        self.isOpen = isOpen
    }

    static let cookie = "__Host-kontainers"
    private static let password = JSONSchema.text(1...256)
    static let username = JSONSchema.line(1...64)
    static let email = JSONSchema.text(3...254, form: .email)
    private static let code = JSONSchema.Shape.Field("code", .line(6...6), says: "Of the second factor.")
    private static let isCookie = JSONSchema.Shape.Field(
        "cookie", .boolean, says: "Whether the refresh token is set as a cookie; standard: true. Else it is answered.")
    static let grant = JSONSchema.named(
        "Grant",
        .object(
            .init([
                .init("success", .boolean, isRequired: true),
                .init("token", .text(1...4_096), isRequired: true, says: "For Authorization: Bearer."),
                .init("expiresIn", .count, isRequired: true, says: "Seconds."),
                .init("refreshToken", .text(1...128), says: "For the next token; good once."),
                .init("user", UserOperations.user, isRequired: true),
            ])))

    public var all: [Operation] { entering + own + sessions }

    // MARK: - Entering

    private var entering: [Operation] {
        [
            open(
                "login", "/api/auth/login", "Signs in with name and password.",
                [
                    .init("username", Self.username, isRequired: true),
                    .init("password", Self.password, isRequired: true),
                    Self.code, Self.isCookie,
                ],
                [.init(.ok, "A token, and a cookie for the next.", Self.grant)], audit: "auth.login"
            ) { call in
                let grant = try await accounts.logIn(
                    username: call.text("username"), password: call.text("password"), code: call.body["code"]?.text,
                    address: call.address, agent: call.fields[.userAgent] ?? "")
                return answer(grant, call)
            },
            open(
                "refresh", "/api/auth/refresh", "A new token for the refresh token of the cookie, or of the body.",
                [.init("refreshToken", .text(1...128)), Self.isCookie],
                [.init(.ok, "A token, and a cookie for the next.", Self.grant)]
            ) { call in
                guard let token = call.body["refreshToken"]?.text ?? Self.token(in: call) else {
                    throw AccountDesk.Refusal.sessionEnded
                }
                return answer(try await accounts.refresh(token), call)
            },
            open(
                "register", "/api/auth/register", "Makes an account, where an administrator opened that.",
                [
                    .init("username", Self.username, isRequired: true), .init("email", Self.email, isRequired: true),
                    .init("password", Self.password, isRequired: true),
                ],
                [.init(.created, "It is there; sign in.", Self.success)], problems: [.forbidden, .conflict],
                audit: "auth.register"
            ) { call in
                guard await isOpen() else {
                    throw Problem(
                        .forbidden, "nobody registers here; an administrator makes accounts",
                        code: "registration-closed")
                }
                let user = try await accounts.addUser(
                    username: call.text("username"), email: call.text("email"), password: call.text("password"),
                    role: .user)
                var answer = Answer(.created, Success())
                answer.note.object = user.username
                return answer
            },
            Operation(
                "getSetup", .get, "/api/auth/setup", .open, "Whether the first administrator is yet to be made.",
                outcomes: [
                    .init(.ok, "Whether.", .object(.init([.init("needed", .boolean, isRequired: true)])))
                ]
            ) { _ in Answer(.ok, ["needed": !(try await accounts.store.hasUsers())]) },
            open(
                "setUp", "/api/auth/setup", "Makes the first administrator by the link that was printed.",
                [
                    .init("secret", .line(1...128), isRequired: true),
                    .init("username", Self.username, isRequired: true),
                    .init("email", Self.email, isRequired: true), .init("password", Self.password, isRequired: true),
                    Self.isCookie,
                ],
                [.init(.created, "A token, and a cookie for the next.", Self.grant)],
                problems: [.forbidden], audit: "auth.setup"
            ) { call in
                let grant = try await accounts.setUp(
                    secret: call.text("secret"), username: call.text("username"), email: call.text("email"),
                    password: call.text("password"), address: call.address, agent: call.fields[.userAgent] ?? "")
                return answer(grant, call, .created)
            },
        ]
    }

    private func open(
        _ id: String, _ path: String, _ summary: String, _ fields: [JSONSchema.Shape.Field],
        _ outcomes: [Operation.Outcome], problems: [HTTPResponse.Status] = [], audit: String? = nil,
        run: @escaping Operation.Run
    ) -> Operation {
        var operation = Operation(
            id, .post, path, .open, summary, body: .object(.init(fields)), outcomes: outcomes,
            problems: [.unauthorized] + problems, audit: audit, run: run)
        operation.bodyLimit = 16 << 10
        operation.isBodyOptional = fields.allSatisfy { !$0.isRequired }
        return operation
    }

    // MARK: - The own account

    private var own: [Operation] {
        [
            Operation(
                "getMe", .get, "/api/auth/me", .role(.viewer, .rulesRead), "Who asks.",
                outcomes: [
                    .init(
                        .ok, "Name, role, and what a token may.",
                        .named(
                            "Me",
                            .object(
                                .init([
                                    .init("id", .identifier, isRequired: true),
                                    .init("username", .line(1...255), isRequired: true),
                                    .init("role", .choice(Role.allCases.map(\.rawValue)), isRequired: true),
                                    .init("scopes", .list(.line(1...64), limit: 64)),
                                    .init("totp", .boolean, isRequired: true, says: "Whether a code is asked for."),
                                ]))))
                ]
            ) { call in
                guard let principal = call.principal else { throw Problem.missing("principal") }
                let user = try await accounts.store.user(principal.id)
                return Answer(
                    .ok,
                    Me(
                        id: principal.id, username: principal.name, role: principal.role,
                        scopes: principal.scopes.map { $0.map(\.rawValue).sorted() },
                        totp: user?.totpSecret != nil))
            },
            session(
                "changePassword", .put, "/api/auth/password", "Another password; other sessions end.",
                [
                    .init("current", Self.password, isRequired: true),
                    .init("password", Self.password, isRequired: true),
                ],
                audit: "auth.password"
            ) { call, principal, session in
                try await requirePassword(call.text("current"), of: principal)
                _ = try await accounts.changeUser(
                    principal.id, keeping: session, password: call.text("password")
                ) { _ in }
                return .nothing
            },
            session(
                "offerTOTP", .post, "/api/auth/totp", "A secret for an authenticator, to be confirmed by a code.",
                [.init("current", Self.password, isRequired: true, says: "The password.")], audit: "auth.totp.offer",
                outcomes: [
                    .init(
                        .ok, "Once only.",
                        .object(
                            .init([
                                .init("secret", .line(1...128), isRequired: true),
                                .init("address", .text(1...1_000), isRequired: true, says: "otpauth:, for a picture."),
                            ])))
                ]
            ) { call, principal, _ in
                try await requirePassword(call.text("current"), of: principal)
                let secret = try await accounts.offerTOTP(principal.id)
                return Answer(
                    .ok, ["secret": secret, "address": TOTP.address(secret: secret, user: principal.name)])
            },
            session(
                "confirmTOTP", .post, "/api/auth/totp/confirm", "From now on a code is asked for.",
                [.init("code", .line(6...6), isRequired: true)], audit: "auth.totp.confirm"
            ) { call, principal, _ in
                try await accounts.confirmTOTP(principal.id, code: call.text("code"))
                return .nothing
            },
            session(
                "removeTOTP", .post, "/api/auth/totp/remove", "No code is asked for any more.",
                [.init("current", Self.password, isRequired: true, says: "The password.")], audit: "auth.totp.remove"
            ) { call, principal, _ in
                try await requirePassword(call.text("current"), of: principal)
                try await accounts.removeTOTP(principal.id)
                return .nothing
            },
        ]
    }

    // MARK: - Sessions

    private var sessions: [Operation] {
        [
            session("logout", .post, "/api/auth/logout", "Ends this session.", [], audit: "auth.logout") {
                _, _, session in
                _ = try await accounts.endSessions(id: session)
                return Answer(.noContent, fields: [.setCookie: Self.setCookie("", seconds: 0)])
            },
            session(
                "listSessions", .get, "/api/auth/sessions", "The own sessions, the newest first.", [],
                outcomes: [.init(.ok, "Sessions.", .list(UserOperations.session, limit: 1_000))]
            ) { _, principal, session in
                let sessions = try await accounts.store.sessions(of: principal.id)
                return Answer(.ok, sessions.map { UserOperations.SessionDocument($0, isCurrent: $0.id == session) })
            },
            session(
                "endSession", .delete, "/api/auth/sessions/{id}", "Ends one of the own sessions.", [],
                problems: [.notFound], audit: "auth.session.end"
            ) { call, principal, _ in
                guard try await accounts.endSessions(of: principal.id, id: call.name("id")) > 0 else {
                    throw Problem.missing("such session")
                }
                return .nothing
            },
        ]
    }

    private func session(
        _ id: String, _ method: HTTPRequest.Method, _ path: String, _ summary: String,
        _ fields: [JSONSchema.Shape.Field], problems: [HTTPResponse.Status] = [], audit: String? = nil,
        outcomes: [Operation.Outcome] = [.init(.noContent, "Done.")],
        run: @escaping @Sendable (Call, Principal, String) async throws -> Answer
    ) -> Operation {
        Operation(
            id, method, path, .session, summary, body: fields.isEmpty ? nil : .object(.init(fields)),
            outcomes: outcomes, problems: problems, audit: audit
        ) { call in
            guard let principal = call.principal, case .session(let session) = principal.way else {
                throw Problem(.forbidden, "this is for whoever signed in with a password")
            }
            return try await run(call, principal, session)
        }
    }

    /// Who found an open browser has no password.
    private func requirePassword(_ password: String, of principal: Principal) async throws {
        guard let user = try await accounts.store.user(principal.id),
            try await accounts.verify(password, user.passwordHash)
        else {
            throw Problem(
                .forbidden, "the password is wrong",
                errors: [
                    .init("/current", found: "found another password", wanted: "wanted the one that is in force")
                ], code: "wrong")
        }
    }

    // MARK: - Parts

    private struct Success: Encodable { var success = true }
    private static let success = JSONSchema.object(.init([.init("success", .boolean, isRequired: true)]))

    private struct Me: Encodable {
        var id: String
        var username: String
        var role: Role
        var scopes: [String]?
        var totp: Bool
    }

    private struct GrantDocument: Encodable {
        var success = true
        var token: String
        var expiresIn: Int64
        var refreshToken: String?
        var user: UserOperations.UserDocument
    }

    private func answer(_ grant: AccountDesk.Grant, _ call: Call, _ status: HTTPResponse.Status = .ok) -> Answer {
        let isCookie = call.body["cookie"]?.boolean ?? (call.body["refreshToken"] == nil)
        var answer = Answer(
            status,
            GrantDocument(
                token: grant.access, expiresIn: grant.accessLifetime, refreshToken: isCookie ? nil : grant.refresh,
                user: .init(grant.user)))
        if isCookie { answer.fields[.setCookie] = Self.setCookie(grant.refresh, seconds: grant.refreshLifetime) }
        answer.note.object = grant.user.username
        return answer
    }

    /// RFC 6265bis: `__Host-` holds it to this host alone.
    private static func setCookie(_ value: String, seconds: Int64) -> String {
        "\(cookie)=\(value); Path=/; Max-Age=\(seconds); Secure; HttpOnly; SameSite=Strict"
    }

    /// Sent along only by pages of this very origin: browsers say so, and what they say is looked at.
    private static func token(in call: Call) -> String? {
        if let site = call.fields[HTTPField.Name("sec-fetch-site")!], site != "same-origin", site != "none" {
            return nil
        }
        for part in (call.fields[.cookie] ?? "").split(separator: ";") {
            let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0] == cookie { return String(pair[1]) }
        }
        return nil
    }
}

extension Call {
    func text(_ field: String) -> String { body[field]?.text ?? "" }
}
