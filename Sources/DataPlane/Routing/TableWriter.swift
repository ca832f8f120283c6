/// Writes compiled rules into one block. The rules come in the order of their names, and who comes first wins.
struct TableWriter {
    private(set) var arena: ArenaBlock
    private(set) var header: ArenaHeader
    private let hashing: Hashing
    private var poolCount = 0
    private var textCount = 0
    private var hostCount = 0
    private var pathCount = 0
    private var bindingCount = 0
    private var farCount = 0
    var optionsCount = 0
    var boundaryCount = 0
    var changeCount = 0
    var balancedCount = 0
    var planCount = 0
    var holdingCount = 0
    var transportCount = 0
    /// Protocols of tcp rules by route, where they ask for some.
    private var protocols: [UInt32: [UInt8]] = [:]
    /// Rules that lost a place to another, in the order they came.
    private(set) var conflicts: [Conflict] = []

    /// A place that two rules want.
    struct Conflict {
        enum Loss { case everywhere, onSomeListeners, tooManyRules, transport }

        var winner: UInt32
        var loser: CompiledRule
        var place: Int
        var loss: Loss
    }

    init(rules: [CompiledRule], records: [EndpointRecord], hashing: Hashing) {
        var header = ArenaHeader()
        var (pools, bindings, far, text, routes, endpoints, listeners, transports) = (0, 0, 0, 0, 0, 0, 0, 0)
        var (options, boundaries, changes, balanced, plans, holdings) = (0, 0, 0, 0, 0, 0)
        for rule in rules {
            if let more = rule.options {
                options += 1
                boundaries += more.boundaries.count
                changes += more.changes.count
            }
            if let pool = rule.pool {
                balanced += 1
                plans += pool.wordCount
            }
            if rule.holding != nil { holdings += 1 }
            if rule.transport != nil { transports += 1 }
            pools += rule.endpoints.count
            bindings += rule.places.count
            far += rule.farListeners.count
            text +=
                (rule.name.count + rule.note.count + (rule.options?.text.count ?? 0) + (rule.pool?.text.count ?? 0)
                    + (rule.transport?.protocols.count ?? 0) + 7) & ~7
            text += (rule.hostText.count + rule.path.count) * 8
            routes = max(routes, rule.id.index + 1)
            for endpoint in rule.endpoints { endpoints = max(endpoints, endpoint.index + 1) }
            for listener in rule.listenerIndexes { listeners = max(listeners, Int(listener) + 1) }
        }
        let slots = Self.slotCount(for: bindings)
        var size = 0
        func section<Record>(_ type: Record.Type, _ count: Int) -> Int {
            defer { size += (count * MemoryLayout<Record>.stride + 7) & ~7 }
            return size
        }
        _ = section(ArenaHeader.self, 1)
        header.routes = section(Route.self, routes)
        header.pools = section(EndpointID.self, pools)
        header.endpoints = section(EndpointRecord.self, endpoints)
        header.presence = section(UInt64.self, (endpoints + 63) / 64)
        header.terms = section(EndpointTerms.self, endpoints)
        header.hostSlots = section(Slot.self, slots)
        header.pathSlots = section(Slot.self, slots)
        header.hosts = section(HostRecord.self, bindings)
        header.paths = section(PathRecord.self, bindings)
        header.bindings = section(Binding.self, bindings)
        header.farListeners = section(UInt32.self, far)
        header.listeners = section(ListenerRecord.self, listeners)
        header.transportOptions = section(RouteTransport.self, transports)
        header.options = section(RouteOptions.self, options)
        header.boundaries = section(AddressBoundary.self, boundaries)
        header.changes = section(FieldChange.self, changes)
        header.balanced = section(RoutePool.self, balanced)
        header.plans = section(UInt32.self, plans)
        header.holdings = section(RouteHolding.self, holdings)
        header.holdingCount = UInt32(holdings)
        header.text = section(UInt8.self, text)
        header.size = size
        header.routeLimit = UInt32(routes)
        header.endpointLimit = UInt32(endpoints)
        header.listenerCount = UInt32(listeners)
        header.hostMask = UInt64(slots - 1)
        header.pathMask = UInt64(slots - 1)
        header.hashing = hashing
        arena = ArenaBlock(size: size)
        self.header = header
        self.hashing = hashing
        arena.fill(0xff, from: header.routes, to: header.pools)
        arena.copy(records.span.extracting(first: endpoints), at: header.endpoints)
        arena.fill(0, from: header.presence, to: header.terms)
        let terms = [EndpointTerms](repeating: EndpointTerms(), count: endpoints)
        arena.copy(terms.span, at: header.terms)
        arena.fill(0xff, from: header.hostSlots, to: header.hosts)
        let records = [ListenerRecord](repeating: ListenerRecord(), count: listeners)
        arena.copy(records.span, at: header.listeners)
    }

    /// At most half of the slots are taken, and at least one is vacant.
    private static func slotCount(for records: Int) -> Int {
        1 << (Int.bitWidth - max(records * 2 - 1, 7).leadingZeroBitCount)
    }

