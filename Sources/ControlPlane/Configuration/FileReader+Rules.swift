import Certificates
import Contract

extension FileReader {
    private struct Holder {
        var rule: String
        var line: Int32
        /// Empty means every http and https listener.
        var listeners: [String]

        func meets(_ other: [String], web: (String) -> Bool) -> Bool {
            switch (listeners.isEmpty, other.isEmpty) {
            case (true, true): true
            case (true, false): other.contains(where: web)
            case (false, true): listeners.contains(where: web)
            case (false, false): listeners.contains { other.contains($0) }
            }
        }
    }

    mutating func readRules(_ file: Fields) {
        var named: [String: Position] = [:]
        var holders: [RuleClaim: [Holder]] = [:]
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

    mutating func readRule(_ fields: Fields) -> RuleDeclaration? {
        let name = reader.text("name", of: fields)
        let hosts = reader.texts("hosts", of: fields)
        let sni = reader.texts("sni", of: fields)
        let path = reader.text("path", of: fields) ?? "/"
        let endpoints = reader.endpoints(of: fields)
        let listeners = reader.texts("listeners", of: fields)
        let tls = reader.text("tls", of: fields)
        let found = kind(of: listeners, fields)
        if let tls { requireCertificate(tls, fields) }
        let options = reader.ruleOptions(of: fields, path: path, kind: found ?? .http)
        let transport = reader.transport(fields)
        requireEndpoints(fields)
        guard let kind = found, let name else { return nil }

        var rule = RuleDeclaration(
            name: name, kind: kind, listeners: unique(listeners, of: "listener", fields),
            hosts: unique(kind == .tcp ? sni : hosts, of: "host", fields), path: path,
            target: .addresses(unique(endpoints.map { ($0.text, $0.position) }, of: "endpoint", fields)),
            options: options,
            place: reader.place(fields.position))
        rule.pool = reader.pool(fields, of: kind)
        rule.hold = reader.hold(fields)
        for endpoint in endpoints where endpoint.share != EndpointShare() && rule.shares[endpoint.text] == nil {
            rule.shares[endpoint.text] = endpoint.share
        }
        if kind == .http, !fields.has("hosts"), !fields.guesses.contains("hosts") {
            reader.report(
                "missing-field", at: fields.position, subject: name, found: "found no \"hosts\" in a rule",
                wanted: "wanted \(FieldType.host.wanted)")
        }
        refuseUnfit(rule, fields)
        if Schema.isField("tls", of: kind), let tls { readTLS(tls, into: &rule, fields) }
        if kind != .http {
            rule.transport = transport.options
            if let authorities = transport.authorities { readAuthorities(authorities, into: &rule, fields) }
            checkTogether(rule, fields)
        }
        return rule
    }

    private mutating func checkTogether(_ rule: RuleDeclaration, _ fields: Fields) {
        do {
            try rule.check()
        } catch {
            // What is not for the kind was reported one by one.
            guard Schema.transport.allSatisfy({ !fields.has($0.name) || Schema.isField($0.name, of: rule.kind) }) else {
                return
            }
            reader.report(error, "bad-transport", at: fields.position, fields)
        }
    }

    /// Only a rule that answers every request itself needs nowhere to pass it on to.
    private mutating func requireEndpoints(_ fields: Fields) {
        guard expectation.needsEndpoints, !fields.has("endpoints"), !fields.guesses.contains("endpoints"),
            !fields.has("redirect"),
            !fields.has("maintenance"), let field = Schema.rule.field(spelled: "endpoints")
        else { return }
        reader.report(
            "missing-field", at: fields.position, subject: fields.subject, found: "found no \"endpoints\" in a rule",
            wanted: "wanted \(field.type.wanted)")
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
            rule.listeners.isEmpty
            ? configuration.listeners.filter { $0.kind == .http } : rule.listeners.compactMap { listenersByName[$0] }
        let protocols = Set(served.map(\.wireProtocol))
        func report(_ code: String, _ found: String, _ wanted: String, _ severity: Diagnosis.Severity = .error) {
            reader.report(code, severity, at: position, subject: rule.name, found: found, wanted: wanted)
        }
        switch text {
        case "off":
            rule.tls = .off
            if rule.kind == .http, !rule.listeners.isEmpty, protocols == [.https] {
                report(
                    "no-http-listener", "found tls off on https listeners alone",
                    "wanted an http listener, or no \"tls\"")
            }
            return
        case "auto":
            rule.tls = .auto
            for host in rule.hosts where host != "*" && expectation.knowsCertificates {
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
        if rule.kind == .http, protocols.isDisjoint(with: [.https, .tcp]), listenerNames.count == listenersByName.count
        {
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

    private func isWeb(_ listener: String) -> Bool { listenersByName[listener]?.kind == .http }

    private mutating func claim(
        _ rule: RuleDeclaration, _ fields: Fields, _ holders: inout [RuleClaim: [Holder]]
    ) -> Bool {
        let claims = rule.claims
        for claim in claims {
            guard let holder = holders[claim]?.first(where: { $0.meets(rule.listeners, web: isWeb) }) else { continue }
            let field = rule.kind == .http ? "hosts" : Self.conditions.first(where: fields.has) ?? "listeners"
            let what = claim == .rest ? "listener \(rule.listeners.joined(separator: ", "))" : claim.description
            reader.report(
                "claimed-twice", at: fields.position(field), subject: rule.name,
                found: "found \(Shown.quoted(what)), which rule \"\(holder.rule)\" at line \(holder.line) serves",
                wanted: rule.kind.wantedInstead)
            return false
        }
        let holder = Holder(rule: rule.name, line: fields.position.line, listeners: rule.listeners)
        for claim in claims { holders[claim, default: []].append(holder) }
        return true
    }
}
