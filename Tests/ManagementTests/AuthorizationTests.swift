import Accounts
import Foundation
import HTTPTypes
import KontainersConfiguration
import Store
import TestKit
import Testing

@testable import Management

/// Every operation asked by everybody there is.
@Suite("Who may do what", .timeLimit(.minutes(2)))
struct AuthorizationTests {
    /// A target of the operation's place, with names that nobody has.
    private func target(_ operation: Management.Operation) -> String {
        operation.path.split(separator: "/").map { $0.hasPrefix("{") ? "9999" : String($0) }
            .reduce("") { $0 + "/" + $1 }
    }

    @Test("every operation lets in whom its place in the table says, and nobody else")
    func table() async throws {
        let fixture = try await InterfaceFixture()
        let (admin, adminUser) = try await fixture.signIn(.admin)
        let (user, _) = try await fixture.signIn(.user)
        let (viewer, _) = try await fixture.signIn(.viewer)
        let (revoked, revokedUser) = try await fixture.signIn(.admin)
        _ = try await fixture.accounts.endSessions(of: revokedUser.id)
        let (_, powerless) = try await fixture.accounts.addToken(
            user: adminUser.id, name: "none", scopes: [], expires: nil)
        let (_, powerful) = try await fixture.accounts.addToken(
            user: adminUser.id, name: "all", scopes: Set(Scope.allCases), expires: nil)
        let (_, expired) = try await fixture.accounts.addToken(
            user: adminUser.id, name: "old", scopes: Set(Scope.allCases), expires: 1)
        let forged = admin.split(separator: ".").dropLast().joined(separator: ".") + ".AAAA"

        for operation in fixture.operations where operation.id != "logout" {
            func status(_ token: String?) async -> Int {
                let body = operation.body == nil ? nil : "{}"
                return await fixture.ask(operation.method, target(operation), body, token: token).status
            }
            func isLetIn(_ status: Int) -> Bool { status != 401 && status != 403 }
            let nobodies = [await status(""), await status("nonsense"), await status(forged)]
            let gone = [await status(revoked), await status(expired)]
            switch operation.access {
            case .open:
                #expect(operation.audit != nil || isLetIn(nobodies[0]) || operation.id == "refresh", "\(operation.id)")
            case .session:
                #expect(nobodies + gone == [401, 401, 401, 401, 401], "\(operation.id)")
                for token in [admin, user, viewer] {
                    let status = await status(token)
                    #expect(isLetIn(status) || operation.body != nil, "\(operation.id): \(status)")
                }
                #expect(await status(powerful) == 403, "\(operation.id)")
                #expect(await status(nil) == 403, "\(operation.id)")
            case .role(let role, _):
                #expect(nobodies + gone == [401, 401, 401, 401, 401], "\(operation.id)")
                for (token, has) in [(viewer, Role.viewer), (user, .user), (admin, .admin)] {
                    let status = await status(token)
                    #expect(isLetIn(status) == (has >= role), "\(operation.id) by \(has): \(status)")
                }
                #expect(await status(powerless) == 403, "\(operation.id)")
                #expect(isLetIn(await status(powerful)), "\(operation.id)")
                #expect(isLetIn(await status(nil)), "\(operation.id)")
            }
        }
    }

