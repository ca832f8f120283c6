import Contract
import KontainersConfiguration

// Rules that are right one by one, of which one leaves nothing to the other.

extension RuleLinter {
    /// Call it once all rules are compiled.
    func shadows() -> [Diagnosis] {
        (takenHosts() + leftovers()).sorted { ($0.subject, $0.found) < ($1.subject, $1.found) }
    }

    /// Hosts of http rules whose TLS connections tcp rules take: one of each rule.
    private func takenHosts() -> [Diagnosis] {
        guard claims.contains(where: { Self.takesTLS($0.key) }) else { return [] }
        var told: Set<String> = []
        return secureHosts.sorted { $0.key < $1.key }.compactMap { host, web in
            guard !told.contains(web.rule), let (holder, listener) = taker(of: host, web) else { return nil }
            told.insert(web.rule)
            return Diagnosis(
                code: "shadowed", severity: .warning, place: web.place, subject: web.rule,
                found: "found host \"\(host)\", whose TLS connections on listener \"\(listener)\" rule "
                    + "\"\(holder.rule)\" (\(holder.place)) takes",
                wanted: "wanted only one of the two, or \"tls\" off here: requests with TLS do not get to this rule")
        }
    }

    /// A rule that wants a certain protocol leaves the others.
    private static func takesTLS(_ claim: RuleClaim) -> Bool {
        switch claim {
        case .names(_, let offered): offered.isEmpty
        case .preface(let preface): preface == .tls
        case .requests, .rest: false
        }
    }

    /// The tcp rule to which the host's TLS connections go, and a listener where they do.
    private func taker(of host: String, _ web: Claim) -> (Claim, listener: String)? {
        var takers: [RuleClaim] = [.names(host, protocol: "")]
        var rest = host.hasPrefix("*.") ? host.dropFirst(2) : host[...]
        while let dot = rest.firstIndex(of: ".") {
            rest = rest[rest.index(after: dot)...]
            takers.append(.names("*.\(rest)", protocol: ""))
        }
        takers += [.names("*", protocol: ""), .preface(.tls)]
        for holder in takers.flatMap({ claims[$0] ?? [] }) {
            if let listener = holder.listeners.first(where: { servesTLS(of: web, on: $0) }) {
                return (holder, listener)
            }
        }
        return nil
    }

    private func servesTLS(of web: Claim, on name: String) -> Bool {
        guard let listener = listeners.first(where: { $0.name == name }) else { return false }
        return switch listener.wireProtocol {
        case .https: web.listeners.isEmpty || web.listeners.contains(name)
        case .tcp: web.listeners.contains(name)
        case .http, .udp: false
        }
    }

    /// Rules for what nobody else asks for, where others ask for everything there is.
    private func leftovers() -> [Diagnosis] {
        var prefaces: [String: Int] = [:]
        for preface in TransportOptions.Preface.allCases {
            for holder in claims[.preface(preface)] ?? [] {
                for listener in holder.listeners { prefaces[listener, default: 0] += 1 }
            }
        }
        let all = TransportOptions.Preface.allCases.count
        return (claims[.rest] ?? []).compactMap { holder in
            guard !holder.listeners.isEmpty, holder.listeners.allSatisfy({ prefaces[$0] == all }) else { return nil }
            return Diagnosis(
                code: "shadowed", severity: .warning, place: holder.place, subject: holder.rule,
                found: "found a rule for what nobody else asks for on listener "
                    + "\"\(holder.listeners.joined(separator: ", "))\", where others ask for every preface",
                wanted: "wanted a listener of its own, or \"other\" left out there")
        }
    }
}
