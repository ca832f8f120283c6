import Contract
import Docker
import KontainersConfiguration

/// Turns candidates into rules, in order: who comes first is served, who comes later and asks for the same is told.
struct RuleLinter {
    private struct Claim {
        var listeners: [String]
        var rule: String
        var place: Place
    }

    private let listeners: [Listener]
    private let certificates: [LoadedCertificate]
    private let servesTLS: Bool
    private struct Spot: Hashable {
        var host: String
        var path: String
    }

    private var claims: [Spot: [Claim]] = [:]

    init(listeners: [Listener], certificates: [LoadedCertificate]) {
        self.listeners = listeners
        self.certificates = certificates.sorted { $0.certificate.name < $1.certificate.name }
        servesTLS = listeners.contains { $0.wireProtocol == .https }
    }

    mutating func compile(
        _ candidate: DesiredState.Candidate, _ overrides: Overrides.OfRule?, _ diagnoses: inout [Diagnosis]
    ) -> Rule? {
        let declaration = candidate.declaration
        var rule = Rule(name: candidate.name, path: declaration.path)
        guard let listeners = knownListeners(candidate, &diagnoses) else { return nil }
        rule.listeners = listeners
        rule.hosts = unclaimedHosts(candidate, listeners, &diagnoses)
        guard !rule.hosts.isEmpty else { return nil }
        (rule.tls, rule.certificate) = security(candidate, rule.hosts, &diagnoses)
        rule.options = declaration.options
        rule.pool = declaration.pool
        let members = overrides?.applied(to: candidate.members) ?? candidate.members
        // Who takes everything out wants nobody to wait for it.
        rule.holding = overrides?.drainsAll(candidate.members) == true ? nil : candidate.holding
        (rule.endpoints, rule.note) = Self.pool(members)
        return rule
    }

    // MARK: - Listeners and hosts

    /// `nil` when the rule names listeners and none of them is there: to serve it everywhere is not what was asked.
    private func knownListeners(
        _ candidate: DesiredState.Candidate, _ diagnoses: inout [Diagnosis]
    ) -> [String]? {
        let asked = candidate.declaration.listeners
        guard !asked.isEmpty else { return [] }
        var known: [String] = []
        for name in asked {
            if listeners.contains(where: { $0.name == name }) {
                known.append(name)
                continue
            }
            let names = listeners.map { "\"\($0.name)\"" }.joined(separator: ", ")
            diagnoses.append(
                Diagnosis(
                    code: "unknown-listener", place: candidate.declaration.place, subject: candidate.declaration.name,
                    found: "found listener \"\(name)\"",
                    wanted: names.isEmpty ? "wanted a listener in the configuration" : "wanted one of \(names)"))
        }
        return known.isEmpty ? nil : known.sorted()
    }

    /// Those of its hosts that no earlier rule serves with the same path on the same listener.
    private mutating func unclaimedHosts(
        _ candidate: DesiredState.Candidate, _ listeners: [String], _ diagnoses: inout [Diagnosis]
    ) -> [String] {
        let declaration = candidate.declaration
        let claim = Claim(listeners: listeners, rule: candidate.name, place: declaration.place)
        var free: [String] = []
        for host in declaration.hosts where !free.contains(host) {
            let key = Spot(host: host, path: declaration.path)
            if let earlier = claims[key]?.first(where: { Self.meet($0.listeners, listeners) }) {
                diagnoses.append(
                    Diagnosis(
                        code: "conflict", place: declaration.place, subject: declaration.name,
                        found: "found host \"\(host)\" with path \"\(declaration.path)\", which rule "
                            + "\"\(earlier.rule)\" (\(earlier.place)) serves already",
                        wanted: "wanted another host or path, or only one of the two rules"))
                continue
            }
            claims[key, default: []].append(claim)
            free.append(host)
        }
        return free
    }

    /// An empty list stands for every listener.
    private static func meet(_ one: [String], _ other: [String]) -> Bool {
        one.isEmpty || other.isEmpty || one.contains { other.contains($0) }
    }

    // MARK: - TLS

    private func security(
        _ candidate: DesiredState.Candidate, _ hosts: [String], _ diagnoses: inout [Diagnosis]
    ) -> (Rule.TLS, certificate: String?) {
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
            guard servesTLS else {
                tell(
                    "no-https-listener", .warning, "found tls \"auto\" and no https listener",
                    "wanted a listener with protocol https; until then it is served without TLS")
                return (.any, nil)
            }
            let uncovered = hosts.filter { host in !certificates.contains { $0.covers(host) } }
            guard uncovered.isEmpty else {
                let list = uncovered.map { "\"\($0)\"" }.joined(separator: ", ")
                tell(
                    "no-certificate-yet", .warning, "found tls \"auto\", and no certificate covers \(list) yet",
                    "wanted a certificate with that name; until then it is also served without TLS")
                return (.any, nil)
            }
            // One that covers all is named; otherwise the edge picks for each host by its name.
            return (.required, certificates.first { hosts.allSatisfy($0.covers) }?.certificate.name)
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
                if let endpoint = member.endpoint, seen.insert(endpoint.address).inserted { endpoints.append(endpoint) }
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
