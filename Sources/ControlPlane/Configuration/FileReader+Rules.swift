import Certificates
import Contract

extension FileReader {
    /// What a rule takes for itself: no other may have the same host and path on the same listener.
    private struct Claim: Hashable {
        var host: String
        var path: String
    }

    private struct Holder {
        var rule: String
        var line: Int32
        /// Empty means every http and https listener.
        var listeners: [String]

        func meets(_ other: [String]) -> Bool {
            listeners.isEmpty || other.isEmpty || listeners.contains { other.contains($0) }
        }
    }

    mutating func readRules(_ file: Fields) {
        var named: [String: Position] = [:]
        var holders: [Claim: [Holder]] = [:]
        let items = items("rules", of: file)
        configuration.rules.reserveCapacity(items.count)
        for (written, subject) in items {
            let errorsBefore = reader.errorCount
            guard let fields = reader.fields(written, as: Schema.rule, subject: subject) else { continue }
            let rule = readRule(fields)
            guard let rule, reader.errorCount == errorsBefore else { continue }
            guard isFirst(rule.name, in: &named, at: fields.position("name"), kind: "rule") else { continue }
            guard claim(rule, fields, &holders) else { continue }
            configuration.rules.append(rule)
        }
    }

    private mutating func readRule(_ fields: Fields) -> RuleDeclaration? {
        let name = reader.text("name", of: fields)
        let hosts = reader.texts("hosts", of: fields)
        let path = reader.text("path", of: fields) ?? "/"
        let endpoints = reader.endpoints(of: fields)
        let listeners = reader.texts("listeners", of: fields)
        let tls = reader.text("tls", of: fields)
        let kind = kind(of: listeners, fields)
        if let tls { requireCertificate(tls, fields) }
        let options = reader.ruleOptions(of: fields, path: path)
        requireEndpoints(fields)
        guard let kind, let name else { return nil }

        var rule = RuleDeclaration(
            name: name, kind: kind, listeners: unique(listeners, of: "listener", fields),
            hosts: unique(hosts, of: "host", fields), path: path,
            target: .addresses(unique(endpoints.map { ($0.text, $0.position) }, of: "endpoint", fields)),
            options: options,
            place: reader.place(fields.position))
        rule.pool = reader.pool(fields)
        rule.hold = reader.hold(fields)
        for endpoint in endpoints where endpoint.share != EndpointShare() && rule.shares[endpoint.text] == nil {
            rule.shares[endpoint.text] = endpoint.share
        }
        switch kind {
        case .http:
            if !fields.has("hosts"), !fields.guesses.contains("hosts") {
                reader.report(
                    "missing-field", at: fields.position, subject: name, found: "found no \"hosts\" in a rule",
                    wanted: "wanted \(FieldType.host.wanted)")
            }
        case .tcp, .udp:
            for field in ["hosts", "path"] + Schema.optionNames {
                guard let (_, pair) = fields.written(field) else { continue }
                reader.report(
                    "not-for-kind", at: fields.position(field), subject: name,
                    found: "found \"\(pair.key)\" in a \(kind.rawValue) rule",
                    wanted: "wanted it left out: \(kind.rawValue) traffic has none")
            }
            reader.report(
                "not-served-yet", .warning, at: fields.position, subject: name,
                found: "found a \(kind.rawValue) rule, which is understood but not served yet",
                wanted: "wanted a rule on http or https listeners for now")
        }
        if let tls { readTLS(tls, into: &rule, fields) }
        return rule
    }

    /// Only a rule that answers every request itself needs nowhere to pass it on to.
    private mutating func requireEndpoints(_ fields: Fields) {
        guard !fields.has("endpoints"), !fields.guesses.contains("endpoints"), !fields.has("redirect"),
            !fields.has("maintenance"), let field = Schema.rule.field(spelled: "endpoints")
        else { return }
        reader.report(
            "missing-field", at: fields.position, subject: fields.subject, found: "found no \"endpoints\" in a rule",
            wanted: "wanted \(field.type.wanted)")
    }

    /// The kind that the rule's listeners give it; `nil` when they are wrong, which is reported.
    private mutating func kind(
        of listeners: [(text: String, position: Position)], _ fields: Fields
    ) -> RuleDeclaration.Kind? {
        var kinds: [RuleDeclaration.Kind] = []
        for (name, position) in listeners {
            guard let listener = listenersByName[name] else {
                // A listener with a fault of its own was reported; its rules wait for it.
                guard listenerNames.contains(name) else {
                    reader.report(
                        "unknown-listener", at: position, subject: fields.subject,
                        found: "found no listener named \"\(name)\"",
                        wanted: Suggestion.question(
                            name, among: listenerNames.sorted(), calling: "one of the listeners"))
                    return nil
                }
                reader.refuseSilently()
                return nil
            }
            let kind: RuleDeclaration.Kind =
                switch listener.wireProtocol {
                case .http, .https: .http
                case .tcp: .tcp
                case .udp: .udp
                }
            kinds.append(kind)
        }
        guard let first = kinds.first else {
            if fields.has("listeners") { return nil }
            if !configuration.listeners.contains(where: { $0.wireProtocol == .http || $0.wireProtocol == .https }),
                listenerNames.count == listenersByName.count
            {
                reader.report(
                    "no-listener", at: fields.position, subject: fields.subject,
                    found: "found no http or https listener for the rule",
                    wanted: "wanted one in \"listeners\", or the rule's own \"listener\"")
            }
            return .http
        }
        guard kinds.allSatisfy({ $0 == first }) else {
            reader.report(
                "mixed-listeners", at: fields.position("listeners"), subject: fields.subject,
                found: "found listeners of different kinds: "
                    + Set(kinds.map(\.rawValue)).sorted().joined(separator: ", "),
                wanted: "wanted a rule for each kind")
            return nil
        }
        return first
    }

