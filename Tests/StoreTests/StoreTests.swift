import Foundation
import GRDB
import KontainersConfiguration
import TestKit
import Testing

@testable import Store

/// A path in a folder of its own.
func storePath() throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(Identifier.make()).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder + "/" + Store.fileName
}

func rule(_ name: String, host: String? = nil) -> ProxyRule {
    ProxyRule(id: "id-\(name)", name: name, sourceHost: host ?? "\(name).test", created: 1_000)
}

@Suite struct StoreTests {
    @Test func everyFieldOfARuleComesBack() async throws {
        let store = try Store(path: try storePath())
        var full = rule("full")
        full.sourcePath = "/api"
        full.targetContainer = "web"
        full.targetPort = 8_080
        full.proxyProtocol = .https
        full.sslEnabled = true
        (full.sslCertPath, full.sslKeyPath, full.sslCertificate) = ("/c.pem", "/c.key", "local")
        (full.headers, full.responseHeaders) = (["X-A": "1"], ["X-B": "2"])
        full.healthCheck = .init(path: "/up", interval: 5, timeout: 1, retries: 3, successCodes: "200-299")
        full.loadBalancing = .object(["policy": .text("leastConnections")])
        full.advancedConfig = .object([
            "maxBody": .integer(5), "gzip": .boolean(true), "x": .list([.null, .number(1.5)]),
        ])
        full.customNginxConfig = "proxy_buffering off;"
        full.enabled = false
        (full.domain, full.hosts, full.listeners) = ("b.test", ["c.test"], ["web"])
        (full.letsEncryptEnabled, full.letsEncryptEmail, full.letsEncryptStatus) = (true, "a@b.test", .valid)
        full.letsEncryptLastRenewal = 7
        full.endpoints = [.text("127.0.0.1:80"), .object(["address": .text("127.0.0.1:81"), "weight": .integer(2)])]
        _ = try await store.apply([.putRule(full)], by: .local, source: "api", at: 5_000)
        full.updated = 5_000
        #expect(try await store.rules() == [full])
        #expect(try await store.rule(full.id) == full)
    }

