import Foundation
import Store
import Testing

@testable import Accounts

@Suite struct AccountDeskTests {
    static let password = "correct horse battery"

    /// A desk in a folder of its own, with one administrator.
    private func desk() async throws -> (AccountDesk, User) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(Identifier.make()).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let desk = try await AccountDesk(store: try Store(path: folder + "/" + Store.fileName), folder: folder)
        let secret = try #require(try await desk.makeSetup())
        let grant = try await desk.setUp(
            secret: secret, username: "ann", email: "ann@site.test", password: Self.password, address: "192.0.2.1",
            agent: "test")
        return (desk, grant.user)
    }

    private func logIn(
        _ desk: AccountDesk, _ password: String = password, code: String? = nil, at now: Milliseconds = .now
    )
        async throws -> AccountDesk.Grant
    {
        try await desk.logIn(
            username: "ann", password: password, code: code, address: "192.0.2.9", agent: "test", at: now)
    }

    @Test func theSetupLinkWorksOnceAndNotForEver() async throws {
        let (desk, user) = try await desk()
        #expect(user.role == .admin && user.passwordHash.hasPrefix("$y$"))
        #expect(try await desk.makeSetup() == nil)

        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(Identifier.make()).path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let fresh = try await AccountDesk(store: try Store(path: folder + "/" + Store.fileName), folder: folder)
        let old = try #require(try await fresh.makeSetup(at: 0))
        func setUp(_ secret: String, at now: Milliseconds) async throws {
            _ = try await fresh.setUp(
                secret: secret, username: "ann", email: "a@b.test", password: Self.password, address: "192.0.2.1",
                agent: "", at: now)
        }
        await #expect(throws: AccountDesk.Refusal.noSetup) {
            try await setUp(old, at: AccountDesk.setupLifetime * 1_000 + 1)
        }
        let secret = try #require(try await fresh.makeSetup())
        await #expect(throws: AccountDesk.Refusal.noSetup) { try await setUp(old, at: .now) }
        await #expect(throws: AccountDesk.Refusal.self) {
            _ = try await fresh.setUp(
                secret: secret, username: "ann", email: "a@b.test", password: "short", address: "192.0.2.1", agent: "")
        }
        try await setUp(secret, at: .now)
        await #expect(throws: AccountDesk.Refusal.noSetup) { try await setUp(secret, at: .now) }
    }

    @Test func whoSignsInIsKnownUntilTheSessionEnds() async throws {
        let (desk, user) = try await desk()
        let grant = try await logIn(desk)
        let principal = try #require(await desk.principal(bearer: grant.access))
        #expect(principal.id == user.id && principal.role == .admin && principal.scopes == nil)
        #expect(try await desk.endSessions(id: grant.session) == 1)
        #expect(await desk.principal(bearer: grant.access) == nil)
        await #expect(throws: AccountDesk.Refusal.sessionEnded) { _ = try await desk.refresh(grant.refresh) }
    }

    @Test func aRefreshTokenThatIsUsedTwiceEndsTheSession() async throws {
        let (desk, _) = try await desk()
        let first = try await logIn(desk)
        let second = try await desk.refresh(first.refresh)
        #expect(await desk.principal(bearer: second.access) != nil)
        await #expect(throws: AccountDesk.Refusal.sessionEnded) { _ = try await desk.refresh(first.refresh) }
        #expect(await desk.principal(bearer: second.access) == nil)
        await #expect(throws: AccountDesk.Refusal.sessionEnded) { _ = try await desk.refresh(second.refresh) }
    }

    @Test func tokensOfOthersAndOldOnesAreRefused() async throws {
        let (desk, user) = try await desk()
        let grant = try await logIn(desk)
        let forged = await AccessTokens(key: Data(Secret.make().utf8))
        let now = Milliseconds.now / 1_000
        #expect(await desk.principal(bearer: try forged.make(user: user.id, session: grant.session, at: now)) == nil)
        let old = try await desk.access.make(
            user: user.id, session: grant.session, at: now - AccessTokens.lifetime - 1)
        #expect(await desk.principal(bearer: old) == nil)
        // An algorithm of none, signed with nothing.
        let parts = grant.access.split(separator: ".").map(String.init)
        let none = Base64URL.text(Data(#"{"alg":"none","typ":"JWT"}"#.utf8))
        for token in ["", ".", "..", "\(none).\(parts[1]).", "\(none).\(parts[1]).\(parts[2])", grant.access + "x"] {
            #expect(await desk.principal(bearer: token) == nil)
        }
    }

    @Test func wrongPasswordsWaitAndTellNothing() async throws {
        let (desk, _) = try await desk()
        for _ in 0..<LoginThrottle.freeFailures {
            await #expect(throws: AccountDesk.Refusal.wrong) { _ = try await logIn(desk, "wrong") }
        }
        await #expect(throws: AccountDesk.Refusal.self) { _ = try await logIn(desk) }
        _ = try await logIn(desk, at: .now + 2_000)
        await #expect(throws: AccountDesk.Refusal.wrong) {
            _ = try await desk.logIn(
                username: "nobody", password: "x", code: nil, address: "192.0.2.200", agent: "")
        }
    }

    @Test func aSecondFactorIsAskedFor() async throws {
        let (desk, user) = try await desk()
        let secret = try await desk.offerTOTP(user.id)
        let key = try #require(TOTP.bytes(secret))
        let now = Milliseconds.now
        await #expect(throws: AccountDesk.Refusal.wrong) { try await desk.confirmTOTP(user.id, code: "000000", at: 0) }
        try await desk.confirmTOTP(user.id, code: TOTP.code(key, now / 30_000), at: now)
        await #expect(throws: AccountDesk.Refusal.codeWanted) { _ = try await logIn(desk) }
        // The code that confirmed it is spent.
        await #expect(throws: AccountDesk.Refusal.wrong) {
            _ = try await logIn(desk, code: TOTP.code(key, now / 30_000), at: now)
        }
        _ = try await logIn(desk, code: TOTP.code(key, now / 30_000 + 1), at: now)
        try await desk.removeTOTP(user.id)
        _ = try await logIn(desk)
    }

    @Test func aTokenIsGoodForItsScopesUntilItEnds() async throws {
        let (desk, user) = try await desk()
        let (token, secret) = try await desk.addToken(
            user: user.id, name: "ci", scopes: [.rulesRead], expires: .now + 1_000)
        #expect(await desk.principal(bearer: secret)?.scopes == [.rulesRead])
        #expect(await desk.principal(bearer: secret, at: .now + 2_000) == nil)
        #expect(await desk.principal(bearer: secret + "x") == nil)
        await #expect(throws: AccountFault.tokenNameTaken) {
            _ = try await desk.addToken(user: user.id, name: "ci", scopes: [], expires: nil)
        }
        #expect(try await desk.removeToken(token.id))
        #expect(await desk.principal(bearer: secret) == nil)
        #expect(try await !desk.removeToken(token.id))
    }

    @Test func theLastAdministratorStays() async throws {
        let (desk, user) = try await desk()
        await #expect(throws: AccountFault.lastAdministrator) { try await desk.removeUser(user.id) }
        await #expect(throws: AccountFault.lastAdministrator) {
            _ = try await desk.changeUser(user.id) { $0.role = .viewer }
        }
        await #expect(throws: AccountFault.lastAdministrator) {
            _ = try await desk.changeUser(user.id) { $0.isDisabled = true }
        }
        let grant = try await logIn(desk)
        let other = try await desk.addUser(
            username: "bob", email: "bob@site.test", password: Self.password, role: .admin)
        #expect(other.role == .admin)
        try await desk.removeUser(user.id)
        #expect(await desk.principal(bearer: grant.access) == nil)
    }

    @Test func whoIsDisabledOrGetsAnotherPasswordLosesItsSessions() async throws {
        let (desk, user) = try await desk()
        let (kept, lost) = (try await logIn(desk), try await logIn(desk))
        _ = try await desk.changeUser(user.id, keeping: kept.session, password: "another long one") { _ in }
        #expect(await desk.principal(bearer: kept.access) != nil)
        #expect(await desk.principal(bearer: lost.access) == nil)
        await #expect(throws: AccountDesk.Refusal.wrong) { _ = try await logIn(desk) }
        await #expect(throws: AccountFault.usernameTaken) {
            _ = try await desk.addUser(
                username: "ann", email: "other@site.test", password: Self.password, role: .viewer)
        }
        await #expect(throws: AccountFault.emailTaken) {
            _ = try await desk.addUser(
                username: "other", email: "ann@site.test", password: Self.password, role: .viewer)
        }
    }

    @Test(arguments: ["short", "aaaaaaaaaaaa", "password123", String(repeating: "x1y", count: 100), "ann-the-user"])
    func passwordsThatEverybodyGuesses(password: String) {
        #expect(PasswordRule.fault(password, username: "Ann-The-User") != nil)
        #expect(PasswordRule.fault("a river of stones", username: "ann") == nil)
    }
}
