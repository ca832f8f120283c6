import Accounts
import Foundation
import HTTPTypes
import KontainersConfiguration
import NIOCore
public import Reconciliation
import Store

/// What was changed when by whom, going back, and the audit.
public struct RevisionOperations: Sendable {
    let keeper: StoreKeeper

    public init(keeper: StoreKeeper) { self.keeper = keeper }

    private static let pageLimit = 1_000
    private static let number = JSONSchema.integer(0...9_007_199_254_740_991)
    private static let before = Operation.Parameter("before", number, says: "Only older ones than this number.")
    private static let limit = Operation.Parameter(
        "limit", .integer(1...pageLimit), says: "How many at most; standard: 100.")
    private static let author = JSONSchema.named(
        "Author",
        .object(.init([.init("id", .identifier, isRequired: true), .init("name", .line(1...255), isRequired: true)])))
    private static let revisionFields: [JSONSchema.Shape.Field] = [
        .init("id", number, isRequired: true), .init("at", .time, isRequired: true),
        .init("author", author, isRequired: true),
        .init("source", .line(1...64), isRequired: true, says: "api, restore, unconfirmed."),
        .init("summary", .text(0...2_000), isRequired: true),
        .init("confirmUntil", .time, says: "When it is taken back unless it is confirmed."),
    ]
    private static let revision = JSONSchema.named("Revision", .object(.init(revisionFields)))
    private static let detailed = JSONSchema.named(
        "RevisionDetail",
        .object(
            .init(revisionFields + [.init("changes", .list(RuleSchemas.change, limit: 100_000), isRequired: true)])))
    private static let entry = JSONSchema.named(
        "AuditEntry",
        .object(
            .init([
                .init("id", number, isRequired: true), .init("at", .time, isRequired: true),
                .init("actor", author, isRequired: true),
                .init("address", .text(0...100), isRequired: true),
                .init("action", .line(1...64), isRequired: true),
                .init("object", .text(0...1_000), isRequired: true),
                .init("outcome", .text(0...2_000), isRequired: true, says: "ok, or the problem."),
                .init("before", .any("what was before, secrets masked")),
                .init("after", .any("what is after, secrets masked")), .init("revision", number),
            ])))

    public var all: [Operation] { looking + changing + auditing }

    private var looking: [Operation] {
        [
            Operation(
                "listRevisions", .get, "/api/revisions", .role(.viewer, .rulesRead), "Changes, the newest first.",
                parameters: [Self.before, Self.limit],
                outcomes: [.init(.ok, "Revisions.", .list(Self.revision, limit: Self.pageLimit))]
            ) { call in
                Answer(
                    .ok, try await keeper.store.revisions(before: Self.before(call), limit: Self.limit(call)))
            },
            Operation(
                "getRevision", .get, "/api/revisions/{id}", .role(.viewer, .rulesRead),
                "One change with what differs.", outcomes: [.init(.ok, "The revision.", Self.detailed)],
                problems: [.notFound]
            ) { call in
                let id = try Self.id(call.name("id"))
                guard let found = try await keeper.store.revision(id) else { throw Problem.missing("revision \(id)") }
                return Answer(.ok, Detail(revision: found.revision, changes: found.changes.map(ChangeDocument.init)))
            },
            Operation(
                "compareRevisions", .get, "/api/revisions/{id}/compare/{other}", .role(.viewer, .rulesRead),
                "What differs between the configuration as one revision left it and as another did; 0: empty.",
                outcomes: [.init(.ok, "The differences.", .list(RuleSchemas.change, limit: 100_000))],
                problems: [.notFound]
            ) { call in
                let changes = try await keeper.store.comparison(
                    from: Self.id(call.name("id")), to: Self.id(call.name("other")))
                return Answer(.ok, changes.map(ChangeDocument.init))
            },
        ]
    }