    @Test func aChangeIsARevisionWithItsAuthorAndDifference() async throws {
        let store = try Store(path: try storePath())
        let author = Author(id: "u1", name: "ann")
        let made = try #require(try await store.apply([.putRule(rule("a"))], by: author, source: "api", at: 10))
        #expect(made.revision.id == 1 && made.revision.author == author && made.revision.summary == "rule a: created")
        var changed = rule("a")
        changed.sourceHost = "other.test"
        let second = try #require(try await store.apply([.putRule(changed)], by: .local, source: "cli", at: 20))
        let paths = second.changes[0].differences.map(\.path)
        #expect(paths == ["/sourceHost", "/updated"])
        #expect(try await store.apply([.putRule(changed)], by: .local, source: "cli", at: 30) == nil)
        _ = try await store.apply([.removeRule(id: "id-a")], by: .local, source: "cli", at: 40)
        #expect(try await store.rules().isEmpty)
        #expect(
            try await store.revisions(limit: 10).map(\.summary) == [
                "rule a: removed", "rule a: changed", "rule a: created",
            ])
        #expect(try await store.revisions(before: 3, limit: 1).map(\.id) == [2])
        let shown = try #require(try await store.revision(2))
        #expect(shown.changes == second.changes)
    }

    @Test func allOfAChangeOrNothing() async throws {
        let store = try Store(path: try storePath())
        await #expect(throws: ChangeFault.missing("id-none")) {
            _ = try await store.apply(
                [.putRule(rule("a")), .removeRule(id: "id-none")], by: .local, source: "api")
        }
        #expect(try await store.rules().isEmpty)
        #expect(try await store.revisions(limit: 10).isEmpty)
        _ = try await store.apply([.putRule(rule("a"))], by: .local, source: "api")
        await #expect(throws: ChangeFault.nameTaken("a")) {
            var other = rule("a")
            other.id = "id-other"
            _ = try await store.apply([.putRule(other)], by: .local, source: "api")
        }
    }

    @Test func aLostUpdateIsRefused() async throws {
        let store = try Store(path: try storePath())
        _ = try await store.apply([.putRule(rule("a"))], by: .local, source: "api", at: 10)
        let seen = try #require(try await store.rule("id-a")).updated
        _ = try await store.apply(
            [.putRule(rule("a", host: "b.test"))], by: .local, source: "api", expecting: seen, at: 10)
        let newer = try #require(try await store.rule("id-a")).updated
        #expect(newer > seen)
        for change in [Change.putRule(rule("a", host: "c.test")), .removeRule(id: "id-a")] {
            await #expect(throws: ChangeFault.stale(found: newer)) {
                _ = try await store.apply([change], by: .local, source: "api", expecting: seen)
            }
        }
    }

    @Test func anyRevisionCanBeComparedAndRestored() async throws {
        let store = try Store(path: try storePath())
        var states: [[ProxyRule]] = [[]]
        var generator = SeededGenerator(seed: 7)
        for step in 1...40 {
            let name = "r\(Int.random(in: 0..<6, using: &generator))"
            let isThere = try await store.rule("id-\(name)") != nil
            let change: Change =
                isThere && Bool.random(using: &generator)
                ? .removeRule(id: "id-\(name)") : .putRule(rule(name, host: "h\(step).test"))
            _ = try await store.apply([change], by: .local, source: "api", at: Int64(step) * 1_000)
            states.append(try await store.rules())
        }
        func plain(_ rules: [ProxyRule]) -> [ProxyRule] {
            rules.map { rule in
                var rule = rule
                rule.updated = 0
                return rule
            }
        }
        for id in [0, 1, 13, 39, 20, 40] {
            _ = try await store.restore(Int64(id), by: .local)
            #expect(plain(try await store.rules()) == plain(states[id]), "revision \(id)")
        }
        #expect(try await store.comparison(from: 5, to: 5).isEmpty)
        let forth = try await store.comparison(from: 3, to: 17)
        let back = try await store.comparison(from: 17, to: 3)
        #expect(forth.map(\.before) == back.map(\.after))
        await #expect(throws: ChangeFault.missing("revision 4000")) { _ = try await store.restore(4_000, by: .local) }
    }

    @Test func namesThatWereSwappedAreRestored() async throws {
        let store = try Store(path: try storePath())
        _ = try await store.apply([.putRule(rule("a")), .putRule(rule("b"))], by: .local, source: "api")
        _ = try await store.apply([.removeRule(id: "id-a")], by: .local, source: "api")
        var other = rule("b")
        other.name = "a"
        _ = try await store.apply([.putRule(other)], by: .local, source: "api")
        _ = try await store.restore(1, by: .local)
        #expect(try await store.rules().map(\.name) == ["a", "b"])
    }

    @Test func whatNobodyConfirmsIsTakenBack() async throws {
        let path = try storePath()
        var store = try Store(path: path)
        _ = try await store.apply([.putRule(rule("a"))], by: .local, source: "api", at: 1_000)
        let made = try await store.apply(
            [.putRule(rule("a", host: "new.test"))], by: .local, source: "api", confirmWithin: 5_000, at: 2_000)
        #expect(made?.revision.confirmUntil == 7_000)
        await #expect(throws: ChangeFault.awaitsConfirmation(revision: 2)) {
            _ = try await store.apply([.putRule(rule("b"))], by: .local, source: "api")
        }
        #expect(try await store.revertUnconfirmed(at: 6_999) == nil)
        // It is due though the program was away meanwhile.
        try store.close()
        store = try Store(path: path)
        #expect(try await store.revertUnconfirmed(at: 7_000)?.revision.source == "unconfirmed")
        #expect(try await store.rule("id-a")?.sourceHost == "a.test")
        #expect(try await store.confirmation() == nil)

        _ = try await store.apply(
            [.putRule(rule("a", host: "new.test"))], by: .local, source: "api", confirmWithin: 5_000, at: 8_000)
        try await store.confirm(4)
        #expect(try await store.revertUnconfirmed(at: 100_000) == nil)
        #expect(try await store.rule("id-a")?.sourceHost == "new.test")
        await #expect(throws: ChangeFault.self) { try await store.confirm(4) }
    }

    @Test func theAuditOnlyGrows() async throws {
        let store = try Store(path: try storePath())
        for number in 1...5 {
            try await store.note(
                AuditEntry(at: Int64(number), actor: .local, address: "socket", action: number < 4 ? "x" : "y"))
        }
        #expect(try await store.audit(limit: 2).map(\.at) == [5, 4])
        #expect(try await store.audit(before: 4, action: "x", limit: 9).map(\.at) == [3, 2, 1])
        await #expect(throws: DatabaseError.self) {
            try await store.database.write { try $0.execute(sql: "UPDATE audit SET actor = 'x'") }
        }
        await #expect(throws: DatabaseError.self) {
            try await store.database.write { try $0.execute(sql: "DELETE FROM audit") }
        }
    }

    @Test func historyRollsUpAndForgets() async throws {
        let store = try Store(path: try storePath())
        let start: Milliseconds = 1_700_000_000_000 / 3_600_000 * 3_600_000
        for step in 0..<720 {
            try await store.record(["all": ["requests": 1]], at: start + Int64(step) * 10_000)
        }
        let end = start + 7_200_000 - 1
        let fine = try await store.history(of: "all", step: .tenSeconds, from: start, to: end)
        #expect(fine.count <= 361 && fine.count >= 359)
        let minutes = try await store.history(of: "all", step: .minute, from: start, to: end)
        #expect(minutes.count == 120 && minutes.allSatisfy { $0.values == ["requests": 6] })
        let hours = try await store.history(of: "all", step: .hour, from: start, to: end)
        #expect(hours.map(\.values) == [["requests": 360], ["requests": 360]])
    }

    @Test func isForNobodyElse() throws {
        let path = try storePath()
        let store = try Store(path: path)
        for suffix in ["", "-wal", "-shm"] {
            let mode = try FileManager.default.attributesOfItem(atPath: path + suffix)[.posixPermissions] as? Int
            #expect(mode == 0o600, "\(suffix)")
        }
        try store.close()
    }

    @Test func whatIsNoDatabaseOrALaterOneIsTold() throws {
        let path = try storePath()
        try Data(String(repeating: "no database ", count: 100).utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: StoreFault.self) { _ = try Store(path: path) }
        let later = try storePath()
        try Store(path: later).close()
        let queue = try DatabaseQueue(path: later)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('9999-later')") }
        try queue.close()
        #expect(throws: StoreFault.tooNew(path: later)) { _ = try Store(path: later) }
    }
}
