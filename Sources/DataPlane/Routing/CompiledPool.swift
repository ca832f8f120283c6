import Balancing
import Contract

/// A rule's pool in the form that building a table copies from. Places count from the start of its text.
struct CompiledPool: Sendable {
    let plan: PoolPlan
    private(set) var record = RoutePool()
    /// For each of its endpoints.
    private(set) var terms = EndpointTerms()
    private(set) var text: [UInt8] = []

    var wordCount: Int { plan.words.count }

    /// What the rule asks for, checked; `nil` when nothing but that each endpoint has its turn.
    static func asked(of rule: Rule) throws(RuleFault) -> PoolOptions? {
        for endpoint in rule.endpoints {
            guard Endpoint.weightRange.contains(endpoint.weight) else {
                throw RuleFault(
                    message: "endpoint \"\(endpoint.address)\": found weight \(endpoint.weight), wanted 0 to 1000")
            }
            guard Endpoint.tierRange.contains(endpoint.tier) else {
                throw RuleFault(message: "endpoint \"\(endpoint.address)\": found tier \(endpoint.tier), wanted 0 to 7")
            }
        }
        if let options = rule.pool {
            do {
                try options.check()
            } catch {
                throw RuleFault(message: "pool: \(error.message)")
            }
            return options
        }
        return rule.endpoints.contains { $0.weight != 1 || $0.tier != 0 } ? PoolOptions() : nil
    }

    /// - Parameter addresses: those of the rule, each once, in its order; `numbers` are theirs.
    init(_ options: PoolOptions, _ rule: Rule, _ addresses: [EndpointAddress], _ numbers: [EndpointID]) {
        // Of two endpoints with one address the first counts.
        var first: [EndpointAddress: Endpoint] = [:]
        for endpoint in rule.endpoints {
            guard let address = EndpointAddress(text: endpoint.address), first[address] == nil else { continue }
            first[address] = endpoint
        }
        let members = zip(addresses, numbers).map { address, id in
            PoolPlan.Member(
                number: id.number, identity: address.identity, weight: UInt32(first[address]?.weight ?? 1),
                tier: UInt8(first[address]?.tier ?? 0))
        }
        plan = PoolPlan(
            members,
            PoolPlan.Options(
                PoolPolicy(options.policy), isSticky: options.sticky != nil, bound: UInt32(options.bound),
                panic: UInt32(options.panic)))
        record.planCount = UInt32(plan.words.count)
        if options.policy == .hash {
            switch options.hashBy {
            case .client: record.key = .client
            case .path: record.key = .path
            case .header(let name):
                record.key = .header
                record.keyName = place(name)
            case .cookie(let name):
                record.key = .cookie
                record.keyName = place(name)
            }
        }
        if let cookie = options.sticky {
            record.isSticky = true
            record.cookie = place(cookie)
            // FNV-1a; no name has a zero in it.
            record.stickyTag = (Array(rule.name.utf8) + [0] + Array(cookie.utf8)).reduce(0xcbf2_9ce4_8422_2325) {
                ($0 ^ UInt64($1)) &* 0x100_0000_01b3
            }
        }
        record.queue = RouteQueue(options.queue)
        let ejection = options.ejection ?? Ejection()
        record.ejects = ejection.consecutive > 0 || ejection.ratio > 0 || ejection.latency > 0
        record.countsServerErrors = ejection.serverErrors
        record.ejection = OutlierEjection.Policy(
            consecutive: UInt32(ejection.consecutive), ratioPercent: UInt32(ejection.ratio),
            minimum: UInt32(ejection.minimum), window: UInt64(ejection.window) * 1_000_000,
            base: UInt64(ejection.base) * 1_000_000, longest: UInt64(ejection.longest) * 1_000_000,
            capPercent: UInt32(ejection.cap), latencyPercent: UInt32(ejection.latency))
        if let breaker = options.breaker { add(breaker) }
        terms.slowStart = UInt32(options.slowStart)
    }

    private mutating func add(_ breaker: Breaker) {
        func limit(_ count: Int) -> UInt32 { count == 0 ? .max : UInt32(count) }
        record.congestion = Congestion(
            inFlight: limit(breaker.inFlight), connections: limit(breaker.connections),
            pending: limit(breaker.pending))
        // An exchange has one connection: whoever may have no more of these may not have more of those.
        terms.inFlightLimit = min(record.congestion.inFlight, record.congestion.connections)
        record.breaks = breaker.ratio > 0
        record.breaksOnServerErrors = breaker.serverErrors
        terms.breaks = record.breaks
        record.breaker = CircuitBreaker.Policy(
            ratioPercent: UInt32(breaker.ratio), minimum: UInt32(breaker.minimum),
            window: UInt64(breaker.window) * 1_000_000, base: UInt64(breaker.base) * 1_000_000,
            longest: UInt64(breaker.longest) * 1_000_000, trials: UInt32(breaker.trials))
        record.wholeCongestion = Congestion(
            inFlight: limit(breaker.poolInFlight), connections: limit(breaker.poolConnections),
            pending: limit(breaker.poolPending))
        record.limitsConnections = breaker.poolConnections > 0 || breaker.poolPending > 0
        record.limitsPool = record.limitsConnections || breaker.poolInFlight > 0
        record.poolBreaks = breaker.poolRatio > 0
        record.poolBreaker = record.breaker
        record.poolBreaker.ratioPercent = UInt32(breaker.poolRatio)
        record.asksLeave = record.breaks || breaker.connections > 0 || breaker.pending > 0 || record.limitsPool
    }

    private mutating func place(_ name: String) -> TextPlace {
        defer { text += Array(name.utf8) }
        return TextPlace(start: UInt32(text.count), count: UInt32(name.utf8.count))
    }
}

extension TableWriter {
    /// Writes a rule's pool, and answers where it is.
    mutating func add(_ pool: CompiledPool?) -> UInt32 {
        guard let pool else { return nobody }
        let text = append(bytes: pool.text)
        var record = pool.record
        record.keyName.start += text
        record.cookie.start += text
        record.planStart = UInt32(planCount)
        let words = pool.plan.words
        arena.copy(words.span, at: header.plans, planCount)
        planCount += words.count
        arena.store(record, at: header.balanced, balancedCount)
        balancedCount += 1
        return UInt32(balancedCount - 1)
    }
}

extension PoolPolicy {
    init(_ policy: PoolOptions.Policy) {
        switch policy {
        case .roundRobin: self = .roundRobin
        case .random: self = .random
        case .leastConnections: self = .leastConnections
        case .twoChoices: self = .twoChoices
        case .leastTime: self = .leastTime
        case .hash: self = .hash
        }
    }
}
