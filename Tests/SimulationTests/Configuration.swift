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
                options: options, holding: plan.hasOutages ? holding : nil),
            Rule(name: "odd", hosts: ["site.test"], path: "/odd", endpoints: odd.map(\.endpoint), options: options),
        ])
        number += 1
        let (table, diagnoses) = compiler.build(revision: number, epoch: "simulation")
        precondition(diagnoses.isEmpty, "\(diagnoses)")
        return Revision(table: table, contexts: contexts, settings: settings, securePort: 443, adopted: {})
    }
}
