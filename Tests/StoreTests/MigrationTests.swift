import GRDB
import Testing

@testable import Store

/// Each step from the one before, with rows in the tables.
@Suite struct MigrationTests {
    @Test(arguments: 1..<Migrations.steps.count)
    func aDatabaseOfAnOlderReleaseIsBroughtUp(steps: Int) async throws {
        let path = try storePath()
        let old = try DatabaseQueue(path: path)
        try Migrations.upTo(steps).migrate(old)
        try await old.write { database in
            try database.execute(
                sql: """
                    INSERT INTO users (id, username, email, password_hash, role, created_at, updated_at)
                    VALUES ('u', 'ann', 'ann@site.test', 'hash', 'admin', 1, 2);
                    INSERT INTO proxy_rules (id, user_id, name, source_host, target_container, target_port, protocol,
                        created) VALUES ('r', 'u', 'site', 'site.test', 'web', 80, 'HTTP', 3);
                    """)
            guard steps > 1 else { return }
            try database.execute(
                sql: """
                    INSERT INTO revisions (at, author, author_name, source, summary) VALUES (1, 'u', 'ann', 'api', 's');
                    INSERT INTO revision_changes (revision, kind, object, name, after)
                    VALUES (1, 'rule', 'r', 'site', '{}');
                    """)
        }
        try old.close()
        let store = try Store(path: path)
        let rules = try await store.rules()
        #expect(rules.map(\.name) == ["site"] && rules[0].userId == "u" && rules[0].created == 3)
        let users = try await store.users()
        #expect(users.map(\.username) == ["ann"] && users[0].role == .admin && users[0].totpSecret == nil)
        let again = rules[0]
        _ = try await store.apply([.putRule(rule("b")), .putRule(again)], by: .local, source: "api")
        #expect(try await store.rules().count == 2)
    }
}
