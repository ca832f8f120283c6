import Accounts
import Contract
import Foundation
import HTTPTypes
import KontainersConfiguration
import NIOCore
public import Reconciliation
import Store

/// Rules: listed from all sources, made and changed in the store.
public struct RuleOperations: Sendable {
    let keeper: StoreKeeper
    let reconciler: Reconciler

    static let listLimit = 10_000
    static let path = "/api/proxy/rules"
    private static let one = path + "/{id}"
    static let dryRun = Operation.Parameter(
        "dry-run", .choice(["true", "false"]), says: "true: nothing is changed; answers what would be.")
    static let confirm = Operation.Parameter(
        "confirm-within", .integer(5...86_400), says: "Seconds after which the change is taken back unless confirmed.")

    public init(keeper: StoreKeeper, reconciler: Reconciler) {
        self.keeper = keeper
        self.reconciler = reconciler
    }

    public var all: [Operation] {
        let changed: [Operation.Outcome] = [.init(.ok, "As it is now, or the preview of a dry run.", RuleSchemas.rule)]
        return [
            Operation(
                "listRules", .get, Self.path, .role(.viewer, .rulesRead), "Lists the rules of all sources.",
                parameters: [
                    .init("source", .choice(RuleSource.allCases.map(\.rawValue)), says: "Only those of one source."),
                    .init("enabled", .choice(["true", "false"]), says: "Only those that are, or are not."),
                    .init("q", .text(0...255), says: "Only those whose name, host or target has this in it."),
                    .init("offset", .integer(0...1_000_000), says: "How many are passed over."),
                    .init("limit", .integer(1...Self.listLimit), says: "How many at most; standard: 10000."),
                ], outcomes: [.init(.ok, "By name.", .list(RuleSchemas.rule, limit: Self.listLimit))],
                run: list),
            Operation(
                "getRule", .get, Self.one, .role(.viewer, .rulesRead), "One rule.",
                outcomes: [.init(.ok, "The rule; its ETag is what a change names.", RuleSchemas.rule)],
                problems: [.notFound], run: get),
            Operation(
                "createRule", .post, Self.path, .role(.user, .rulesWrite), "Makes a rule; it is served at once.",
                parameters: [Self.dryRun, Self.confirm], body: RuleSchemas.input,
                outcomes: [
                    .init(.created, "Kept, and served.", RuleSchemas.rule),
                    .init(.accepted, "Kept; an edge has yet to say that it is served.", RuleSchemas.rule),
                    .init(.ok, "What would be, of a dry run.", RuleSchemas.preview),
                ], problems: [.conflict], audit: "rule.create", run: create),
            Operation(
                "updateRule", .put, Self.one, .role(.user, .rulesWrite), "Replaces a rule.",
                parameters: [Self.dryRun, Self.confirm], body: RuleSchemas.input,
                outcomes: changed + [.init(.accepted, "Kept; an edge has yet to serve it.", RuleSchemas.rule)],
                problems: [.notFound, .conflict, .preconditionFailed], audit: "rule.update",
                run: { try await change($0, isPatch: false) }),
            Operation(
                "patchRule", .patch, Self.one, .role(.user, .rulesWrite),
                "Changes some fields of a rule (RFC 7396): null takes one away.",
                parameters: [Self.dryRun, Self.confirm],
                body: .any("an object with fields of a rule; null takes one away"),
                outcomes: changed + [.init(.accepted, "Kept; an edge has yet to serve it.", RuleSchemas.rule)],
                problems: [.notFound, .conflict, .preconditionFailed], audit: "rule.update",
                run: { try await change($0, isPatch: true) }),
            Operation(
                "deleteRule", .delete, Self.one, .role(.user, .rulesWrite), "Takes a rule away.",
                parameters: [Self.dryRun, Self.confirm],
                outcomes: [
                    .init(.noContent, "It is gone."),
                    .init(.ok, "What would be, of a dry run.", RuleSchemas.preview),
                ],
                problems: [.notFound, .conflict, .preconditionFailed], audit: "rule.delete", run: remove),
            RuleBatch(keeper: keeper).operation,
        ]
    }

    // MARK: - Looking

