import Contract
import Docker
import Management
import Reconciliation

/// Joins the interface for endpoints to the rules, and to what the edges say.
enum EndpointReadings {
    static func desk(_ instruments: ControlPlane.Instruments) -> EndpointDesk {
        EndpointDesk(
            list: { await list(instruments, rule: $0) }, change: { await change(instruments, $0, $1, $2) })
    }

    private static func list(
        _ instruments: ControlPlane.Instruments, rule: String?
    ) async -> Result<EndpointList, EndpointDesk.Refusal> {
        guard let roster = await instruments.reconciler.roster else {
            return .failure(.init(.unavailable, "control has just started and publishes nothing yet; try again"))
        }
        var entries = roster.entries
        if let rule {
            do throws(OverrideFault) {
                let name = try roster.find(rule: rule)
                entries.removeAll { $0.rule != name }
            } catch {
                return .failure(refusal(error))
            }
        }
        let standing = await instruments.link.standing
        return .success(
            EndpointList(
                revision: standing.revision, edges: standing.isUp ? standing.edges.count : 0,
                endpoints: await readings(entries, standing, instruments)))
    }

    private static func refusal(_ fault: OverrideFault) -> EndpointDesk.Refusal {
        let kind: EndpointDesk.Refusal.Kind =
            switch fault.kind {
            case .unknown: .unknown
            case .ambiguous, .full: .conflict
            case .invalid: .invalid
            case .notKept, .early: .unavailable
            }
        return .init(kind, fault.description)
    }

    private static func change(
        _ instruments: ControlPlane.Instruments, _ rule: String, _ endpoint: String, _ patch: EndpointPatch
    ) async -> Result<EndpointChanged, EndpointDesk.Refusal> {
        let weight: OverrideKeeper.Weight? =
            switch patch.weight {
            case .own?: .own
            case .fixed(let weight)?: .fixed(weight)
            case nil: nil
            }
        do throws(OverrideFault) {
            let outcome = try await instruments.overrides.carryOut(
                .init(rule: rule, endpoint: endpoint, isDrained: patch.isDrained, weight: weight))
            return .success(
                EndpointChanged(
                    revision: outcome.revision, edges: outcome.edges, serving: outcome.serving,
                    endpoints: await readings(outcome.entries, instruments.link.standing, instruments)))
        } catch {
            return .failure(refusal(error))
        }
    }

    private static func readings(
        _ entries: [Roster.Entry], _ standing: LinkServer.Standing, _ instruments: ControlPlane.Instruments
    ) async -> [EndpointReading] {
        var readings: [EndpointReading] = []
        readings.reserveCapacity(entries.count)
        for entry in entries {
            let since = entry.isDrained ? await instruments.overrides.revision(of: entry) : 0
            readings.append(reading(entry, standing, since, instruments.reconciler.epoch))
        }
        return readings
    }

    /// - Parameter since: the revision that took the endpoint out, when it is drained.
    static func reading(
        _ entry: Roster.Entry, _ standing: LinkServer.Standing, _ since: UInt64, _ epoch: String
    ) -> EndpointReading {
        var reading = EndpointReading(
            rule: entry.rule, endpoint: entry.endpoint, address: entry.address, container: entry.container,
            state: .ready, reason: entry.note, isDrained: entry.isDrained, weight: entry.weight,
            ownWeight: entry.ownWeight, tier: entry.tier)
        if standing.isUp, let address = entry.address {
            let rows = standing.edges.compactMap { $0.tallies.endpoints[address] }
            reading.inFlight = rows.reduce(0) { $0 &+ $1.inFlight }
            if !rows.isEmpty || !entry.isDrained {
                reading.requests = rows.reduce(0) { $0 &+ $1.ended.reduce(0, &+) }
            }
            reading.opinions = standing.edges.compactMap { $0.opinions[address] }.map {
                .init(bars: $0.bars.map(\.rawValue), reason: $0.reason)
            }
        }
        reading.state = state(entry, reading)
        guard reading.state == .draining else { return reading }
        let isCounted = standing.isUp && standing.edges.allSatisfy { $0.hasCounted(since, of: epoch) }
        if isCounted, reading.inFlight == 0 { reading.state = .drained }
        if !standing.isUp { reading.reason = "no edge is connected" }
        return reading
    }

    private static func state(_ entry: Roster.Entry, _ reading: EndpointReading) -> EndpointReading.State {
        switch entry.readiness {
        case nil: .absent
        case .down?: entry.isDrained ? .drained : .down
        case .ready?, .starting?:
            if entry.address == nil {
                entry.isDrained ? .drained : .down
            } else if entry.isDrained {
                .draining
            } else {
                entry.readiness == .starting ? .starting : .ready
            }
        }
    }
}
