public import Contract

/// Compiles rules and builds tables of them. Used by one thread, the Link's.
///
/// One bad rule never harms another: a rule that cannot be compiled keeps its last good version in service, and every
/// ``build(revision:epoch:)`` reports it until it is mended or removed.
public final class RouteCompiler {
    /// Gives routes and endpoints their numbers; shared with every table.
    public let registry: EndpointRegistry
    private let hashing: Hashing
    /// Rules in service, ordered by name.
    private var rules: [CompiledRule] = []
    /// What is wrong with the rules last asked for, by name.
    private var faults: [String: String] = [:]
    private var rates: RateTable?
    private var listenerIndexes: [String: Int] = [:]

    /// - Parameter seed: keeps the places of names in the tables secret from those who choose the names.
    public init(seed: UInt64 = .random(in: 0 ... .max), registry: EndpointRegistry = EndpointRegistry()) {
        hashing = Hashing(seed: seed)
        self.registry = registry
    }

    /// The index by which workers name a listener when they match. Given on first use, the same for the life of this
    /// compiler.
    public func listenerIndex(of name: String) -> Int {
        if let index = listenerIndexes[name] { return index }
        listenerIndexes[name] = listenerIndexes.count
        return listenerIndexes.count - 1
    }

    /// These rules and no others. Of several with one name the last counts.
    public func replaceAll(rules wanted: [Rule]) {
        let old = Dictionary(uniqueKeysWithValues: rules.map { ($0.source.name, $0) })
        faults = [:]
        var new: [String: CompiledRule] = [:]
        new.reserveCapacity(wanted.count)
        var seen: Set<String> = []
        seen.reserveCapacity(wanted.count)
        var doubled: Set<String> = []
        for rule in wanted {
            if !seen.insert(rule.name).inserted { doubled.insert(rule.name) }
            if let compiled = compile(rule, over: new[rule.name] ?? old[rule.name]) { new[rule.name] = compiled }
        }
        for name in doubled where faults[name] == nil {
            faults[name] = "several rules have this name; the last of them counts, give each its own"
        }
        rules = new.values.sorted { $0.source.name < $1.source.name }
    }

    /// Puts rules in place of those with their names, or adds them.
    public func put(_ wanted: [Rule]) {
        // Beyond this many, sorting once is cheaper than moving the rest each time.
        guard wanted.count <= 64 else { return putMany(wanted) }
        for rule in wanted {
            let place = place(of: rule.name)
            let old = place < rules.count && rules[place].source.name == rule.name ? rules[place] : nil
            guard let compiled = compile(rule, over: old) else { continue }
            if old == nil { rules.insert(compiled, at: place) } else { rules[place] = compiled }
        }
    }

    private func putMany(_ wanted: [Rule]) {
        var all = Dictionary(uniqueKeysWithValues: rules.map { ($0.source.name, $0) })
        for rule in wanted {
            if let compiled = compile(rule, over: all[rule.name]) { all[rule.name] = compiled }
        }
        rules = all.values.sorted { $0.source.name < $1.source.name }
    }

    /// Takes rules out of service. Names that no rule has are passed over.
    public func remove(_ names: [String]) {
        let gone = Set(names)
        for name in gone { faults[name] = nil }
        rules.removeAll { gone.contains($0.source.name) }
    }

    /// The first place whose rule does not come before `name`.
    private func place(of name: String) -> Int {
        var (low, high) = (0, rules.count)
        while low < high {
            let middle = (low + high) / 2
            if rules[middle].source.name < name { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The rule compiled anew, or what is in service when nothing changed or it cannot be compiled.
    private func compile(_ rule: Rule, over old: CompiledRule?) -> CompiledRule? {
        faults[rule.name] = nil
        if let old, old.source == rule { return old }
        do {
            return try CompiledRule(rule, hashing: hashing, registry: registry) { listenerIndex(of: $0) }
        } catch {
            faults[rule.name] =
                error.message + (old == nil ? "; the rule is not served" : "; its last good version stays in service")
            return old
        }
    }

    /// A table of the rules in service, and what of the rules asked for it cannot serve as asked. Linear in the
    /// number of rules.
    public func build(revision: UInt64, epoch: String) -> (RouteTable, [EdgeDiagnosis]) {
        var writer = TableWriter(rules: rules, records: registry.records, hashing: hashing)
        for rule in rules { writer.add(rule) }
        writer.finish()
        if rates == nil,
            rules.contains(where: { $0.options?.record.flags.isDisjoint(with: [.rateLimit, .basicAuth]) == false })
        {
            rates = RateTable(hashing: hashing)
        }
        let table = RouteTable(
            revision: revision, epoch: epoch, rules: rules, listeners: listenerIndexes, rates: rates,
            arena: writer.arena)
        return (table, diagnoses(of: writer.conflicts))
    }

    private func diagnoses(of conflicts: [TableWriter.Conflict]) -> [EdgeDiagnosis] {
        var messages: [(name: String, message: String)] = faults.map { ($0.key, $0.value) }
        if !conflicts.isEmpty {
            let names = Dictionary(uniqueKeysWithValues: rules.map { ($0.id.number, $0.source.name) })
            var told: Set<String> = []
            for conflict in conflicts where told.insert(conflict.loser.source.name).inserted {
                messages.append((conflict.loser.source.name, conflict.message(winner: names[conflict.winner] ?? "")))
            }
        }
        messages.sort { ($0.name, $0.message) < ($1.name, $1.message) }
        return messages.map { EdgeDiagnosis(subject: .rule, name: $0.name, message: $0.message) }
    }
}

extension TableWriter.Conflict {
    func message(winner: String) -> String {
        let rule = loser.source
        // A rule that goes by its listener has no place.
        let host = loss == .transport ? "" : loser.hostPattern(at: place)
        let found = "host \"\(host)\", path \"\(rule.path)\": "
        return switch loss {
        case .everywhere:
            "\(found)rule \"\(winner)\" has the same and comes first by name, so this one is never reached; "
                + "change one of them"
        case .onSomeListeners:
            "\(found)rule \"\(winner)\" has the same on some of the same listeners and comes first by name; "
                + "there it wins"
        case .tooManyRules:
            "\(found)more than \(RuleLimits.rulesInOnePlace) rules have the same on different listeners; "
                + "this one is left out"
        case .transport:
            "rule \"\(winner)\" takes the same connections of a listener and comes first by name; "
                + "change one of them: hosts, protocols or prefaces tell connections apart"
        }
    }
}

extension CompiledRule {
    /// The host at a place, as a rule writes it.
    func hostPattern(at place: Int) -> String {
        let (kind, start, count) = (places[place].kind, places[place].start / 8, places[place].count)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: hostText[start + $0 / 8] >> UInt64($0 % 8 * 8)) }
        return switch kind {
        case .exact: String(decoding: bytes, as: UTF8.self)
        case .suffix: "*." + String(decoding: bytes, as: UTF8.self)
        case .any: "*"
        }
    }
}