    private func list(_ call: Call) async throws -> Answer {
        var entries: [RuleEntry] = []
        let source = call.query["source"].flatMap(RuleSource.init)
        if source == nil || source == .store { entries = await keeper.all.map(RuleEntry.init) }
        if source != .store {
            entries += await reconciler.declared.compactMap(RuleEntry.init).filter {
                source == nil || $0.source == source
            }
            entries.sort { ($0.rule.name, $0.rule.id) < ($1.rule.name, $1.rule.id) }
        }
        if let enabled = call.query["enabled"] { entries = entries.filter { $0.rule.enabled == (enabled == "true") } }
        if let text = call.query["q"]?.lowercased(), !text.isEmpty { entries = entries.filter { $0.mentions(text) } }
        let total = entries.count
        let offset = call.query["offset"].flatMap { Int($0) } ?? 0
        let limit = call.query["limit"].flatMap { Int($0) } ?? Self.listLimit
        let page = entries.dropFirst(offset).prefix(limit)
        var fields: HTTPFields = [.totalCount: String(total)]
        if offset + page.count < total {
            var query = call.query
            (query["offset"], query["limit"]) = (String(offset + page.count), String(limit))
            let text = query.sorted { $0.key < $1.key }.map { "\($0.key)=\(PercentText.encoded($0.value))" }
            fields[.link] = "<\(Self.path)?\(text.joined(separator: "&"))>; rel=\"next\""
        }
        var bytes = ByteBuffer(string: "[")
        for (index, entry) in page.enumerated() {
            bytes.writeString(index == 0 ? "\n" : ",\n")
            bytes.writeImmutableBuffer(entry.document)
        }
        bytes.writeString("]\n")
        return Answer(bytes: bytes, fields: fields)
    }

    private func get(_ call: Call) async throws -> Answer {
        let id = call.name("id")
        if let rule = await keeper.rule(id) { return answer(.ok, RuleEntry(rule)) }
        if let entry = await reconciler.declared.compactMap(RuleEntry.init).first(where: { $0.rule.id == id }) {
            return answer(.ok, entry)
        }
        throw Problem.missing("rule \(JSONSchema.shown(id))")
    }

    private func answer(_ status: HTTPResponse.Status, _ entry: RuleEntry) -> Answer {
        var bytes = entry.document
        bytes.writeString("\n")
        return Answer(
            status, bytes: bytes, fields: entry.source == .store ? [.eTag: "\"\(entry.rule.updated)\""] : [:])
    }

    // MARK: - Changing

    private func create(_ call: Call) async throws -> Answer {
        var rule = try Self.rule(
            call.body, over: ProxyRule(id: Identifier.make(), name: "", sourceHost: "", created: .now))
        rule.userId = call.principal?.way == .socket ? nil : call.principal?.id
        let read = try await checked(rule)
        if call.isDryRun { return try await preview([.putRule(rule)], [read]) }
        let outcome = try await keeper.apply(
            [.putRule(rule)], by: call.author, source: "api", confirmWithin: Self.patience(call),
            audit: call.auditNote)
        return try await done(call, rule.id, outcome, .created)
    }

    private func change(_ call: Call, isPatch: Bool) async throws -> Answer {
        let id = call.name("id")
        guard let before = await keeper.rule(id)?.rule else { throw await notHere(id) }
        var rule: ProxyRule
        if isPatch {
            let merged = Self.merged(try JSONValue(encoding: before), with: call.body)
            let faults = RuleSchemas.input.faults(merged)
            guard faults.isEmpty else { throw Problem.invalid(faults) }
            rule = try Self.rule(merged, over: Self.blank(like: before))
        } else {
            rule = try Self.rule(call.body, over: Self.blank(like: before))
        }
        (rule.userId, rule.letsEncryptStatus) = (before.userId, before.letsEncryptStatus)
        rule.letsEncryptLastRenewal = before.letsEncryptLastRenewal
        let read = try await checked(rule)
        let expected = try call.expected
        if call.isDryRun {
            if let expected, expected != before.updated { throw ChangeFault.stale(found: before.updated) }
            return try await preview([.putRule(rule)], [read])
        }
        let outcome = try await keeper.apply(
            [.putRule(rule)], by: call.author, source: "api", expecting: expected, confirmWithin: Self.patience(call),
            audit: call.auditNote)
        return try await done(call, id, outcome, .ok)
    }

    private func remove(_ call: Call) async throws -> Answer {
        let id = call.name("id")
        guard await keeper.rule(id) != nil else { throw await notHere(id) }
        if call.isDryRun { return try await preview([.removeRule(id: id)], []) }
        let outcome = try await keeper.apply(
            [.removeRule(id: id)], by: call.author, source: "api", expecting: call.expected,
            confirmWithin: Self.patience(call),
            audit: call.auditNote)
        var answer = Answer(.noContent, fields: Self.fields(outcome))
        answer.note.isWritten = outcome.revision != nil
        return answer
    }

