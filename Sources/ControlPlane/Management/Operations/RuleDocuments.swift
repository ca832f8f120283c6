import Contract
import Foundation
import KontainersConfiguration
import NIOCore
import Reconciliation
import Store

/// A rule of any source, as the interface tells of it.
struct RuleEntry: Sendable {
    var rule: ProxyRule
    var source: RuleSource
    var place: String
    /// As JSON, without a line end.
    var document: ByteBuffer

    private struct Told: Encodable {
        var rule: ProxyRule
        var source: String

        private enum Keys: String, CodingKey { case source }

        func encode(to encoder: any Encoder) throws {
            try rule.encode(to: encoder)
            var values = encoder.container(keyedBy: Keys.self)
            try values.encode(source, forKey: .source)
        }
    }

    init(_ stored: StoredRule) {
        rule = stored.rule
        source = .store
        place = "the store"
        document = stored.document { Self.bytes($0, .store) }
    }

    /// `nil` for a rule of the store, which is told as it was made.
    init?(_ declared: Reconciler.Declared) {
        guard !declared.name.hasPrefix(StoredRule.prefix) else { return nil }
        let declaration = declared.declaration
        source = declared.name.hasPrefix("docker:") ? .docker : .file
        place = declaration.place.description
        rule = ProxyRule(
            id: source == .file ? "file:\(declared.name)" : declared.name, name: declared.name,
            sourceHost: declaration.hosts.first ?? "", sourcePath: declaration.path, created: 0)
        let others = declaration.hosts.dropFirst()
        if !others.isEmpty { rule.hosts = Array(others) }
        if !declaration.listeners.isEmpty { rule.listeners = declaration.listeners }
        switch declaration.target {
        case .addresses(let addresses): rule.endpoints = addresses.map(JSONValue.text)
        case .container(let id, let port, _):
            rule.targetContainer = declared.containers.joined(separator: ", ")
            if rule.targetContainer.isEmpty { rule.targetContainer = id }
            rule.targetPort = port ?? 0
        }
        switch (declaration.kind, declaration.tls) {
        case (.http, .auto), (.http, .certificate): rule.proxyProtocol = .https
        case (.http, .off), (.http, .unspecified): rule.proxyProtocol = .http
        case (.tcp, _): rule.proxyProtocol = .tcp
        case (.udp, _): rule.proxyProtocol = .udp
        }
        switch declaration.tls {
        case .auto: (rule.sslEnabled, rule.letsEncryptEnabled) = (true, true)
        case .certificate(let name): (rule.sslEnabled, rule.sslCertificate) = (true, name)
        case .off, .unspecified: break
        }
        document = Self.bytes(rule, source)
    }

    func mentions(_ text: String) -> Bool {
        let words = [rule.name, rule.sourceHost, rule.targetContainer, rule.domain ?? ""] + (rule.hosts ?? [])
        return words.contains { $0.lowercased().contains(text) }
    }

    private static func bytes(_ rule: ProxyRule, _ source: RuleSource) -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: (try? encoder.encode(Told(rule: rule, source: source.rawValue))) ?? Data("{}".utf8))
    }
}

/// A ``Diagnosis``, flat.
struct DiagnosisDocument: Encodable {
    var code: String
    var severity: Diagnosis.Severity
    var subject: String
    var place: String
    var pointer: String?
    var found: String
    var wanted: String

    init(_ diagnosis: Diagnosis) {
        code = diagnosis.code
        severity = diagnosis.severity
        subject = diagnosis.subject
        place = diagnosis.place.description
        if case .field(_, let pointer) = diagnosis.place { self.pointer = pointer }
        found = diagnosis.found
        wanted = diagnosis.wanted
    }
}

/// A ``RevisionChange`` with what differs, without secrets.
struct ChangeDocument: Encodable {
    var kind: RevisionChange.Kind
    var object: String
    var name: String
    var before: JSONValue?
    var after: JSONValue?
    var differences: [Difference]

    init(_ change: RevisionChange) {
        kind = change.kind
        object = change.object
        name = change.name
        before = change.before.map(Mask.masked)
        after = change.after.map(Mask.masked)
        differences = Difference.between(before, after)
    }
}

struct PreviewDocument: Encodable {
    var dryRun = true
    var changes: [ChangeDocument]
    var diagnoses: [DiagnosisDocument]
}

extension Diagnosis {
    var pointer: String { if case .field(_, let pointer) = place { pointer } else { "" } }
}
