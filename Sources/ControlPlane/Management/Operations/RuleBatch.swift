import Accounts
import HTTPTypes
import KontainersConfiguration
import Reconciliation
import Store

/// Many rules as one revision: all of them, or none.
struct RuleBatch: Sendable {
    private static let limit = 2_000
    private static let schema = JSONSchema.named(
        "RuleBatch",
        .object(
            .init([
                .init(
                    "rules", .list(RuleSchemas.input, limit: limit),
                    says: "Each replaces the rule of its name, or is made where there is none."),
                .init("remove", .list(.line(1...128), limit: limit), says: "Names or ids of rules that are to go."),
            ])))
    private static let done = JSONSchema.named(
        "RuleBatchDone",
        .object(
            .init([
                .init("revision", .count, says: "Left out where nothing differed."),
                .init("changed", .count, isRequired: true),
            ])))

    let keeper: StoreKeeper

    var operation: Operation {
        var operation = Operation(
            "applyRules", .post, RuleOperations.path + "/batch", .role(.user, .rulesWrite),
            "Makes, replaces and takes away many rules in one step.",
            parameters: [RuleOperations.dryRun, RuleOperations.confirm], body: Self.schema,
            outcomes: [
                .init(.ok, "Kept, and served; or the preview of a dry run.", Self.done),
                .init(.accepted, "Kept; an edge has yet to say that it is served.", Self.done),
                .init(.ok, "What would be, of a dry run.", RuleSchemas.preview),
            ], problems: [.notFound, .conflict], audit: "rule.batch", run: run)
        operation.bodyLimit = 8 << 20
        return operation
    }

    private struct Done: Encodable {
        var revision: Int64?
        var changed: Int
    }

    private func run(_ call: Call) async throws -> Answer {
        let there = await keeper.all.map(\.rule)
        let byName = Dictionary(there.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var changes: [Change] = []
        for name in (call.body["remove"]?.list ?? []).compactMap(\.text) {
            guard let rule = byName[name] ?? there.first(where: { $0.id == name }) else {
                throw ChangeFault.missing(name)
            }
            changes.append(.removeRule(id: rule.id))
        }
        var read: [StoredRule] = []
        for (index, body) in (call.body["rules"]?.list ?? []).enumerated() {
            let known = byName[body["name"]?.text ?? ""]
            let blank =
                known.map(RuleOperations.blank)
                ?? ProxyRule(id: Identifier.make(), name: "", sourceHost: "", created: .now)
            var rule = try RuleOperations.rule(body, over: blank)
            rule.userId = known == nil ? (call.principal?.way == .socket ? nil : call.principal?.id) : known?.userId
            read.append(try await RuleOperations.checked(rule, keeper, at: "/rules/\(index)"))
            changes.append(.putRule(rule))
        }
        if call.isDryRun {
            let made = try await keeper.preview(changes)
            return Answer(
                .ok,
                PreviewDocument(
                    changes: made.map(ChangeDocument.init),
                    diagnoses: read.flatMap(\.diagnoses).map(DiagnosisDocument.init)))
        }
        let outcome = try await keeper.apply(
            changes, by: call.author, source: "api", confirmWithin: RuleOperations.patience(call),
            audit: call.auditNote)
        let isServed = outcome.revision == nil || (outcome.edges > 0 && outcome.serving == outcome.edges)
        var answer = Answer(
            isServed ? .ok : .accepted, Done(revision: outcome.revision?.id, changed: outcome.changes.count),
            fields: RuleOperations.fields(outcome))
        answer.note.isWritten = outcome.revision != nil
        return answer
    }
}