    private var changing: [Operation] {
        let done: [Operation.Outcome] = [
            .init(.ok, "The revision that this made, served.", Self.detailed),
            .init(.accepted, "The same, and an edge has yet to say that it is served.", Self.detailed),
        ]
        return [
            Operation(
                "restoreRevision", .post, "/api/revisions/{id}/restore", .role(.user, .rulesWrite),
                "Makes the configuration as that revision left it, as a new revision.",
                parameters: [RuleOperations.dryRun],
                outcomes: done + [
                    .init(.ok, "What would be, of a dry run.", RuleSchemas.preview),
                    .init(.noContent, "It is so already."),
                ], problems: [.notFound, .conflict],
                audit: "revision.restore"
            ) { call in
                let id = try Self.id(call.name("id"))
                if call.isDryRun {
                    let newest = try await keeper.store.newestRevision()
                    let changes = try await keeper.store.comparison(from: newest, to: id)
                    return Answer(.ok, PreviewDocument(changes: changes.map(ChangeDocument.init), diagnoses: []))
                }
                return Self.answer(try await keeper.restore(id, by: call.author))
            },
            Operation(
                "confirmRevision", .post, "/api/revisions/{id}/confirm", .role(.user, .rulesWrite),
                "Keeps a change that waits for its confirmation.", outcomes: [.init(.noContent, "It stays.")],
                problems: [.notFound], audit: "revision.confirm"
            ) { call in
                try await keeper.confirm(Self.id(call.name("id")))
                var answer = Answer.nothing
                answer.note.object = call.name("id")
                return answer
            },
            Operation(
                "revertRevision", .post, "/api/revisions/{id}/revert", .role(.user, .rulesWrite),
                "Takes back a change that waits for its confirmation.",
                outcomes: done + [.init(.noContent, "Nothing had to change.")], problems: [.notFound],
                audit: "revision.revert"
            ) { call in Self.answer(try await keeper.revert(Self.id(call.name("id")), by: call.author)) },
        ]
    }

    private var auditing: [Operation] {
        let parameters: [Operation.Parameter] = [
            Self.before, Self.limit, .init("actor", .line(1...128), says: "Only what this user did."),
            .init("action", .line(1...64), says: "Only this action, such as rule.update."),
        ]
        @Sendable func entries(_ call: Call) async throws -> [AuditEntry] {
            try await keeper.store.audit(
                before: Self.before(call), actor: call.query["actor"], action: call.query["action"],
                limit: Self.limit(call))
        }
        return [
            Operation(
                "listAudit", .get, "/api/audit", .role(.admin, .auditRead), "Who did what, the newest first.",
                parameters: parameters, outcomes: [.init(.ok, "Entries.", .list(Self.entry, limit: Self.pageLimit))]
            ) { call in Answer(.ok, try await entries(call)) },
            Operation(
                "exportAudit", .get, "/api/audit/export", .role(.admin, .auditRead), "The same as JSON lines.",
                parameters: parameters,
                outcomes: [.init(.ok, "One entry a line.", contentType: "application/x-ndjson")]
            ) { call in
                var bytes = ByteBuffer()
                for entry in try await entries(call) { bytes.writeImmutableBuffer(Answer.bytes(entry)) }
                return Answer(.ok, bytes: bytes, contentType: "application/x-ndjson")
            },
        ]
    }

    // MARK: - Parts

    private struct Detail: Encodable {
        var revision: Revision
        var changes: [ChangeDocument]

        private enum Keys: String, CodingKey { case changes }

        func encode(to encoder: any Encoder) throws {
            try revision.encode(to: encoder)
            var values = encoder.container(keyedBy: Keys.self)
            try values.encode(changes, forKey: .changes)
        }
    }

    private static func answer(_ outcome: StoreKeeper.Outcome) -> Answer {
        guard let revision = outcome.revision else { return .nothing }
        // Accepted: kept, and somebody has yet to say that it is served (RFC 9110 §15.3.3).
        let isServed = outcome.edges > 0 && outcome.serving == outcome.edges
        var answer = Answer(
            isServed ? .ok : .accepted, Detail(revision: revision, changes: outcome.changes.map(ChangeDocument.init)),
            fields: RuleOperations.fields(outcome))
        answer.note.object = String(revision.id)
        answer.note.revision = revision.id
        return answer
    }

    private static func id(_ text: String) throws -> Int64 {
        guard let id = Int64(text), id >= 0 else { throw Problem.missing("revision \(JSONSchema.shown(text))") }
        return id
    }

    private static func before(_ call: Call) -> Int64? { call.query["before"].flatMap { Int64($0) } }
    private static func limit(_ call: Call) -> Int { call.query["limit"].flatMap { Int($0) } ?? 100 }
}
