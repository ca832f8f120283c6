import Contract
import Docker
import KontainersConfiguration

/// Turns candidates into rules, in order: who comes first is served, who comes later and asks for the same is told.
struct RuleLinter {
    struct Claim {
        var listeners: [String]
        var rule: String
        var place: Place
    }

    let listeners: [Listener]
    private let certificates: [LoadedCertificate]
    private let web: Set<String>
    private(set) var claims: [RuleClaim: [Claim]] = [:]
    /// The hosts that are served with TLS, for rules that take their connections away. First come, first told.
    private(set) var secureHosts: [String: Claim] = [:]

    init(listeners: [Listener], certificates: [LoadedCertificate]) {
        self.listeners = listeners
        self.certificates = certificates.sorted { $0.certificate.name < $1.certificate.name }
        web = Set(listeners.filter { $0.wireProtocol == .http || $0.wireProtocol == .https }.map(\.name))
    }

    /// - Parameter port: the listener that the rule has for the port which its label asks for.
    mutating func compile(
        _ candidate: DesiredState.Candidate, port: String? = nil, _ overrides: Overrides.OfRule?,
        _ diagnoses: inout [Diagnosis]
    ) -> Rule? {
        let declaration = candidate.declaration
        var rule = Rule(name: candidate.name, kind: declaration.kind, path: declaration.path)
        guard let listeners = knownListeners(candidate, port, &diagnoses) else { return nil }
        rule.listeners = listeners
        guard let hosts = unclaimedHosts(candidate, listeners, &diagnoses) else { return nil }
        rule.hosts = hosts
        (rule.tls, rule.certificate) = security(candidate, rule, &diagnoses)
        if rule.kind == .http, rule.tls != .off {
            for host in hosts where secureHosts[host] == nil {
                secureHosts[host] = Claim(listeners: listeners, rule: candidate.name, place: declaration.place)
            }
        }
        rule.options = declaration.options
        rule.pool = declaration.pool
        rule.transport = declaration.transport
        let members = overrides?.applied(to: candidate.members) ?? candidate.members
        // Who takes everything out wants nobody to wait for it.
        rule.holding = overrides?.drainsAll(candidate.members) == true ? nil : candidate.holding
        (rule.endpoints, rule.note) = Self.pool(members)
        return rule
    }

    // MARK: - Listeners and claims

    /// `nil` when the rule names listeners and none of them is there or serves its kind: to serve it everywhere is not
    /// what was asked.
    private func knownListeners(
        _ candidate: DesiredState.Candidate, _ port: String?, _ diagnoses: inout [Diagnosis]
    ) -> [String]? {
        let declaration = candidate.declaration
        func tell(_ code: String, _ found: String, _ wanted: String) {
            diagnoses.append(
                Diagnosis(
                    code: code, place: declaration.place, subject: declaration.name, found: found, wanted: wanted))
        }
        let isEverywhere = declaration.kind == .http && declaration.listeners.isEmpty
        guard !isEverywhere else { return [] }
        var known: Set<String> = port.map { [$0] } ?? []
        for name in declaration.listeners {
            guard let listener = listeners.first(where: { $0.name == name }) else {
                let names = listeners.map { "\"\($0.name)\"" }.joined(separator: ", ")
                tell(
                    "unknown-listener", "found listener \"\(name)\"",
                    names.isEmpty ? "wanted a listener in the configuration" : "wanted one of \(names)")
                continue
            }
            guard let wanted = Self.wantedInstead(of: listener, for: declaration) else {
                known.insert(name)
                continue
            }
            tell(
                "wrong-listener",
                "found \(listener.wireProtocol.rawValue) listener \"\(name)\" in \(declaration.kind.inARule)",
                wanted)
        }
        return known.isEmpty ? nil : known.sorted()
    }

    /// `nil` when the listener serves rules of this kind.
    private static func wantedInstead(of listener: Listener, for declaration: RuleDeclaration) -> String? {
        switch (declaration.kind, listener.wireProtocol) {
        case (.http, .http), (.http, .https), (.http, .tcp), (.tcp, .tcp), (.udp, .udp): nil
        case (.tcp, .http), (.tcp, .https):
            declaration.hasConditions
                ? nil : "wanted \"sni\", \"alpn\" or \"preface\" too, or a listener with protocol tcp"
        case (.http, .udp): "wanted a listener with protocol http, https or tcp"
        case (.tcp, .udp), (.udp, .http), (.udp, .https), (.udp, .tcp):
            "wanted a listener with protocol \(declaration.kind.rawValue)"
        }
    }

