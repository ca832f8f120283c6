import Contract
import Docker
public import KontainersConfiguration
import Store

/// All sources merged, linted and resolved: one pure step from ``Sources`` to what the edge needs, and what is to be
/// told to people. It remembers what it read of each container, which name each pool has, and which rules lost their
/// containers a moment ago, and nothing else: the same sources at the same times always give the same result.
public struct DesiredState {
    public struct Outcome: Sendable {
        public var content: SnapshotContent
        public var diagnoses: [Diagnosis]
        /// Which address of a container is used, and why, by `container/rule`: of those that were chosen anew.
        public var reasons: [String: String]
        /// Hosts in static endpoints that are names, not addresses.
        public var names: Set<String>
        /// What differs in the rules from the last outcome, where that is known without looking at all of them.
        var change: Delta.Change<Rule>?
        /// When it is to be computed again though no source has news.
        public var nextChange: ContinuousClock.Instant?
        var sleep = SleepPlan()
        /// What the rules were made of, before overrides.
        var candidates: [Candidate] = []
        /// The names of the rules that containers declare, by pool.
        var poolNames: [String: String] = [:]
    }

    // Both are references, because there may be thousands of them and they are passed on several times.

    /// One container's share of a pool, or one static endpoint.
    final class Member: Sendable {
        let order: String
        let endpoint: Endpoint?
        let readiness: Readiness
        /// Why there is no endpoint, or why it is not ready.
        let note: String
        /// The container's name, or the endpoint as the file has it.
        let name: String
        /// The container's id.
        let container: String?
        /// Milliseconds that a request waits for its start; 0: it is not started for one.
        let wake: Int
        /// A request starts it, now or as soon as it has stopped.
        let isAsleep: Bool

        init(
            _ order: String, _ endpoint: Endpoint?, _ readiness: Readiness, _ note: String, name: String,
            container: String? = nil, wake: Int = 0, isAsleep: Bool = false
        ) {
            self.order = order
            self.endpoint = endpoint
            self.readiness = readiness
            self.note = note
            self.wake = wake
            self.isAsleep = isAsleep
            self.name = name
            self.container = container
        }
    }

    /// A rule on its way to be compiled.
    final class Candidate: Sendable {
        let name: String
        let declaration: RuleDeclaration
        let members: [Member]
        let holding: Holding?

        init(_ name: String, _ declaration: RuleDeclaration, _ members: [Member]) {
            self.name = name
            self.declaration = declaration
            self.members = members
            holding = DesiredState.holding(declaration, members)
        }
    }

    var parser: LabelParser
    /// By engine, then by container.
    var readings: [String: [String: ContainerReading]] = [:]
    var poolNames: [String: String] = [:]
    /// By pool.
    var lingering: [String: Linger] = [:]
    /// Whether any container has labels for sleep.
    var hasSleepers = false
    private var routes: LocalRoutes?
    var last: LastCompilation?
    private var fileCandidates: (rules: [RuleDeclaration], candidates: [Candidate])?

    public init(parser: @escaping LabelParser) { self.parser = parser }

    public mutating func compute(_ sources: Sources, now: ContinuousClock.Instant) -> Outcome {
        let isMoved = sources.routes != routes
        routes = sources.routes
        var outcome = Outcome(
            content: SnapshotContent(settings: sources.file.settings), diagnoses: sources.fileDiagnoses, reasons: [:],
            names: [])
        outcome.diagnoses += sources.listenerDiagnoses + sources.sleepDiagnoses
        outcome.content.certificates = sources.certificates.map(\.certificate).sorted { $0.name < $1.name }

        var candidates = fileCandidates(sources, &outcome)
        candidates += storedCandidates(sources, &outcome)
        candidates += containerCandidates(sources, isMoved: isMoved, now, &outcome)
        let leftBehind = lingeringCandidates()
        if leftBehind.isEmpty, let few = fewChanges(candidates, sources) {
            outcome.content.listeners = sources.file.listeners
            (outcome.content.rules, outcome.change) = (few.rules, few.change)
            return finished(candidates, sources, &outcome)
        }
        last = nil
        let told = outcome.diagnoses.count
        let grants = grants(candidates, lingering: leftBehind, sources.file, &outcome.diagnoses)
        outcome.diagnoses += Self.failures(sources.listenerDiagnoses, candidates, grants)
        outcome.content.listeners = sources.file.listeners + grants.listeners
        let overrides = sources.overrides.settled(on: poolNames)
        var linter = RuleLinter(listeners: outcome.content.listeners, certificates: sources.certificates)
        for candidate in candidates {
            let rule = linter.compile(
                candidate, port: grants.names[candidate.name], overrides.of(candidate.name), &outcome.diagnoses)
            if let rule { outcome.content.rules.append(rule) }
        }
        outcome.diagnoses += linter.shadows()
        // Behind all others, because nothing that is there is to wait for what is gone; and without a word.
        var unsaid: [Diagnosis] = []
        for candidate in leftBehind {
            let rule = linter.compile(candidate, port: grants.names[candidate.name], nil, &unsaid)
            if let rule { outcome.content.rules.append(rule) }
        }
        outcome.content.rules.sort { $0.name < $1.name }
        if leftBehind.isEmpty, grants.names.isEmpty, sources.overrides.isEmpty, outcome.diagnoses.count == told {
            last = LastCompilation(
                listeners: sources.file.listeners, certificates: sources.certificates, candidates: candidates,
                claims: linter.claims, rules: outcome.content.rules)
        }
        return finished(candidates, sources, &outcome)
    }

    private func finished(_ candidates: [Candidate], _ sources: Sources, _ outcome: inout Outcome) -> Outcome {
        (outcome.candidates, outcome.poolNames) = (candidates, poolNames)
        outcome.sleep = sleepPlan(sources, &outcome)
        outcome.nextChange = lingering.values.map(\.until).min()
        return outcome
    }

