import Contract
public import Docker
import KontainersConfiguration

/// Which endpoints the published rules have, also those that get nothing now, and why not.
public struct Roster: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public var rule: String
        /// The container's name, or the endpoint as the file has it.
        public var endpoint: String
        public var container: String?
        /// `nil` while it has none.
        public var address: String?
        /// In force; `nil` while that is not known.
        public var weight: Int?
        /// Its own, when a command gave it another.
        public var ownWeight: Int?
        public var tier: Int
        /// `nil`: a command says something of it, and it is not there.
        public var readiness: Readiness?
        /// Why it is not ready, or has no address.
        public var note: String
        public var isDrained: Bool
    }

    /// By rule, then in the order of the pool.
    public var entries: [Entry]
    /// By rule.
    private var hosts: [String: [String]] = [:]
    /// The names of the rules that containers declare, by pool.
    let poolNames: [String: String]

    init(
        _ candidates: [DesiredState.Candidate], published: Set<String>, poolNames: [String: String],
        _ overrides: Overrides
    ) {
        entries = []
        self.poolNames = poolNames
        let overrides = overrides.settled(on: poolNames)
        var met: Set<[String]> = []
        for candidate in candidates.sorted(by: { $0.name < $1.name }) where published.contains(candidate.name) {
            let ofRule = overrides.of(candidate.name)
            hosts[candidate.name] = candidate.declaration.hosts
            for member in candidate.members {
                let entry = Entry(member, of: candidate.name, ofRule)
                entries.append(entry)
                guard ofRule != nil else { continue }
                met.insert([entry.rule, entry.endpoint])
                if let key = entry.container ?? entry.address { met.insert([entry.rule, key]) }
            }
        }
        for override in overrides.all where !met.contains([override.rule, override.endpoint]) {
            if let container = override.container, met.contains([override.rule, container]) { continue }
            entries.append(Entry(absent: override))
        }
    }
}

extension Roster.Entry {
    fileprivate init(_ member: DesiredState.Member, of rule: String, _ overrides: Overrides.OfRule?) {
        let weight = overrides?.weight(of: member)
        self.init(
            rule: rule, endpoint: member.name, container: member.container, address: member.endpoint?.address,
            weight: weight ?? member.endpoint?.weight, ownWeight: weight == nil ? nil : member.endpoint?.weight,
            tier: member.endpoint?.tier ?? 0, readiness: member.readiness, note: member.note,
            isDrained: overrides?.drains(member) ?? false)
    }

    fileprivate init(absent override: Override) {
        self.init(
            rule: override.rule, endpoint: override.endpoint, container: override.container, address: nil,
            weight: override.weight, ownWeight: nil, tier: 0, readiness: nil, note: "is not there now",
            isDrained: override.isDrained)
    }
}

// MARK: - What a command means

extension Roster {
    /// The endpoint that a command means.
    struct Match: Equatable {
        var rule: String
        /// What an override for it is kept under.
        var key: String
        var container: String?
        var isPresent: Bool
    }

    /// How many names a message repeats.
    private static let namesLimit = 20
    /// Letters of a container's id that stand for it.
    private static let idLength = 12

    /// - Parameters:
    ///   - rule: see ``find(rule:)``.
    ///   - endpoint: its name, its address, or at least 12 letters of the container's id.
    func find(rule: String, endpoint: String) throws(OverrideFault) -> Match {
        let rule = try find(rule: rule)
        let candidates = entries.filter { $0.rule == rule }
        let named = candidates.filter { $0.endpoint == endpoint }
        if Set(named.map(\.container)).count > 1 {
            let addresses = named.map { $0.address ?? String($0.container?.prefix(Self.idLength) ?? "?") }
            throw OverrideFault(
                .ambiguous, "found \(named.count) endpoints \(Shown.quoted(endpoint)) in rule \(Shown.quoted(rule))",
                "wanted one of: \(addresses.joined(separator: ", "))")
        }
        if let first = named.first { return Match(first, key: endpoint) }
        if let one = candidates.first(where: { $0.address == endpoint }) {
            let isAlone = candidates.count { $0.endpoint == one.endpoint } == 1
            return Match(one, key: one.container != nil || isAlone ? one.endpoint : endpoint)
        }
        if endpoint.utf8.count >= Self.idLength,
            let one = candidates.first(where: { $0.container?.hasPrefix(endpoint) == true })
        {
            return Match(one, key: one.endpoint)
        }
        throw OverrideFault(
            .unknown, "found no endpoint \(Shown.quoted(endpoint)) in rule \(Shown.quoted(rule))",
            Self.wanted(endpoint, among: candidates.map(\.endpoint)))
    }

    /// A rule's name. `docker:` may be left out, and one of its hosts does, where that leaves one.
    public func find(rule: String) throws(OverrideFault) -> String {
        let names = Set(entries.map(\.rule))
        if names.contains(rule) { return rule }
        if names.contains("docker:" + rule) { return "docker:" + rule }
        let serving = hosts.filter { $0.value.contains(rule) }.keys.sorted()
        if serving.count > 1 {
            throw OverrideFault(
                .ambiguous, "found \(serving.count) rules with host \(Shown.quoted(rule))",
                "wanted one of: \(serving.prefix(Self.namesLimit).map { Shown.plain($0) }.joined(separator: ", "))")
        }
        if let one = serving.first { return one }
        throw OverrideFault(
            .unknown, "found no rule \(Shown.quoted(rule)) with endpoints", Self.wanted(rule, among: names.sorted()))
    }

    private static func wanted(_ typed: String, among names: [String]) -> String {
        let short = names.map { $0.hasPrefix("docker:") ? String($0.dropFirst("docker:".count)) : $0 }
        if let near = Suggestion.nearest(to: typed, among: names) ?? Suggestion.nearest(to: typed, among: short) {
            return "did you mean \(Shown.quoted(near))?"
        }
        guard !names.isEmpty else { return "there is none" }
        let more = names.count > namesLimit ? ", and \(names.count - namesLimit) more" : ""
        return "wanted one of: \(names.prefix(namesLimit).map { Shown.plain($0) }.joined(separator: ", "))\(more)"
    }
}

extension Roster.Match {
    fileprivate init(_ entry: Roster.Entry, key: String) {
        self.init(rule: entry.rule, key: key, container: entry.container, isPresent: entry.readiness != nil)
    }
}

/// Why a command was not carried out.
public struct OverrideFault: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Sendable {
        /// There is no such rule or endpoint.
        case unknown
        case ambiguous
        /// The value is out of range, or means nothing here.
        case invalid
        /// There are too many overrides.
        case full
        /// It could not be written down.
        case notKept
        /// Control has not published anything yet.
        case early
    }

    public var kind: Kind
    public var found: String
    public var wanted: String

    init(_ kind: Kind, _ found: String, _ wanted: String) {
        self.kind = kind
        self.found = found
        self.wanted = wanted
    }

    public var description: String { "\(found); \(wanted)" }
}