    /// Those of its hosts that no earlier rule serves on the same listener; `nil` when nothing is left for it.
    private mutating func unclaimedHosts(
        _ candidate: DesiredState.Candidate, _ listeners: [String], _ diagnoses: inout [Diagnosis]
    ) -> [String]? {
        let declaration = candidate.declaration
        let claim = Claim(listeners: listeners, rule: candidate.name, place: declaration.place)
        func earlier(_ keys: [RuleClaim]) -> Claim? {
            for key in keys {
                if let claim = claims[key]?.first(where: { meet($0.listeners, listeners) }) { return claim }
            }
            return nil
        }
        func tell(_ found: String, _ earlier: Claim) {
            diagnoses.append(
                Diagnosis(
                    code: "conflict", place: declaration.place, subject: declaration.name,
                    found: "found \(found), which rule \"\(earlier.rule)\" (\(earlier.place)) serves already",
                    wanted: declaration.kind.wantedInstead + ", or only one of the two rules"))
        }
        if declaration.hosts.isEmpty {
            guard declaration.kind != .http else { return nil }
            let keys = declaration.claims
            if let earlier = earlier(keys) {
                let names = listeners.map { "\"\($0)\"" }.joined(separator: ", ")
                tell("\(keys.map(\.description).joined(separator: ", ")) on listener \(names)", earlier)
                return nil
            }
            for key in keys { claims[key, default: []].append(claim) }
            return []
        }
        var free: [String] = []
        for host in declaration.hosts where !free.contains(host) {
            let keys = declaration.claims(of: host)
            if let earlier = earlier(keys) {
                tell(
                    declaration.kind == .http
                        ? "host \"\(host)\" with path \"\(declaration.path)\"" : "\"\(keys[0])\"", earlier)
                continue
            }
            for key in keys { claims[key, default: []].append(claim) }
            free.append(host)
        }
        return free.isEmpty ? nil : free
    }

    /// An empty list stands for every http and https listener.
    private func meet(_ one: [String], _ other: [String]) -> Bool {
        switch (one.isEmpty, other.isEmpty) {
        case (true, true): true
        case (true, false): other.contains(where: web.contains)
        case (false, true): one.contains(where: web.contains)
        case (false, false): one.contains { other.contains($0) }
        }
    }

    // MARK: - TLS

    private func security(
        _ candidate: DesiredState.Candidate, _ rule: Rule, _ diagnoses: inout [Diagnosis]
    ) -> (Rule.TLS, certificate: String?) {
        let hosts = rule.hosts
        let declaration = candidate.declaration
        func tell(_ code: String, _ severity: Diagnosis.Severity, _ found: String, _ wanted: String) {
            diagnoses.append(
                Diagnosis(
                    code: code, severity: severity, place: declaration.place, subject: declaration.name, found: found,
                    wanted: wanted))
        }
        switch declaration.tls {
        case .unspecified: return (.any, nil)
        case .off: return (.off, nil)
        case .certificate(let name):
            guard certificates.contains(where: { $0.certificate.name == name }) else {
                let names = certificates.map { "\"\($0.certificate.name)\"" }.joined(separator: ", ")
                tell(
                    "unknown-certificate", .error,
                    "found tls \"\(name)\", and no certificate of this name is in service",
                    "wanted auto, off\(names.isEmpty ? "" : ", or one of \(names)"); until then the certificate is "
                        + "chosen by the host's name")
                return (.required, nil)
            }
            return (.required, name)
        case .auto:
            guard servesTLS(rule) else {
                tell(
                    "no-https-listener", .warning, "found tls \"auto\" and no https listener",
                    "wanted a listener with protocol https; until then it is served without TLS")
                return (.any, nil)
            }
            let uncovered = hosts.filter { host in !certificates.contains { $0.covers(host) } }
            guard uncovered.isEmpty else {
                let list = uncovered.map { "\"\($0)\"" }.joined(separator: ", ")
                // A connection that asks for TLS is not passed on as it is: the endpoints do not speak it.
                let isStream = rule.kind == .tcp
                tell(
                    "no-certificate-yet", .warning, "found tls \"auto\", and no certificate covers \(list) yet",
                    "wanted a certificate with that name; until then "
                        + (isStream ? "clients that ask for it are refused" : "it is also served without TLS"))
                return (isStream ? .required : .any, nil)
            }
            // One that covers all is named; otherwise the edge picks for each host by its name.
            return (.required, certificates.first { hosts.allSatisfy($0.covers) }?.certificate.name)
        }
    }

    /// Whether any of its listeners takes TLS off.
    private func servesTLS(_ rule: Rule) -> Bool {
        guard rule.kind == .http else { return true }
        return listeners.contains { listener in
            switch listener.wireProtocol {
            case .https: rule.listeners.isEmpty || rule.listeners.contains(listener.name)
            case .tcp: rule.listeners.contains(listener.name)
            case .http, .udp: false
            }
        }
    }

    // MARK: - Endpoints

    /// How many members' notes a rule's note repeats.
    private static let notesLimit = 4

    /// The ready ones; with none of them, those whose health check has not passed yet; with neither, the reasons.
    static func pool(_ members: [DesiredState.Member]) -> (endpoints: [Endpoint], note: String?) {
        for readiness in [Readiness.ready, .starting] {
            var endpoints: [Endpoint] = []
            var seen: Set<String> = []
            for member in members where member.readiness == readiness {
                guard var endpoint = member.endpoint, seen.insert(endpoint.address).inserted else { continue }
                if readiness == .starting { endpoint.isStarting = true }
                endpoints.append(endpoint)
            }
            if !endpoints.isEmpty { return (endpoints, nil) }
        }
        if members.contains(where: \.isAsleep) { return ([], DesiredState.asleepNote) }
        let notes = members.map(\.note).filter { !$0.isEmpty }
        guard !notes.isEmpty else { return ([], "it has no endpoints") }
        let more = notes.count > notesLimit ? ", and \(notes.count - notesLimit) more" : ""
        return ([], notes.prefix(notesLimit).joined(separator: ", ") + more)
    }
}