    // MARK: - The rules of the file and the store

    private mutating func fileCandidates(_ sources: Sources, _ outcome: inout Outcome) -> [Candidate] {
        if let fileCandidates, fileCandidates.rules == sources.file.rules { return fileCandidates.candidates }
        let candidates = sources.file.rules.map { rule in
            Self.fixed(rule.name, rule) ?? candidate(rule.name, rule, sources, &outcome)
        }
        let areFixed = sources.file.rules.allSatisfy(Self.isFixed)
        fileCandidates = areFixed ? (sources.file.rules, candidates) : nil
        return candidates
    }

    private mutating func storedCandidates(_ sources: Sources, _ outcome: inout Outcome) -> [Candidate] {
        var candidates: [Candidate] = []
        candidates.reserveCapacity(sources.stored.count)
        for stored in sources.stored {
            if !stored.diagnoses.isEmpty { outcome.diagnoses += stored.diagnoses }
            guard let declaration = stored.declaration else { continue }
            candidates.append(stored.fixed ?? candidate(stored.name, declaration, sources, &outcome))
        }
        return candidates
    }

    /// Whether what becomes of a rule depends on nothing but itself: all of its endpoints are addresses.
    private static func isFixed(_ declaration: RuleDeclaration) -> Bool {
        guard case .addresses(let addresses) = declaration.target else { return false }
        return addresses.allSatisfy { hostAndPort($0).map { IPLiteral.isAddress($0.host) } ?? false }
    }

    static func fixed(_ name: String, _ declaration: RuleDeclaration) -> Candidate? {
        guard case .addresses(let addresses) = declaration.target, isFixed(declaration) else { return nil }
        let members = addresses.enumerated().map { index, text in
            let (host, port) = hostAndPort(text) ?? (text, 0)
            let share = declaration.shares[text] ?? EndpointShare()
            return Member(
                order(index),
                Endpoint(
                    address: IPLiteral.endpoint(host, port: port), name: text, weight: share.weight, tier: share.tier),
                .ready, "", name: text)
        }
        return Candidate(name, declaration, members)
    }

    /// Sorts as the number does.
    private static func order(_ index: Int) -> String {
        let text = String(index)
        return String(repeating: "0", count: max(0, 6 - text.count)) + text
    }

    private mutating func candidate(
        _ name: String, _ declaration: RuleDeclaration, _ sources: Sources, _ outcome: inout Outcome
    ) -> Candidate {
        let members: [Member]
        switch declaration.target {
        case .addresses(let addresses):
            members = addresses.enumerated().flatMap { index, address in
                staticMembers(address, at: index, declaration, sources, &outcome)
            }
        case .container(let wanted, _, _): members = namedContainer(wanted, declaration, sources, &outcome)
        }
        return Candidate(name, declaration, members)
    }

    private func staticMembers(
        _ text: String, at index: Int, _ declaration: RuleDeclaration, _ sources: Sources, _ outcome: inout Outcome
    ) -> [Member] {
        let share = declaration.shares[text] ?? EndpointShare()
        func member(_ address: String?, _ note: String) -> Member {
            Member(
                Self.order(index),
                address.map { Endpoint(address: $0, name: text, weight: share.weight, tier: share.tier) }, .ready, note,
                name: text)
        }
        guard let (host, port) = Self.hostAndPort(text) else {
            outcome.diagnoses.append(
                Diagnosis(
                    code: "bad-address", place: declaration.place, subject: declaration.name,
                    found: "found endpoint \"\(text)\"", wanted: "wanted HOST:PORT"))
            return [member(nil, "\(text) is no address")]
        }
        if IPLiteral.isAddress(host) { return [member(IPLiteral.endpoint(host, port: port), "")] }
        outcome.names.insert(host)
        func tell(_ severity: Diagnosis.Severity, _ reason: String, _ effect: String) {
            outcome.diagnoses.append(
                Diagnosis(
                    code: "unknown-host", severity: severity, place: declaration.place, subject: declaration.name,
                    found: "found \"\(host)\", which the system cannot resolve: \(reason)",
                    wanted: "wanted a name that resolves, or an address; \(effect)"))
        }
        switch sources.resolutions[host] {
        case nil: return [member(nil, "\(host) is being resolved")]
        case .addresses(let addresses): return addresses.map { member(IPLiteral.endpoint($0, port: port), "") }
        case .stale(let addresses, let reason):
            tell(.warning, reason, "its last known addresses stay in use")
            return addresses.map { member(IPLiteral.endpoint($0, port: port), "") }
        case .failed(let reason):
            tell(.error, reason, "it is tried again every few seconds")
            return [member(nil, "\(host) cannot be resolved: \(reason)")]
        }
    }

    private mutating func namedContainer(
        _ wanted: String, _ declaration: RuleDeclaration, _ sources: Sources, _ outcome: inout Outcome
    ) -> [Member] {
        for engine in sources.engines {
            guard
                let record = engine.containers.first(where: {
                    $0.id == wanted || $0.name == wanted || (wanted.count >= 12 && $0.id.hasPrefix(wanted))
                })
            else { continue }
            let (member, choice) = member(of: record, declaration, engine, sources.routes)
            if let diagnosis = choice?.diagnosis { outcome.diagnoses.append(diagnosis) }
            return [member]
        }
        return [Member(wanted, nil, .down("does not exist"), "\(wanted) does not exist", name: wanted)]
    }

    /// `name:80`, `192.0.2.1:80`, `[2001:db8::1]:80`.
    static func hostAndPort(_ text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.isEmpty ? nil : (String(host), port)
    }
}