    @Test("a user who loses a role loses what it could do at once")
    func demotion() async throws {
        let fixture = try await InterfaceFixture()
        _ = try await fixture.signIn(.admin)
        let (token, user) = try await fixture.signIn(.user)
        #expect(await fixture.ask(.post, "/api/proxy/rules", InterfaceFixture.rule("a"), token: token).status == 202)
        let changed = await fixture.ask(.put, "/api/users/\(user.id)", #"{"role":"viewer"}"#)
        #expect(changed.status == 200 && changed.json["role"]?.text == "viewer")
        #expect(await fixture.ask(.post, "/api/proxy/rules", InterfaceFixture.rule("b"), token: token).status == 403)
        #expect(await fixture.ask(.get, "/api/proxy/rules", token: token).status == 200)
        _ = await fixture.ask(.put, "/api/users/\(user.id)", #"{"disabled":true}"#)
        #expect(await fixture.ask(.get, "/api/proxy/rules", token: token).status == 401)
    }

    @Test("names of operations and places are unique, and every change is in the audit")
    func operations() async throws {
        let operations = try await InterfaceFixture().operations
        #expect(Set(operations.map(\.id)).count == operations.count)
        #expect(Set(operations.map { "\($0.method) \($0.path)" }).count == operations.count)
        for operation in operations where operation.method != .get {
            let isSilent = ["refresh", "explain"].contains(operation.id)
            #expect((operation.audit == nil) == isSilent, "\(operation.id)")
        }
    }

    @Test("signing in sets a cookie that only this host's own pages send, and a used one ends the session")
    func cookies() async throws {
        let fixture = try await InterfaceFixture()
        let (_, user) = try await fixture.signIn(.viewer)
        let login = #"{"username":"\#(user.username)","password":"\#(InterfaceFixture.password)"}"#
        let granted = await fixture.ask(.post, "/api/auth/login", login, token: "")
        #expect(granted.status == 200 && granted.json["refreshToken"] == nil)
        let cookie = try #require(granted.fields[.setCookie])
        #expect(cookie.hasPrefix("__Host-kontainers="))
        for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] { #expect(cookie.contains(part)) }
        #expect(!cookie.contains("Domain"))
        let pair = String(cookie.prefix { $0 != ";" })
        let elsewhere = await fixture.ask(
            .post, "/api/auth/refresh", token: "",
            fields: [.cookie: pair, HTTPField.Name("sec-fetch-site")!: "cross-site"])
        #expect(elsewhere.status == 401)
        // A cookie opens nothing by itself.
        #expect(await fixture.ask(.get, "/api/auth/me", token: "", fields: [.cookie: pair]).status == 401)
        let next = await fixture.ask(.post, "/api/auth/refresh", token: "", fields: [.cookie: pair])
        #expect(next.status == 200)
        let token = try #require(next.json["token"]?.text)
        #expect(await fixture.ask(.get, "/api/auth/me", token: token).json["username"]?.text == user.username)
        #expect(await fixture.ask(.post, "/api/auth/refresh", token: "", fields: [.cookie: pair]).status == 401)
        #expect(await fixture.ask(.get, "/api/auth/me", token: token).status == 401)
    }

    @Test("setup, registration and passwords as a client meets them")
    func entering() async throws {
        let fixture = try await InterfaceFixture()
        #expect(await fixture.ask(.get, "/api/auth/setup", token: "").json["needed"]?.boolean == true)
        #expect(await fixture.ask(.post, "/api/system/setup-link", token: "").status == 401)
        let link = await fixture.ask(.post, "/api/system/setup-link")
        let secret = try #require(link.json["secret"]?.text)
        let weak = await fixture.ask(
            .post, "/api/auth/setup",
            #"{"secret":"\#(secret)","username":"ann","email":"a@b.test","password":"short"}"#, token: "")
        #expect(weak.status == 422 && weak.json["errors"]?.list?.first?["pointer"]?.text == "/password")
        let made = await fixture.ask(
            .post, "/api/auth/setup",
            #"{"secret":"\#(secret)","username":"ann","email":"a@b.test","password":"a river of stones"}"#, token: "")
        #expect(made.status == 201 && made.json["user"]?["role"]?.text == "admin")
        let token = try #require(made.json["token"]?.text)
        #expect(await fixture.ask(.post, "/api/system/setup-link").status == 409)
        let register = #"{"username":"eve","email":"e@b.test","password":"a river of stones"}"#
        #expect(await fixture.ask(.post, "/api/auth/register", register, token: "").status == 403)
        #expect(await fixture.ask(.put, "/api/system/config", #"{"registration":true}"#, token: token).status == 200)
        #expect(await fixture.ask(.post, "/api/auth/register", register, token: "").status == 201)
        #expect(await fixture.ask(.post, "/api/auth/register", register, token: "").status == 409)
        let wrong = await fixture.ask(
            .put, "/api/auth/password", #"{"current":"no","password":"another river"}"#, token: token)
        #expect(wrong.status == 403)
        let changed = await fixture.ask(
            .put, "/api/auth/password", #"{"current":"a river of stones","password":"another river"}"#, token: token)
        #expect(changed.status == 204)
        let audit = await fixture.ask(.get, "/api/audit", token: token)
        let actions = audit.json.list?.compactMap { $0["action"]?.text } ?? []
        #expect(actions.prefix(2) == ["auth.password", "auth.password"] && actions.contains("auth.setup"))
        #expect(!audit.text.contains("river") && !audit.text.contains(secret))
    }

    @Test("too many wrong passwords wait, with the time in the answer")
    func throttle() async throws {
        let fixture = try await InterfaceFixture()
        let body = #"{"username":"nobody","password":"guess"}"#
        var statuses: [Int] = []
        for _ in 0..<7 { statuses.append(await fixture.ask(.post, "/api/auth/login", body, token: "").status) }
        #expect(statuses.prefix(5) == [401, 401, 401, 401, 401] && statuses.last == 429)
        let refused = await fixture.ask(.post, "/api/auth/login", body, token: "")
        #expect(refused.fields[.retryAfter] != nil && refused.json["code"]?.text == "too-many")
    }
}
