import Contract
import Docker
import KontainersConfiguration

/// A rule whose containers were all removed. For as long as its requests are held it stays, without endpoints: in the
/// gap between the old container and the new one a request waits, instead of being told that there is nothing.
struct Linger {
    let name: String
    let declaration: RuleDeclaration
    let until: ContinuousClock.Instant
}

extension DesiredState {
    /// What becomes of a rule's requests while no endpoint is ready. Containers come and go, so their rules hold
    /// requests unless they say that they do not; an address is where it is.
    static func holding(_ declaration: RuleDeclaration, _ members: [Member] = []) -> Holding? {
        var holding: Holding? =
            switch declaration.target {
            case .container: declaration.hold ?? Holding()
            case .addresses: declaration.hold
            }
        // Datagrams that nobody takes are lost, as on any way; but they wake.
        if declaration.kind == .udp { holding?.time = 0 }
        holding?.wake = members.reduce(0) { max($0, $1.wake) }
        // What sleeps is not being replaced: there is no successor to wait for before a start is asked for.
        if members.contains(where: \.isAsleep), members.allSatisfy({ $0.endpoint == nil }) { holding?.time = 0 }
        guard let holding, holding.time > 0 || holding.wake > 0 else { return nil }
        return holding
    }

    /// Milliseconds that a rule stays without its containers, and with it the port that its labels have opened.
    private static func lingering(_ declaration: RuleDeclaration) -> Int {
        declaration.kind == .udp ? Holding().time : holding(declaration)?.time ?? 0
    }

    /// These pools have no containers any more: each lingers, or its name is forgotten.
    /// - Parameter former: the readings of when they still had some.
    mutating func letGo(
        of keys: [String], _ former: [String: [String: ContainerReading]], _ now: ContinuousClock.Instant
    ) {
        var declarations: [String: RuleDeclaration] = [:]
        if keys.contains(where: { lingering[$0] == nil }) {
            let left = Set(keys)
            for readings in former.values {
                for share in readings.values.flatMap(\.shares) where left.contains(share.pool) {
                    // Of several the one whose name comes first, as while they were there.
                    if let other = declarations[share.pool], other.name <= share.declaration.name { continue }
                    declarations[share.pool] = share.declaration
                }
            }
        }
        for key in keys {
            if let known = lingering[key] {
                if known.until <= now { forget(key) }
            } else if let name = poolNames[key], let declaration = declarations[key],
                case let time = Self.lingering(declaration), time > 0
            {
                lingering[key] = Linger(
                    name: name, declaration: declaration, until: now + .milliseconds(time))
            } else {
                forget(key)
            }
        }
    }

    /// A rule that lingers does not keep its name from one that comes: this one is its successor under other labels.
    /// Whether there was one.
    mutating func giveUp(_ name: String) -> Bool {
        guard let key = lingering.first(where: { $0.value.name == name })?.key else { return false }
        forget(key)
        return true
    }

    func lingeringCandidates() -> [Candidate] {
        lingering.values.sorted { $0.name < $1.name }.map { linger in
            Candidate(
                linger.name, linger.declaration,
                [Member("", nil, .down("was removed"), "its containers were removed", name: "")])
        }
    }

    private mutating func forget(_ key: String) {
        poolNames[key] = nil
        lingering[key] = nil
    }
}