    mutating func add(_ rule: CompiledRule) {
        // Host names and paths first: they stay on multiples of eight.
        let hostText = append(words: rule.hostText)
        let path = append(words: rule.path)
        let name = append(bytes: rule.name)
        let note = append(bytes: rule.note)
        let options = add(rule.options)
        let pool = add(rule.pool)
        let holding = add(rule.holding)
        let transport = add(rule.transport)
        textCount = (textCount + 7) & ~7
        let (endpoints, farListeners) = (rule.endpoints, rule.farListeners)
        arena.copy(endpoints.span, at: header.pools, poolCount)
        arena.store(
            Route(
                id: rule.id, endpointsStart: UInt32(poolCount), endpointsCount: UInt32(rule.endpoints.count),
                nameStart: name, nameCount: UInt32(rule.name.count), noteStart: note,
                noteCount: UInt32(rule.note.count), options: options, pool: pool, holding: holding,
                transport: transport),
            at: header.routes, rule.id.index)
        poolCount += rule.endpoints.count
        for endpoint in endpoints {
            let word = arena.load(UInt64.self, at: header.presence, endpoint.index >> 6)
            arena.store(word | 1 << UInt64(endpoint.index & 63), at: header.presence, endpoint.index >> 6)
        }
        if let terms = rule.pool?.terms, terms != EndpointTerms() {
            for endpoint in endpoints {
                var all = arena.load(EndpointTerms.self, at: header.terms, endpoint.index)
                all.tighten(terms)
                arena.store(all, at: header.terms, endpoint.index)
            }
        }
        if let asked = rule.transport?.protocols, !asked.isEmpty { protocols[rule.id.number] = asked }
        let far = UInt32(farCount)
        arena.copy(farListeners.span, at: header.farListeners, farCount)
        farCount += rule.farListeners.count
        for (number, place) in rule.places.enumerated() {
            let host = hostIndex(of: place, text: hostText + UInt32(place.start))
            let binding = Binding(
                listeners: rule.listeners, route: rule.id.number, next: nobody, farStart: far,
                farCount: UInt16(rule.farListeners.count), flags: rule.flags)
            bind(binding, rule, place: number, host: host, path: path)
        }
        addToListeners(rule)
    }

    /// A rule of a listener gets nothing, or not all it asks for, because another came first.
    mutating func lose(_ rule: CompiledRule, to winner: UInt32) {
        conflicts.append(Conflict(winner: winner, loser: rule, place: 0, loss: .transport))
    }

    /// Writes the header; after it the block is complete.
    mutating func finish() { arena.store(header, at: 0) }

    private mutating func append(words: [UInt64]) -> UInt32 {
        defer { textCount += words.count * 8 }
        for (index, word) in words.enumerated() { arena.store(word.littleEndian, at: header.text + textCount, index) }
        return UInt32(textCount)
    }

    mutating func append(bytes: [UInt8]) -> UInt32 {
        defer { textCount += bytes.count }
        arena.copy(bytes.span, at: header.text + textCount)
        return UInt32(textCount)
    }

    private mutating func hostIndex(of place: CompiledRule.Place, text: UInt32) -> UInt32 {
        if place.kind == .any, header.defaultHost != nobody { return header.defaultHost }
        var slot = Int(truncatingIfNeeded: place.hash & header.hostMask)
        let name = arena.run(at: header.text + Int(text), count: place.count)
        if place.kind != .any {
            while true {
                let found = arena.load(Slot.self, at: header.hostSlots, slot)
                if found.index == nobody { break }
                if found.tag == UInt32(truncatingIfNeeded: place.hash >> 32) {
                    let record = arena.load(HostRecord.self, at: header.hosts, Int(found.index))
                    let other = arena.run(at: header.text + Int(record.text), count: Int(record.count))
                    if record.kind == place.kind, other.equals(name) { return found.index }
                }
                slot = (slot + 1) & Int(header.hostMask)
            }
        }
        let index = UInt32(hostCount)
        hostCount += 1
        let record = HostRecord(
            text: text, count: UInt16(place.count), kind: place.kind, root: nobody, depths: 0, pathLimit: 0)
        arena.store(record, at: header.hosts, Int(index))
        switch place.kind {
        case .any: header.defaultHost = index
        case .suffix, .exact:
            if place.kind == .suffix { header.suffixes.insert(place.labels) }
            let tag = UInt32(truncatingIfNeeded: place.hash >> 32)
            arena.store(Slot(tag: tag, index: index), at: header.hostSlots, slot)
        }
        return index
    }