    /// Rules of other sources are changed where they were made.
    private func notHere(_ id: String) async -> Problem {
        guard let entry = await reconciler.declared.compactMap(RuleEntry.init).first(where: { $0.rule.id == id }) else {
            return Problem.missing("rule \(JSONSchema.shown(id))")
        }
        return Problem(
            .conflict,
            "found a rule of \(entry.source == .file ? "the configuration file" : "a container's labels"); "
                + "wanted it changed there (\(entry.place))", code: "read-only")
    }

    private func done(
        _ call: Call, _ id: String, _ outcome: StoreKeeper.Outcome, _ status: HTTPResponse.Status
    ) async throws -> Answer {
        guard let rule = await keeper.rule(id) else { throw Problem.missing("rule \(JSONSchema.shown(id))") }
        // Accepted: kept, and somebody has yet to say that it is served (RFC 9110 §15.3.3).
        let isServed = outcome.revision == nil || (outcome.edges > 0 && outcome.serving == outcome.edges)
        var answer = answer(isServed ? status : .accepted, RuleEntry(rule))
        answer.fields.append(contentsOf: Self.fields(outcome))
        if status == .created { answer.fields[.location] = Self.path + "/" + id }
        answer.note.object = rule.rule.name
        answer.note.isWritten = outcome.revision != nil
        return answer
    }

    static func fields(_ outcome: StoreKeeper.Outcome) -> HTTPFields {
        var fields: HTTPFields = [:]
        if let revision = outcome.revision { fields[.revision] = String(revision.id) }
        return fields
    }

    static func patience(_ call: Call) -> Milliseconds? {
        call.query["confirm-within"].flatMap { Milliseconds($0) }.map { $0 * 1_000 }
    }

    private func preview(_ changes: [Change], _ read: [StoredRule]) async throws -> Answer {
        let made = try await keeper.preview(changes)
        return Answer(
            .ok,
            PreviewDocument(
                changes: made.map(ChangeDocument.init),
                diagnoses: read.flatMap(\.diagnoses).map(DiagnosisDocument.init)))
    }

    // MARK: - Reading what came

    private func checked(_ rule: ProxyRule) async throws -> StoredRule { try await Self.checked(rule, keeper) }

    /// - Parameter pointer: where the rule stands in the body.
    /// - Throws: ``Problem`` with each fault and the field that it is in.
    static func checked(_ rule: ProxyRule, _ keeper: StoreKeeper, at pointer: String = "") async throws -> StoredRule {
        let read = await keeper.read(rule)
        let faults = read.diagnoses.filter { $0.severity == .error }.map { diagnosis in
            FieldFault(
                pointer + diagnosis.pointer, found: diagnosis.found, wanted: diagnosis.wanted, code: diagnosis.code)
        }
        let forbidden = LinkLocal.faults(rule, at: pointer)
        guard faults.isEmpty, forbidden.isEmpty else { throw Problem.invalid(faults + forbidden) }
        if (rule.sslCertPath == nil) != (rule.sslKeyPath == nil) {
            throw Problem.invalid([
                FieldFault(
                    pointer + (rule.sslCertPath == nil ? "/sslCertPath" : "/sslKeyPath"),
                    found: "found one of sslCertPath and sslKeyPath", wanted: "wanted both, or none")
            ])
        }
        return read
    }

    static func blank(like rule: ProxyRule) -> ProxyRule {
        var blank = ProxyRule(id: rule.id, name: rule.name, sourceHost: "", created: rule.created)
        blank.updated = rule.updated
        return blank
    }

    private static let toldFields = [
        "id", "created", "updated", "userId", "letsEncryptStatus", "letsEncryptLastRenewal", "source",
    ]

    static func rule(_ body: JSONValue, over blank: ProxyRule) throws -> ProxyRule {
        var fields = try JSONValue(encoding: blank).object ?? [:]
        for (name, value) in body.object ?? [:] where !toldFields.contains(name) && value != .null {
            fields[name] = value
        }
        return try JSONValue.object(fields).decoded()
    }

    /// RFC 7396.
    private static func merged(_ target: JSONValue, with patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var fields = target.object ?? [:]
        for (name, value) in changes {
            fields[name] = value == .null ? nil : merged(fields[name] ?? .null, with: value)
        }
        return .object(fields)
    }
}

extension HTTPField.Name {
    static let totalCount = HTTPField.Name("x-total-count")!
    /// The revision that a change made.
    static let revision = HTTPField.Name("kontainers-revision")!
    static let link = HTTPField.Name("link")!
}
