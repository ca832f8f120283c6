import Bytes
import Contract
import Proxy
import Routing
import TLS

/// What the edge serves, and the next revision in the making. On the conductor's thread.
///
/// A delta touches what it names: rules stay compiled, certificates keep their contexts, and only the table is built
/// anew.
final class EdgeState {
    private(set) var epoch = ""
    private(set) var revision: UInt64 = 0
    private(set) var settings = Settings()
    private(set) var listeners: [Listener] = []
    private var certificates: [Certificate] = []
    private var rules: [String: Rule] = [:]
    private let compiler = RouteCompiler()
    private var contexts = TLSContexts.build(certificates: [], assignments: [], policy: .intermediate, previous: nil).0
    private var contextDiagnoses: [EdgeDiagnosis] = []
    /// Rules that name a certificate: few, and looked at only when one of them or a certificate changes.
    private var assignments: [String: [(host: String, certificate: String)]] = [:]
    /// Rules that take TLS off connections or put it on, with what they do it by: by name, few as well.
    private var connectionTLS = ConnectionTLSBook()
    private(set) var isServing = false

    func listenerIndex(of name: String) -> Int { compiler.listenerIndex(of: name) }

    /// Everything, in place of what was there.
    func replace(with snapshot: Snapshot) {
        epoch = snapshot.epoch
        revision = snapshot.revision
        settings = snapshot.settings
        listeners = snapshot.listeners
        certificates = snapshot.certificates
        rules = Dictionary(snapshot.rules.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        assignments = [:]
        connectionTLS = ConnectionTLSBook()
        for rule in snapshot.rules {
            assign(rule)
            connectionTLS.put(rule)
        }
        compiler.replaceAll(rules: snapshot.rules)
        buildContexts()
        isServing = true
    }

    /// A change on top of what is there. `false`: it does not start from here.
    func apply(_ delta: Delta) -> Bool {
        guard isServing, delta.epoch == epoch, delta.base == revision else { return false }
        revision = delta.revision
        if let listeners = delta.listeners { self.listeners = listeners }
        var mustBuildContexts = !delta.certificates.isEmpty
        if let settings = delta.settings {
            mustBuildContexts = mustBuildContexts || settings.tlsPolicy != self.settings.tlsPolicy
            self.settings = settings
        }
        apply(delta.certificates)
        for name in delta.rules.removed {
            rules[name] = nil
            connectionTLS.remove(name)
            if assignments.removeValue(forKey: name) != nil { mustBuildContexts = true }
        }
        for rule in delta.rules.put {
            rules[rule.name] = rule
            connectionTLS.put(rule)
            let had = assignments.removeValue(forKey: rule.name) != nil
            assign(rule)
            if had || assignments[rule.name] != nil { mustBuildContexts = true }
        }
        compiler.remove(delta.rules.removed)
        compiler.put(delta.rules.put)
        if mustBuildContexts { buildContexts() }
        return true
    }

    private func apply(_ change: Delta.Change<Certificate>) {
        certificates.removeAll { old in change.removed.contains(old.name) }
        for new in change.put {
            if let place = certificates.firstIndex(where: { $0.name == new.name }) {
                certificates[place] = new
            } else {
                certificates.append(new)
            }
        }
    }

    private func assign(_ rule: Rule) {
        guard let certificate = rule.certificate, rule.tls != .off else { return }
        // Of connections only those whose TLS is taken off need one.
        guard rule.kind == .http || rule.tls == .required else { return }
        assignments[rule.name] = rule.hosts.map { ($0, certificate) }
    }

    private func buildContexts() {
        let policy: TLS.TLSPolicy =
            switch settings.tlsPolicy {
            case .modern: .modern
            case .intermediate: .intermediate
            }
        let (built, failures) = TLSContexts.build(
            certificates: certificates.map { CertificateInput(name: $0.name, chain: $0.chain, key: $0.key) },
            assignments: assignments.keys.sorted().flatMap { assignments[$0] ?? [] }, policy: policy,
            previous: contexts)
        contexts = built
        contextDiagnoses = failures.map { EdgeDiagnosis(subject: .certificate, name: $0.name, message: $0.message) }
    }

    /// What the workers need, and what of it could not be served as asked.
    func compile(adopted: @escaping @Sendable () -> Void) -> (Revision, [EdgeDiagnosis]) {
        let (table, faults) = compiler.build(revision: revision, epoch: epoch)
        let secure = listeners.first { $0.wireProtocol == .https }
        let port = secure.flatMap { $0.address.split(separator: ":").last }.flatMap { Int($0) } ?? 443
        let (connections, connectionFaults) = connectionTLS.compile(for: table, contexts)
        let revision = Revision(
            table: table, contexts: contexts, connectionTLS: connections, settings: settings, securePort: port,
            adopted: adopted)
        return (revision, contextDiagnoses + faults + trustFaults + connectionFaults)
    }

    private var trustFaults: [EdgeDiagnosis] {
        settings.trustedProxies.filter { AddressPrefix($0) == nil }.map {
            EdgeDiagnosis(
                subject: .settings, name: "trustedProxies",
                message: "found \"\($0)\", wanted an address or a range such as 10.0.0.0/8; it is nobody's word")
        }
    }

    var ruleCount: Int { rules.count }

    /// Everything as one snapshot, to be kept on disk.
    func snapshot() -> Snapshot {
        Snapshot(
            revision: revision, epoch: epoch, settings: settings, listeners: listeners, certificates: certificates,
            rules: Array(rules.values))
    }
}
