import Certificates
import Contract
import HTTPTypes
import Reconciliation
import Routing

/// Says why a request goes where it goes, by the code that decides it in the edge.
actor Explainer {
    private let reconciler: Reconciler
    private let desk: EndpointDesk
    /// Compiled once a revision.
    private var compiled: (snapshot: Snapshot, table: RouteTable, diagnoses: [EdgeDiagnosis])?

    init(reconciler: Reconciler, desk: EndpointDesk) {
        self.reconciler = reconciler
        self.desk = desk
    }

    func explain(_ question: Question) async throws -> ExplanationDocument {
        let (snapshot, table) = try await newest()
        var document = ExplanationDocument(
            url: question.url, method: question.method, client: question.client, revision: snapshot.revision,
            listenerNote: "", answer: "")
        let (listener, note) = Self.listener(for: question, among: snapshot.listeners)
        document.listenerNote = note
        guard let listener else {
            document.answer = "the connection is refused: \(note)"
            return document
        }
        document.listener = .init(
            name: listener.name, address: listener.address, protocol: listener.wireProtocol.rawValue)
        let explanation = table.explanation(
            host: question.authority, path: question.path, listener: listener.name, secure: question.isSecure)
        document.considered = explanation.considered.map { considered in
            let redirects = if case .redirectToTLS = explanation.match { true } else { false }
            return .init(
                rule: considered.rule, host: considered.host, path: considered.path,
                outcome: considered.isWinner ? (redirects ? "redirects" : "serves") : "lost", reason: considered.reason)
        }
        document.answer = explanation.answer
        document.rule = explanation.winner
        let rule = explanation.winner.flatMap { name in snapshot.rules.first { $0.name == name } }
        if question.isSecure { document.certificate = Self.certificate(for: question, rule, snapshot.certificates) }
        guard let rule else { return document }
        document.stages = Stages(question, rule, explanation.match, table).all
        if let last = document.stages.last, last.effect == "answers" {
            document.answer = last.text
            return document
        }
        try await tellEndpoints(rule, &document)
        return document
    }

    private func newest() async throws -> (Snapshot, RouteTable) {
        guard let snapshot = await reconciler.snapshot else {
            throw Problem(.serviceUnavailable, "control has just started and publishes nothing yet; try again")
        }
        if let compiled, compiled.snapshot.revision == snapshot.revision { return (snapshot, compiled.table) }
        let compiler = RouteCompiler()
        for listener in snapshot.listeners { _ = compiler.listenerIndex(of: listener.name) }
        compiler.replaceAll(rules: snapshot.rules)
        let (table, diagnoses) = compiler.build(revision: snapshot.revision, epoch: snapshot.epoch)
        compiled = (snapshot, table, diagnoses)
        return (snapshot, table)
    }

    // MARK: - Listener and certificate

    private static func listener(for question: Question, among all: [Listener]) -> (Listener?, String) {
        if let name = question.listener {
            guard let listener = all.first(where: { $0.name == name }) else {
                return (nil, "there is no listener \"\(name)\"")
            }
            return (listener, "asked for by name")
        }
        func port(_ listener: Listener) -> Int? {
            listener.address.lastIndex(of: ":").flatMap { Int(listener.address[listener.address.index(after: $0)...]) }
        }
        func fits(_ listener: Listener) -> Bool {
            switch listener.wireProtocol {
            case .http: !question.isSecure
            case .https: question.isSecure
            case .tcp: true
            case .udp: false
            }
        }
        let there = all.filter { port($0) == question.port && $0.wireProtocol != .udp }
        if let listener = there.first(where: fits) { return (listener, "it has port \(question.port)") }
        if let other = there.first {
            return (
                nil,
                "listener \"\(other.name)\" has port \(question.port) and speaks \(other.wireProtocol.rawValue), not "
                    + (question.isSecure ? "https" : "http")
            )
        }
        // A port may be forwarded by somebody in front of this host.
        if let listener = all.first(where: { fits($0) && $0.wireProtocol != .tcp }) {
            return (
                listener,
                "nothing listens on port \(question.port); \"\(listener.name)\" at \(listener.address) is taken "
                    + "instead, as if that port led there"
            )
        }
        return (nil, "nothing listens on port \(question.port)")
    }

    private static func certificate(
        for question: Question, _ rule: Rule?, _ certificates: [Certificate]
    ) -> ExplanationDocument.Certificate? {
        func names(_ certificate: Certificate) -> [String] {
            CertificateInspection.inspect(chainPEM: certificate.chain, keyPEM: certificate.key).facts?.names ?? []
        }
        if let name = rule?.certificate, let certificate = certificates.first(where: { $0.name == name }) {
            return .init(name: name, names: names(certificate), note: "the rule names it")
        }
        let wild = question.host.firstIndex(of: ".").map { "*" + question.host[$0...] }
        for wanted in [question.host, wild].compactMap(\.self) {
            for certificate in certificates where names(certificate).contains(wanted) {
                return .init(name: certificate.name, names: names(certificate), note: "it has the name \(wanted)")
            }
        }
        return certificates.first.map {
            .init(
                name: $0.name, names: names($0),
                note: "no certificate has the name \(question.host): clients will refuse this one")
        }
    }

    // MARK: - Endpoints

    private func tellEndpoints(_ rule: Rule, _ document: inout ExplanationDocument) async throws {
        let plan = rule.pool ?? PoolOptions()
        document.policy = plan.policy.rawValue
        let readings: [EndpointReading]
        switch await desk.list(rule.name) {
        case .success(let list): readings = list.endpoints
        case .failure: readings = []
        }
        func isReady(_ reading: EndpointReading) -> Bool {
            switch reading.state {
            case .ready, .starting: reading.opinions.isEmpty && reading.weight != 0
            case .draining, .drained, .down, .absent: false
            }
        }
        // A higher tier serves while nobody of those below is usable.
        let tier = readings.filter(isReady).map(\.tier).min()
        document.endpoints = readings.map { reading in
            var reasons = reading.reason.isEmpty ? [] : [reading.reason]
            reasons += reading.opinions.map { "\($0.bars.joined(separator: ", ")): \($0.reason)" }
            if reading.weight == 0 { reasons.append("its weight is 0") }
            if isReady(reading), reading.tier != tier { reasons.append("tier \(tier ?? 0) has usable endpoints") }
            return .init(
                endpoint: reading.endpoint, address: reading.address, state: reading.state,
                reason: reasons.joined(separator: "; "), weight: reading.weight, tier: reading.tier,
                eligible: isReady(reading) && reading.tier == tier)
        }
        let eligible = document.endpoints.filter(\.eligible)
        if eligible.isEmpty {
            document.answer =
                rule.holding == nil
                ? "503, none of its endpoints is usable" : "the request waits until one of its endpoints is usable"
        } else if eligible.count == 1 {
            document.answer += "; endpoint \(eligible[0].endpoint) gets it"
        } else {
            document.answer += "; one of \(eligible.count) endpoints gets it, by \(plan.policy.rawValue)"
        }
    }
}
