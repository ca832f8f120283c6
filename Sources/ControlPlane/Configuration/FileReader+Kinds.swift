import Certificates
import Contract

// What a rule of the file passes on, and which listeners can serve it.

extension FileReader {
    /// `nil` when listeners or fields are wrong, which is reported.
    mutating func kind(of listeners: [(text: String, position: Position)], _ fields: Fields) -> Rule.Kind? {
        guard let served = known(listeners, fields) else { return nil }
        guard let kind = saidKind(fields) ?? commonKind(of: served, fields) else { return nil }
        if fields.has("listeners") {
            // A list of listeners that is empty or wrong was reported.
            guard !served.isEmpty else { return nil }
            for (listener, position) in served where !serves(listener, kind, fields, at: position) { return nil }
            return kind
        }
        switch kind {
        case .http:
            if !configuration.listeners.contains(where: { $0.wireProtocol == .http || $0.wireProtocol == .https }),
                listenerNames.count == listenersByName.count
            {
                reader.report(
                    "no-listener", at: fields.position, subject: fields.subject,
                    found: "found no http or https listener for the rule",
                    wanted: "wanted one in \"listeners\", or the rule's own \"listener\"")
            }
            return .http
        case .tcp, .udp:
            guard expectation.needsListener else { return kind }
            guard !fields.guesses.contains("listeners") else { return nil }
            reader.report(
                "no-listener", at: fields.position, subject: fields.subject,
                found: "found no \"listener\" in a \(kind.rawValue) rule",
                wanted: "wanted the name of a \(kind.rawValue) listener: such a rule is not served everywhere")
            return nil
        }
    }

    private mutating func known(
        _ listeners: [(text: String, position: Position)], _ fields: Fields
    ) -> [(listener: Listener, position: Position)]? {
        var known: [(listener: Listener, position: Position)] = []
        for (name, position) in listeners {
            if let listener = listenersByName[name] {
                known.append((listener, position))
                continue
            }
            // A listener with a fault of its own was reported; its rules wait for it.
            guard listenerNames.contains(name) else {
                reader.report(
                    "unknown-listener", at: position, subject: fields.subject,
                    found: "found no listener named \"\(name)\"",
                    wanted: Suggestion.question(name, among: listenerNames.sorted(), calling: "one of the listeners"))
                return nil
            }
            reader.refuseSilently()
            return nil
        }
        return known
    }

    /// What the rule itself says of its kind.
    private mutating func saidKind(_ fields: Fields) -> Rule.Kind? {
        if let kind = reader.text("kind", of: fields).flatMap(Rule.Kind.init) { return kind }
        if Self.conditions.contains(where: fields.has) { return .tcp }
        return fields.has("hosts") ? .http : nil
    }

    /// By which a tcp rule chooses among the connections of a listener.
    static let conditions = ["sni", "alpn", "preface"]

    /// What its listeners say of a rule that says nothing; without any, it is for requests.
    private mutating func commonKind(
        of served: [(listener: Listener, position: Position)], _ fields: Fields
    ) -> Rule.Kind? {
        let kinds = Set(served.map { $0.listener.kind })
        guard kinds.count > 1 else { return kinds.first ?? .http }
        reader.report(
            "mixed-listeners", at: fields.position("listeners"), subject: fields.subject,
            found: "found listeners of different kinds: " + kinds.map(\.rawValue).sorted().joined(separator: ", "),
            wanted: "wanted a rule for each kind, or \"kind\"")
        return nil
    }

    private mutating func serves(
        _ listener: Listener, _ kind: Rule.Kind, _ fields: Fields, at position: Position
    ) -> Bool {
        switch (kind, listener.wireProtocol) {
        case (.http, .http), (.http, .https), (.http, .tcp), (.tcp, .tcp), (.udp, .udp): return true
        case (.tcp, .http), (.tcp, .https):
            if Self.conditions.contains(where: fields.has) { return true }
            reader.report(
                "wrong-listener", at: position, subject: fields.subject,
                found: "found \(listener.wireProtocol.rawValue) listener \"\(listener.name)\" in a tcp rule that takes "
                    + "whatever comes",
                wanted:
                    "wanted \"sni\", \"alpn\" or \"preface\" too, which tell its connections from requests, or a tcp "
                    + "listener")
        case (.http, .udp), (.tcp, .udp), (.udp, .http), (.udp, .https), (.udp, .tcp):
            let protocols = kind == .http ? "http, https or tcp" : kind.rawValue
            reader.report(
                "wrong-listener", at: position, subject: fields.subject,
                found:
                    "found \(listener.wireProtocol.rawValue) listener \"\(listener.name)\" in \(kind.inARule)",
                wanted: "wanted a listener with protocol \(protocols)")
        }
        return false
    }

    /// Reports the fields that have no meaning for the rule's kind.
    mutating func refuseUnfit(_ rule: RuleDeclaration, _ fields: Fields) {
        for field in Schema.rule.fields where !Schema.isField(field.name, of: rule.kind) {
            guard let (_, pair) = fields.written(field.name) else { continue }
            let wanted =
                switch (rule.kind, field.name) {
                case (.tcp, "hosts"): "wanted \"sni\": the names that clients ask for when they begin TLS"
                case (.http, _): "wanted it left out, or \"kind\" to be what it is for"
                case (_, _): "wanted it left out: \(rule.kind.traffic) have none"
                }
            reader.report(
                "not-for-kind", at: fields.position(field.name), subject: rule.name,
                found: "found \"\(pair.key)\" in \(rule.kind.inARule)",
                wanted: wanted)
        }
        reader.refuseUnfit(fields, for: rule.kind, rule.options, rule.pool)
    }

    // MARK: - Authorities

    /// Reads the authorities of `upstreamTLS`. A file that cannot be read keeps the rule as it was.
    mutating func readAuthorities(
        _ authorities: (path: String, position: Position), into rule: inout RuleDeclaration, _ fields: Fields
    ) {
        let file = FileText.resolved(authorities.path, against: path)
        guard let text = contents(file, at: authorities.position, fields.subject) else { return }
        if let problem = CertificateInspection.problem(ofAuthorities: text) {
            reader.report(
                problem.code, at: authorities.position, subject: fields.subject,
                found: "\(problem.found), in \(Shown.quoted(file))", wanted: problem.wanted)
        }
        rule.transport?.upstreamTLS?.authorities = text
        rule.authoritiesPath = file
    }
}

extension Listener {
    /// What it passes on unless a rule says otherwise.
    var kind: Rule.Kind {
        switch wireProtocol {
        case .http, .https: .http
        case .tcp: .tcp
        case .udp: .udp
        }
    }
}
