import Contract
import Docker
public import KontainersConfiguration

/// What a container's labels ask for: the grammar of the configuration, or a test's.
public typealias LabelParser =
    @Sendable (_ labels: [String: String], _ container: (id: String, name: String)) -> (
        rules: [RuleDeclaration], diagnoses: [Diagnosis]
    )

/// What was read of one container, kept for as long as the container does not change: with thousands of containers, one
/// event must not read all labels again.
final class ContainerReading: Sendable {
    final class Share: Sendable {
        /// Equal for all containers whose rules form one pool.
        let pool: String
        let declaration: RuleDeclaration
        let member: DesiredState.Member
        let reason: String?

        init(pool: String, declaration: RuleDeclaration, member: DesiredState.Member, reason: String?) {
            self.pool = pool
            self.declaration = declaration
            self.member = member
            self.reason = reason
        }
    }

    let record: ContainerRecord
    let hostAddress: String
    let shares: [Share]
    let diagnoses: [Diagnosis]
    /// Whether it is stopped while nobody asks for it.
    let sleeps: Bool

    init(_ record: ContainerRecord, hostAddress: String, shares: [Share], diagnoses: [Diagnosis]) {
        self.record = record
        self.hostAddress = hostAddress
        self.shares = shares
        self.diagnoses = diagnoses
        sleeps = shares.contains { $0.declaration.sleep != nil }
    }
}

/// Containers whose rules are one.
private struct Pool {
    var key: String
    var shares: [ContainerReading.Share]
}

extension DesiredState {
    /// The rules that containers declare, one candidate a pool.
    /// - Parameter isMoved: this host's routes have changed, and with them what was chosen of each container.
    mutating func containerCandidates(
        _ sources: Sources, isMoved: Bool, _ now: ContinuousClock.Instant, _ outcome: inout Outcome
    ) -> [Candidate] {
        var pools: [Pool] = []
        var places: [String: Int] = [:]
        places.reserveCapacity(poolNames.count)
        var kept: [String: [String: ContainerReading]] = [:]
        hasSleepers = false
        for engine in sources.engines {
            let before = isMoved ? [:] : readings[engine.endpoint] ?? [:]
            var now: [String: ContainerReading] = [:]
            now.reserveCapacity(engine.containers.count)
            for record in engine.containers {
                let last = before[record.id]
                let reading = reading(of: record, last: last, engine, sources.routes)
                now[record.id] = reading
                if reading !== last { tellReasons(reading, last, &outcome) }
                if reading.sleeps { hasSleepers = true }
                if !reading.diagnoses.isEmpty { outcome.diagnoses += reading.diagnoses }
                for share in reading.shares {
                    if let place = places[share.pool] {
                        pools[place].shares.append(share)
                    } else {
                        places[share.pool] = pools.count
                        pools.append(Pool(key: share.pool, shares: [share]))
                    }
                }
            }
            kept[engine.endpoint] = now
        }
        let former = readings
        readings = kept
        let unnamed = pools.filter { poolNames[$0.key] == nil }
        if !lingering.isEmpty { lingering = lingering.filter { places[$0.key] == nil } }
        // All names are those of pools that are here, unless some went.
        if poolNames.count + unnamed.count > pools.count {
            // An engine that is not to be followed any more takes its rules with it.
            let followed = former.filter { former in sources.engines.contains { $0.endpoint == former.key } }
            letGo(of: poolNames.keys.filter { places[$0] == nil }, followed, now)
        }
        name(unnamed)
        var candidates: [Candidate] = []
        candidates.reserveCapacity(pools.count)
        for pool in pools {
            let name = poolNames[pool.key] ?? pool.key
            guard pool.shares.count > 1 else {
                let share = pool.shares[0]
                candidates.append(Candidate(name, share.declaration, [share.member]))
                continue
            }
            let shares = pool.shares.sorted { $0.member.order < $1.member.order }
            tellOfDifferences(shares, name, &outcome)
            candidates.append(Candidate(name, shares[0].declaration, shares.map(\.member)))
        }
        candidates.sort { $0.name < $1.name }
        return candidates
    }

    private func reading(
        of record: ContainerRecord, last: ContainerReading?, _ engine: EngineState, _ routes: LocalRoutes?
    ) -> ContainerReading {
        // What shares another's network depends on the other.
        if let last, last.record == record, last.hostAddress == engine.hostAddress,
            !record.networkMode.hasPrefix("container:")
        {
            return last
        }
        var shares: [ContainerReading.Share] = []
        var diagnoses: [Diagnosis] = []
        // Also of those whose labels are not ours: a misspelt one is to be told about.
        if !record.labels.isEmpty {
            let rules: [RuleDeclaration]
            (rules, diagnoses) = parser(record.labels, (record.id, record.name))
            for rule in rules {
                let (member, choice) = member(of: record, rule, engine, routes)
                shares.append(
                    .init(pool: Self.pool(of: rule), declaration: rule, member: member, reason: choice?.reason))
                if let diagnosis = choice?.diagnosis { diagnoses.append(diagnosis) }
            }
        }
        return ContainerReading(record, hostAddress: engine.hostAddress, shares: shares, diagnoses: diagnoses)
    }

