import Contract
import Proxy
import Routing
import TLS

/// The rules of kind `tcp` that take TLS off connections or put it on, and what is made of them for each revision. What
/// costs time, a context with its authorities, is made once for each rule as it stands.
struct ConnectionTLSBook {
    private struct Entry {
        var rule: Rule
        /// `nil` where none is asked for, or none could be made.
        var client: TLSClientContext?
        var fault: String?
    }

    private var entries: [String: Entry] = [:]

    mutating func remove(_ name: String) { entries[name] = nil }

    mutating func put(_ rule: Rule) {
        let upstream = rule.transport?.upstreamTLS
        guard rule.kind == .tcp, rule.tls == .required || upstream != nil else { return entries[rule.name] = nil }
        guard let upstream else { return entries[rule.name] = Entry(rule: rule) }
        if let entry = entries[rule.name], entry.rule.transport == rule.transport {
            entries[rule.name]?.rule = rule
            return
        }
        let trust: TLSClientContext.Trust =
            if !upstream.verify { .anybody } else { upstream.authorities.map { .authorities($0) } ?? .system }
        let client = TLSClientContext(trusting: trust, protocols: rule.transport?.protocols ?? [])
        let fault =
            client == nil
            ? "upstreamTLS: found authorities that cannot be read, wanted certificates in PEM; no endpoint is trusted"
            : nil
        entries[rule.name] = Entry(rule: rule, client: client, fault: fault)
    }

    /// By route number of the table.
    func compile(for table: RouteTable, _ contexts: TLSContexts) -> ([UInt32: ConnectionTLS], [EdgeDiagnosis]) {
        guard !entries.isEmpty else { return ([:], []) }
        var compiled: [UInt32: ConnectionTLS] = [:]
        for (number, name) in table.routeNames {
            guard let entry = entries[name] else { continue }
            let rule = entry.rule
            // With hosts the certificate is found by their names.
            let server =
                rule.tls == .required
                ? contexts.forConnections(
                    certificate: rule.hosts.isEmpty ? rule.certificate : nil,
                    protocols: rule.transport?.protocols ?? []) : nil
            compiled[number] = ConnectionTLS(
                server: server, client: entry.client, serverName: rule.transport?.upstreamTLS?.serverName)
        }
        let faults = entries.values.compactMap { entry in
            entry.fault.map { EdgeDiagnosis(subject: .rule, name: entry.rule.name, message: $0) }
        }
        return (compiled, faults)
    }
}
