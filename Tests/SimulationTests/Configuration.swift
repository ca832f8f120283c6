import Contract
import Routing
import TLS
import TestKit

@testable import Proxy

/// The revisions of a world: endpoints come and go, limits and options change, and those who behave notice nothing.
final class Configuration {
    enum Age { case first, later, outage }

    /// Milliseconds for which requests of those who behave are held.
    static let holdingTime = 10_000

    private let compiler = RouteCompiler(seed: 1)
    private let contexts = TLSContexts.build(certificates: [], assignments: [], policy: .intermediate, previous: nil).0
    private let plan: WorldPlan
    private var number: UInt64 = 0

    init(_ plan: WorldPlan) { self.plan = plan }

    var listenerIndex: Int { compiler.listenerIndex(of: "web") }

    private let holding = {
        var holding = Holding()
        holding.time = holdingTime
        return holding
    }()

    func settings(_ age: Age) -> Settings {
        var settings = Settings()
        settings.timeouts.head = 2_000
        settings.timeouts.bodyIdle = 2_500
        settings.timeouts.connect = 700
        settings.timeouts.firstByte = 2_500
        settings.timeouts.responseIdle = 2_500
        settings.timeouts.keepAlive = 3_000
        settings.timeouts.upstreamIdle = 2_000
        settings.timeouts.tunnelIdle = 4_000
        settings.limits.connectionsPerWorker = 1_000
        return settings
    }

    /// Of a pool that serves those who behave whatever becomes of its endpoints: nobody of them is ever full, and of
    /// those that fail one does not.
    private func honestPool(_ random: inout SeededGenerator) -> PoolOptions {
        var pool = PoolOptions()
        pool.policy = PoolOptions.Policy.allCases[Int.random(in: 0..<6, using: &random)]
        pool.slowStart = [0, 2_000, 20_000][Int.random(in: 0..<3, using: &random)]
        pool.panic = [0, 50][Int.random(in: 0..<2, using: &random)]
        if Bool.random(using: &random) { pool.ejection = quickEjection(&random) }
        if Bool.random(using: &random) { pool.breaker = quickBreaker(&random) }
        return pool
    }

    /// Of one that may be full, too.
    private func oddPool(_ random: inout SeededGenerator) -> PoolOptions {
        var pool = honestPool(&random)
        pool.sticky = Bool.random(using: &random) ? "route" : nil
        guard Bool.random(using: &random) else { return pool }
        var breaker = pool.breaker ?? Breaker()
        breaker.inFlight = Int.random(in: 0...2, using: &random)
        breaker.connections = Int.random(in: 0...2, using: &random)
        breaker.pending = Int.random(in: 0...1, using: &random)
        pool.breaker = breaker
        return pool
    }

    private func quickEjection(_ random: inout SeededGenerator) -> Ejection {
        var ejection = Ejection()
        ejection.consecutive = Int.random(in: 0...3, using: &random)
        (ejection.minimum, ejection.window) = (3, 2_000)
        (ejection.base, ejection.longest) = (500, 3_000)
        ejection.cap = [0, 50, 100][Int.random(in: 0..<3, using: &random)]
        ejection.latency = Bool.random(using: &random) ? 200 : 0
        return ejection
    }

    private func quickBreaker(_ random: inout SeededGenerator) -> Breaker {
        var breaker = Breaker()
        (breaker.ratio, breaker.minimum, breaker.window) = (60, 3, 2_000)
        (breaker.base, breaker.longest) = (300, 2_000)
        breaker.trials = Int.random(in: 1...3, using: &random)
        return breaker
    }

    func next(_ random: inout SeededGenerator, _ age: Age) -> Revision {
        func chance(_ one: Int, in all: Int) -> Bool { Int.random(in: 0..<all, using: &random) < one }
        var honest: [Host] = [[.honest1], [.honest1, .honest2], [.honest3, .honest1, .honest2]][
            Int.random(in: 0..<3, using: &random)]
        if age == .outage { honest = chance(1, in: 2) ? [] : [.refusing] }
        if age != .outage, chance(1, in: 3) { honest.insert(.refusing, at: 0) }
        if age != .outage, chance(1, in: 3) { honest.insert(.unreachable, at: 1) }
        let odd: [Host] = [[.odd1], [.odd2, .odd1], [.refusing, .odd2], []][
            Int.random(in: 0..<(age == .first ? 3 : 4), using: &random)]
        var options: RuleOptions?
        if chance(1, in: 3) {
            options = RuleOptions()
            options?.securityHeaders = true
            options?.responseHeaders.add = [HeaderField("X-Added", "by the rule")]
            options?.requestHeaders.set = [HeaderField("X-Asked", "${host}")]
        }
        var settings = settings(age)
        if chance(1, in: 3) { settings.limits.connectionsPerWorker = Int.random(in: 1...6, using: &random) }
        settings.limits.idlePerEndpoint = [0, 1, 256][Int.random(in: 0..<3, using: &random)]
        if !plan.isPeaceful, chance(1, in: 4) { settings.limits.bodyBytes = 0 }
        compiler.replaceAll(rules: [
            Rule(
                name: "honest", hosts: ["site.test"], path: "/honest", endpoints: honest.map(\.endpoint),
                options: options, pool: plan.hasPools ? honestPool(&random) : nil,
                holding: plan.hasOutages ? holding : nil),
            Rule(
                name: "odd", hosts: ["site.test"], path: "/odd", endpoints: odd.map(\.endpoint), options: options,
                pool: plan.hasPools ? oddPool(&random) : nil),
        ])
        number += 1
        let (table, diagnoses) = compiler.build(revision: number, epoch: "simulation")
        precondition(diagnoses.isEmpty, "\(diagnoses)")
        return Revision(table: table, contexts: contexts, settings: settings, securePort: 443, adopted: {})
    }
}