    private func tellReasons(_ reading: ContainerReading, _ last: ContainerReading?, _ outcome: inout Outcome) {
        let former = Set(last?.shares.compactMap(\.reason) ?? [])
        for share in reading.shares {
            guard let reason = share.reason, !former.contains(reason) else { continue }
            outcome.reasons["\(reading.record.name)/\(share.declaration.name)"] = reason
        }
    }

    /// A container as a member of a pool. Its address is chosen only while it runs: before and after it has none.
    func member(
        of record: ContainerRecord, _ rule: RuleDeclaration, _ engine: EngineState, _ routes: LocalRoutes?
    ) -> (Member, EndpointChoice?) {
        let order = "\(record.name) \(record.id)"
        let readiness = Readiness(record)
        let condition = Sleeper.Condition(record)
        let wake = condition == .away || record.wasStoppedByHand == true ? 0 : rule.sleep?.wake ?? 0
        if case .down(let why) = readiness {
            let isAsleep = wake > 0 && (condition == .asleep || condition == .stopping)
            return (
                Member(
                    order, nil, readiness, "\(record.name) \(why)", name: record.name, container: record.id, wake: wake,
                    isAsleep: isAsleep), nil
            )
        }
        var wish = EndpointChoice.Wish(place: rule.place, rule: rule.name)
        if case .container(_, let port, let network) = rule.target {
            wish.port = port
            wish.network = network
        }
        wish.transport = rule.kind == .udp ? .udp : .tcp
        wish.kind = rule.kind
        wish.listenPort = rule.listenPort
        let choice = EndpointChoice(
            for: record, wish: wish,
            surroundings: .init(hostAddress: engine.hostAddress, routes: routes),
            container: { id in engine.containers.first { $0.id == id || $0.name == id } })
        var endpoint = choice.endpoint
        endpoint?.weight = rule.share.weight
        endpoint?.tier = rule.share.tier
        let note = choice.endpoint == nil ? choice.reason : ""
        return (Member(order, endpoint, readiness, note, name: record.name, container: record.id, wake: wake), choice)
    }

    /// Equal kind, listeners and claims make one pool.
    private static func pool(of rule: RuleDeclaration) -> String {
        let listeners = rule.listeners.sorted().joined(separator: ",")
        let port = rule.listenPort.map { " \($0)" } ?? ""
        guard rule.kind == .http else {
            return "\(rule.kind.rawValue) \(listeners)\(port) \(rule.claims.map(\.description).sorted())"
        }
        return "http \(listeners) \(rule.path) \(rule.hosts.sorted().joined(separator: ","))"
    }

    /// Gives each pool a name. A pool keeps its name for as long as it lives, because in the edge the name is the
    /// identity by which counts and limits survive a change; so the container that gave the name may go.
    private mutating func name(_ unnamed: [Pool]) {
        guard !unnamed.isEmpty else { return }
        var taken = Set(poolNames.values)
        func wish(_ pool: Pool) -> String { pool.shares.map(\.declaration.name).min() ?? pool.key }
        for pool in unnamed.sorted(by: { (wish($0), $0.key) < (wish($1), $1.key) }) {
            let wish = wish(pool)
            var name = "docker:\(wish)"
            if giveUp(name) { taken.remove(name) }
            var count = 1
            while !taken.insert(name).inserted {
                count += 1
                name = "docker:\(wish)~\(count)"
            }
            poolNames[pool.key] = name
        }
    }

    /// Members of one pool may not ask for different things: the first by name is heard.
    private func tellOfDifferences(_ shares: [ContainerReading.Share], _ name: String, _ outcome: inout Outcome) {
        let first = shares[0].declaration
        for share in shares.dropFirst()
        where share.declaration.tls != first.tls || share.declaration.options != first.options
            || share.declaration.pool != first.pool || share.declaration.hold != first.hold
            || share.declaration.sleep != first.sleep || share.declaration.transport != first.transport
        {
            let what = share.declaration.tls != first.tls ? "another \"tls\"" : "other options"
            outcome.diagnoses.append(
                Diagnosis(
                    code: "pool-disagrees", severity: .warning, place: share.declaration.place, subject: name,
                    found: "found \(what) than the same rule has at \(shares[0].declaration.place)",
                    wanted: "wanted equal labels on all containers of a pool; the other one is used"))
        }
    }
}