    private mutating func bind(_ binding: Binding, _ rule: CompiledRule, place: Int, host: UInt32, path: UInt32) {
        var record = arena.load(HostRecord.self, at: header.hosts, Int(host))
        if rule.pathCount == 0 {
            if record.root == nobody {
                record.root = append(binding)
                arena.store(record, at: header.hosts, Int(host))
            } else {
                extend(chain: record.root, with: binding, rule, place: place)
            }
            return
        }
        var state = hashing.path
        for word in rule.path.prefix(rule.pathCount / 8) { state = hashing.fold(state, word) }
        let rest = rule.pathCount % 8 == 0 ? 0 : rule.path[rule.pathCount / 8]
        let hash = hashing.finish(path: state, rest: rest, count: rule.pathCount, host: host)
        var slot = Int(truncatingIfNeeded: hash & header.pathMask)
        let text = arena.run(at: header.text + Int(path), count: rule.pathCount)
        while true {
            let found = arena.load(Slot.self, at: header.pathSlots, slot)
            if found.index == nobody { break }
            if found.tag == UInt32(truncatingIfNeeded: hash >> 32) {
                let other = arena.load(PathRecord.self, at: header.paths, Int(found.index))
                if other.host == host,
                    arena.run(at: header.text + Int(other.text), count: Int(other.count)).equals(text)
                {
                    extend(chain: other.first, with: binding, rule, place: place)
                    return
                }
            }
            slot = (slot + 1) & Int(header.pathMask)
        }
        let new = PathRecord(host: host, text: path, count: UInt32(rule.pathCount), first: append(binding))
        arena.store(new, at: header.paths, pathCount)
        let tag = UInt32(truncatingIfNeeded: hash >> 32)
        arena.store(Slot(tag: tag, index: UInt32(pathCount)), at: header.pathSlots, slot)
        pathCount += 1
        record.depths |= 1 << UInt64(min(rule.pathDepth, 63))
        record.pathLimit = max(record.pathLimit, UInt32(rule.pathCount))
        arena.store(record, at: header.hosts, Int(host))
    }

    private mutating func append(_ binding: Binding) -> UInt32 {
        defer { bindingCount += 1 }
        arena.store(binding, at: header.bindings, bindingCount)
        return UInt32(bindingCount)
    }

    /// Puts a binding behind those that came before it, unless they leave it nothing to serve.
    private mutating func extend(chain: UInt32, with binding: Binding, _ rule: CompiledRule, place: Int) {
        var earlier: [Binding] = []
        var last = chain
        while true {
            let other = arena.load(Binding.self, at: header.bindings, Int(last))
            earlier.append(other)
            guard other.next != nobody else { break }
            last = other.next
        }
        func report(_ winner: Binding?, _ loss: Conflict.Loss) {
            guard let winner else { return }
            conflicts.append(Conflict(winner: winner.route, loser: rule, place: place, loss: loss))
        }
        guard earlier.count < RuleLimits.rulesInOnePlace else { return report(earlier[0], .tooManyRules) }
        let winner = earlier.first { contend($0, binding) }
        guard !covers(earlier, binding) else { return report(winner ?? earlier[0], .everywhere) }
        report(winner, .onSomeListeners)
        earlier[earlier.count - 1].next = append(binding)
        arena.store(earlier[earlier.count - 1], at: header.bindings, Int(last))
    }

    /// Whether some request would be served by both.
    private func contend(_ one: Binding, _ other: Binding) -> Bool {
        let serving: Binding.Flags = [.servesPlain, .servesSecure, .tunnels]
        guard !one.flags.intersection(other.flags).isDisjoint(with: serving), asksAlike(one, other) else {
            return false
        }
        if one.flags.contains(.everywhere) || other.flags.contains(.everywhere) { return true }
        if one.listeners & other.listeners != 0 { return true }
        return one.farCount > 0 && other.farCount > 0 && !far(one).isDisjoint(with: far(other))
    }

    /// Whether every request that `binding` would answer is answered by one of `earlier`.
    private func covers(_ earlier: [Binding], _ binding: Binding) -> Bool {
        func covered(by flags: Binding.Flags) -> Bool {
            let able = earlier.filter { !$0.flags.isDisjoint(with: flags) && asksAlike($0, binding) }
            if able.contains(where: { $0.flags.contains(.everywhere) }) { return true }
            guard !binding.flags.contains(.everywhere) else { return false }
            let near = able.reduce(0) { $0 | $1.listeners }
            guard binding.listeners & ~near == 0 else { return false }
            return binding.farCount == 0 || far(binding).isSubset(of: able.reduce(into: []) { $0.formUnion(far($1)) })
        }
        let needs: [(Binding.Flags, Binding.Flags)] = [
            (.servesPlain, .servesPlain), (.servesSecure, .servesSecure),
            // Where a rule serves without TLS, nothing is redirected.
            (.redirectsPlain, [.servesPlain, .redirectsPlain]), (.tunnels, .tunnels),
        ]
        return needs.allSatisfy { flag, able in !binding.flags.contains(flag) || covered(by: able) }
    }

    /// Whether two rules ask for the same application protocols; requests ask for none.
    private func asksAlike(_ one: Binding, _ other: Binding) -> Bool {
        protocols[one.route] == protocols[other.route]
    }

    private func far(_ binding: Binding) -> Set<UInt32> {
        Set(
            (0..<Int(binding.farCount)).map {
                arena.load(UInt32.self, at: header.farListeners, Int(binding.farStart) + $0)
            })
    }
}
