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
struct ContainerReading {
    struct Share {
        /// Equal for all containers whose rules form one pool.
        var pool: String
        var declaration: RuleDeclaration
        var member: DesiredState.Member
        var reason: String?
    }

    var record: ContainerRecord
    var hostAddress: String
    var shares: [Share]
    var diagnoses: [Diagnosis]
}

extension DesiredState {
    /// The rules that containers declare, one candidate a pool.
    mutating func containerCandidates(_ sources: Sources, _ outcome: inout Outcome) -> [Candidate] {
        var pools: [String: [ContainerReading.Share]] = [:]
        var present: Set<String> = []
        for engine in sources.engines {
            for record in engine.containers {
                let id = "\(engine.endpoint) \(record.id)"
                present.insert(id)
                let reading = reading(of: record, id, engine, sources.routes)
                outcome.diagnoses += reading.diagnoses
                for share in reading.shares where isServed(share.declaration, &outcome) {
                    pools[share.pool, default: []].append(share)
                    if let reason = share.reason {
                        outcome.reasons["\(record.name)/\(share.declaration.name)"] = reason
                    }
                }
            }
        }
        if readings.count > present.count { readings = readings.filter { present.contains($0.key) } }
        let named = name(pools)
        return named.map { name, shares in
            let shares = shares.sorted { $0.member.order < $1.member.order }
            tellOfDifferences(shares, name, &outcome)
            return Candidate(name: name, declaration: shares[0].declaration, members: shares.map(\.member))
        }
    }

    private mutating func reading(
        of record: ContainerRecord, _ id: String, _ engine: EngineState, _ routes: LocalRoutes?
    ) -> ContainerReading {
        let sharesNetwork = record.networkMode.hasPrefix("container:")
        if !sharesNetwork, let known = readings[id], known.record == record, known.hostAddress == engine.hostAddress {
            return known
        }
        var reading = ContainerReading(record: record, hostAddress: engine.hostAddress, shares: [], diagnoses: [])
        // Also of those whose labels are not ours: a misspelt one is to be told about.
        if !record.labels.isEmpty {
            let (rules, diagnoses) = parser(record.labels, (record.id, record.name))
            reading.diagnoses = diagnoses
            for rule in rules {
                let (member, choice) = member(of: record, rule, engine, routes)
                reading.shares.append(
                    .init(pool: Self.pool(of: rule), declaration: rule, member: member, reason: choice?.reason))
                if let diagnosis = choice?.diagnosis { reading.diagnoses.append(diagnosis) }
            }
        }
        readings[id] = reading
        return reading
    }

    /// A container as a member of a pool. Its address is chosen only while it runs: before and after it has none.
    func member(
        of record: ContainerRecord, _ rule: RuleDeclaration, _ engine: EngineState, _ routes: LocalRoutes?
    ) -> (Member, EndpointChoice?) {
        var member = Member(
            order: "\(record.name) \(record.id)", endpoint: nil, readiness: Readiness(record), note: "")
        if case .down(let why) = member.readiness {
            member.note = "\(record.name) \(why)"
            return (member, nil)
        }
        var wish = EndpointChoice.Wish(place: rule.place, rule: rule.name)
        if case .container(_, let port, let network) = rule.target {
            wish.port = port
            wish.network = network
        }
        wish.transport = rule.kind == .udp ? .udp : .tcp
        let choice = EndpointChoice(
            for: record, wish: wish,
            surroundings: .init(hostAddress: engine.hostAddress, routes: routes),
            container: { id in engine.containers.first { $0.id == id || $0.name == id } })
        member.endpoint = choice.endpoint
        if choice.endpoint == nil { member.note = choice.reason }
        return (member, choice)
    }

    /// Equal kind, hosts, path and listeners make one pool.
    private static func pool(of rule: RuleDeclaration) -> String {
        let listeners = rule.listeners.sorted().joined(separator: ",")
        return "\(rule.kind.rawValue) \(listeners) \(rule.path) \(rule.hosts.sorted().joined(separator: ","))"
    }

    /// Gives each pool a name. A pool keeps its name for as long as it lives, because in the edge the name is the identity by
    /// which counts and limits survive a change; so the container that gave the name may go.
    private mutating func name(
        _ pools: [String: [ContainerReading.Share]]
    ) -> [(name: String, shares: [ContainerReading.Share])] {
        poolNames = poolNames.filter { pools[$0.key] != nil }
        var taken = Set(poolNames.values)
        let unnamed = pools.keys.filter { poolNames[$0] == nil }
            .map { key in (key: key, wish: pools[key]?.map(\.declaration.name).min() ?? key) }
            .sorted { ($0.wish, $0.key) < ($1.wish, $1.key) }
        for (key, wish) in unnamed {
            var name = "docker:\(wish)"
            var count = 1
            while !taken.insert(name).inserted {
                count += 1
                name = "docker:\(wish)~\(count)"
            }
            poolNames[key] = name
        }
        return pools.map { key, shares in (poolNames[key] ?? key, shares) }.sorted { $0.0 < $1.0 }
    }

    /// Members of one pool may not ask for different things: the first by name is heard.
    private func tellOfDifferences(_ shares: [ContainerReading.Share], _ name: String, _ outcome: inout Outcome) {
        for share in shares.dropFirst() where share.declaration.tls != shares[0].declaration.tls {
            outcome.diagnoses.append(
                Diagnosis(
                    code: "pool-disagrees", severity: .warning, place: share.declaration.place, subject: name,
                    found: "found another \"tls\" than the same rule has at \(shares[0].declaration.place)",
                    wanted: "wanted equal labels on all containers of a pool; the other one is used"))
        }
    }
}
