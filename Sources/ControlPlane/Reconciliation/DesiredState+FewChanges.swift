import Contract
import KontainersConfiguration

/// What the last computation came to, kept for the next one that differs from it in a few rules: with 10,000 of them a
/// change of one is to be served in milliseconds. Only where no rule stood in another's way; where any did, all are
/// computed anew, by the same linter.
struct LastCompilation {
    /// More differences are computed anew.
    static let changeLimit = 256

    var listeners: [Listener]
    var certificates: [LoadedCertificate]
    var candidates: [DesiredState.Candidate]
    /// Each of one rule.
    var claims: Set<RuleClaim>
    /// By name.
    var rules: [Rule]

    /// `nil` where rules may stand in each other's way, or are of a kind that the linter looks at together.
    init?(
        listeners: [Listener], certificates: [LoadedCertificate], candidates: [DesiredState.Candidate],
        claims: [RuleClaim: [RuleLinter.Claim]], rules: [Rule]
    ) {
        self.claims = []
        self.claims.reserveCapacity(claims.count)
        for (claim, holders) in claims {
            guard case .requests = claim, holders.count == 1 else { return nil }
            self.claims.insert(claim)
        }
        self.listeners = listeners
        self.certificates = certificates
        self.candidates = candidates
        self.rules = rules
    }

    /// Brings it up to these candidates; `nil`, and nothing is changed that counts, where that is not enough.
    mutating func change(to now: [DesiredState.Candidate]) -> Delta.Change<Rule>? {
        guard let (gone, come) = differences(from: now) else { return nil }
        for candidate in gone {
            for claim in candidate.declaration.claims { claims.remove(claim) }
        }
        var linter = RuleLinter(listeners: listeners, certificates: certificates)
        var put: [Rule] = []
        for candidate in come {
            guard candidate.declaration.kind == .http, candidate.declaration.listenPort == nil else { return nil }
            for claim in candidate.declaration.claims where !claims.insert(claim).inserted { return nil }
            var diagnoses: [Diagnosis] = []
            guard let rule = linter.compile(candidate, nil, &diagnoses), diagnoses.isEmpty else { return nil }
            put.append(rule)
        }
        candidates = now
        return replace(gone.map(\.name), put)
    }

    private func differences(
        from now: [DesiredState.Candidate]
    ) -> (gone: [DesiredState.Candidate], come: [DesiredState.Candidate])? {
        var (gone, come): ([DesiredState.Candidate], [DesiredState.Candidate]) = ([], [])
        if now.count == candidates.count {
            for (old, new) in zip(candidates, now) where old !== new {
                gone.append(old)
                come.append(new)
            }
        }
        // One that came or went moves all behind it.
        if now.count != candidates.count || come.count > Self.changeLimit {
            let before = Set(candidates.map(ObjectIdentifier.init))
            let after = Set(now.map(ObjectIdentifier.init))
            gone = candidates.filter { !after.contains(ObjectIdentifier($0)) }
            come = now.filter { !before.contains(ObjectIdentifier($0)) }
        }
        return gone.count + come.count > 2 * Self.changeLimit ? nil : (gone, come)
    }

    private mutating func replace(_ gone: [String], _ put: [Rule]) -> Delta.Change<Rule> {
        var change = Delta.Change<Rule>()
        let names = Set(put.map(\.name))
        for name in Set(gone).subtracting(names).sorted() {
            let place = place(of: name)
            guard place < rules.count, rules[place].name == name else { continue }
            rules.remove(at: place)
            change.removed.append(name)
        }
        for rule in put.sorted(by: { $0.name < $1.name }) {
            let place = place(of: rule.name)
            if place < rules.count, rules[place].name == rule.name {
                guard rules[place] != rule else { continue }
                rules[place] = rule
            } else {
                rules.insert(rule, at: place)
            }
            change.put.append(rule)
        }
        return change
    }

    /// The first place whose rule is not before the name.
    private func place(of name: String) -> Int {
        var (low, high) = (0, rules.count)
        while low < high {
            let middle = (low + high) / 2
            if rules[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension DesiredState {
    /// The rules, if they differ from the last ones in a few that stand in nobody's way.
    mutating func fewChanges(
        _ candidates: [Candidate], _ sources: Sources
    ) -> (rules: [Rule], change: Delta.Change<Rule>)? {
        guard var now = last, now.listeners == sources.file.listeners, now.certificates == sources.certificates,
            sources.overrides.isEmpty
        else { return nil }
        // Whatever comes of it, the old one is used up.
        last = nil
        guard let change = now.change(to: candidates) else { return nil }
        last = now
        return (now.rules, change)
    }
}