    private mutating func requireCertificate(_ name: String, _ fields: Fields) {
        guard name != "auto", name != "off", certificateFacts[name] == nil else { return }
        let known = ["auto", "off"] + certificateFacts.keys.filter { !$0.isEmpty }.sorted()
        reader.report(
            "unknown-certificate", at: fields.position("tls"), subject: fields.subject,
            found: "found no certificate named \"\(name)\"",
            wanted: Suggestion.question(name, among: known, calling: "one of"))
    }

    private mutating func readTLS(_ text: String, into rule: inout RuleDeclaration, _ fields: Fields) {
        let position = fields.position("tls")
        let served =
            rule.listeners.isEmpty ? configuration.listeners : rule.listeners.compactMap { listenersByName[$0] }
        let protocols = Set(served.map(\.wireProtocol))
        func report(_ code: String, _ found: String, _ wanted: String, _ severity: Diagnosis.Severity = .error) {
            reader.report(code, severity, at: position, subject: rule.name, found: found, wanted: wanted)
        }
        switch text {
        case "off":
            rule.tls = .off
            if rule.kind == .http, !rule.listeners.isEmpty, !protocols.contains(.http) {
                report(
                    "no-http-listener", "found tls off on https listeners alone",
                    "wanted an http listener, or no \"tls\"")
            }
            return
        case "auto":
            rule.tls = .auto
            for host in rule.hosts where host != "*" {
                guard !certificateFacts.values.contains(where: { $0?.covers(host) == true }) else { continue }
                report(
                    "not-served-yet",
                    "found tls auto, and no certificate in the file for \(Shown.quoted(host)): none is obtained "
                        + "automatically yet", "wanted a certificate in \"certificates\" that names the host", .warning)
                break
            }
        default:
            guard let facts = certificateFacts[text] else { return }
            rule.tls = .certificate(text)
            if let facts, let host = rule.hosts.first(where: { $0 != "*" && !facts.covers($0) }) {
                report(
                    "certificate-does-not-cover",
                    "found certificate \"\(text)\" without the name \(Shown.quoted(host)), which clients will refuse",
                    facts.names.isEmpty
                        ? "wanted a certificate with that name"
                        : "wanted a certificate with that name; this one has "
                            + Shown.plain(facts.names.joined(separator: ", ")), .warning)
            }
        }
        // A listener with a fault of its own may be the https one that is missed.
        if rule.kind == .http, !protocols.contains(.https), listenerNames.count == listenersByName.count {
            report(
                "no-https-listener", "found tls \(text) and no https listener for the rule",
                "wanted a listener with protocol https")
        }
    }

    private mutating func unique(
        _ texts: [(text: String, position: Position)], of kind: String, _ fields: Fields
    ) -> [String] {
        guard texts.count > 1 else { return texts.map(\.text) }
        var seen: Set<String> = []
        return texts.compactMap { text, position in
            if seen.insert(text).inserted { return text }
            reader.report(
                "duplicate-\(kind)", .warning, at: position, subject: fields.subject,
                found: "found \(Shown.quoted(text)) twice in a rule", wanted: "wanted each \(kind) once")
            return nil
        }
    }

    private mutating func claim(
        _ rule: RuleDeclaration, _ fields: Fields, _ holders: inout [Claim: [Holder]]
    ) -> Bool {
        // A tcp or udp rule takes the whole listener; such a host cannot be written.
        let hosts = rule.kind == .http ? rule.hosts : [""]
        for host in hosts {
            for holder in holders[Claim(host: host, path: rule.path)] ?? [] where holder.meets(rule.listeners) {
                let what =
                    rule.kind == .http ? "\(host)\(rule.path)" : "listener \(rule.listeners.joined(separator: ", "))"
                reader.report(
                    "claimed-twice", at: rule.kind == .http ? fields.position("hosts") : fields.position("listeners"),
                    subject: rule.name,
                    found: "found \(Shown.quoted(what)), which rule \"\(holder.rule)\" at line \(holder.line) serves",
                    wanted: "wanted another host, path or listener")
                return false
            }
        }
        let holder = Holder(rule: rule.name, line: fields.position.line, listeners: rule.listeners)
        for host in hosts { holders[Claim(host: host, path: rule.path), default: []].append(holder) }
        return true
    }
}
