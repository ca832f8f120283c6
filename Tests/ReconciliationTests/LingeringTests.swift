import Contract
@testable import Docker
import KontainersConfiguration
import Testing

@testable import Reconciliation

@Suite("Rules whose containers were removed")
struct LingeringTests {
    /// A desired state, its clock, and what it came to last.
    private struct World {
        var state: DesiredState
        var now = ContinuousClock.now
        var next: ContinuousClock.Instant?
        var diagnoses: [Diagnosis] = []

        init(hold: Holding? = nil) {
            state = DesiredState { labels, container in
                let (rules, diagnoses) = testGrammar(labels, container)
                return (
                    rules.map {
                        var rule = $0
                        rule.hold = hold
                        return rule
                    }, diagnoses
                )
            }
        }

        mutating func rules(
            _ containers: [ContainerRecord], after seconds: Double = 0, rules: [RuleDeclaration] = [],
            routes: LocalRoutes? = nil, reachable: Bool = true
        ) -> [Rule] {
            now += .seconds(seconds)
            let sources = Sources(
                file: file(rules), engines: [engine(containers, reachable: reachable)], routes: routes)
            let outcome = state.compute(sources, now: now)
            next = outcome.nextChange
            diagnoses = outcome.diagnoses
            return outcome.content.rules
        }
    }

    private static let gone = "its containers were removed"

    @Test("a rule stays without endpoints for as long as its requests are held, and then goes")
    func lingers() {
        var world = World()
        _ = world.rules([container("web", 1)])
        #expect(world.next == nil)
        let lone = [Rule(name: "docker:site", hosts: ["a.test"], note: Self.gone, holding: Holding())]
        #expect(world.rules([]) == lone)
        #expect(world.next == world.now + .seconds(10))
        #expect(world.rules([], after: 9.9) == lone)
        #expect(world.rules([], after: 0.1) == [] && world.next == nil)
        // Nothing is left of it.
        #expect(world.state.poolNames.isEmpty && world.state.lingering.isEmpty)
    }

    @Test("a container with the same rule goes on as the same rule")
    func returns() {
        var world = World()
        _ = world.rules([container("one", 1, ["first": "a.test - - -"])])
        _ = world.rules([], after: 1)
        let back = world.rules([container("two", 2, ["second": "a.test - - -"])], after: 1)
        #expect(back.map(\.name) == ["docker:first"] && back[0].endpoints.count == 1 && back[0].note == nil)
        #expect(world.next == nil)
        // It lingers anew from when it is removed again.
        _ = world.rules([], after: 100)
        #expect(world.next == world.now + .seconds(10))
        _ = world.rules([], after: 10)
        let later = world.rules([container("two", 2, ["second": "a.test - - -"])], after: 1)
        #expect(later.map(\.name) == ["docker:second"])
    }

    @Test("while other containers of the pool are there, nothing lingers and the name stays")
    func others() {
        var world = World()
        let one = container("one", 1, ["first": "a.test - - -"])
        let two = container("two", 2, ["second": "a.test - - -"])
        #expect(world.rules([one, two]).map(\.name) == ["docker:first"])
        #expect(world.rules([two]).map(\.name) == ["docker:first"] && world.next == nil)
    }

    @Test("a rule that does not hold goes at once")
    func noHolding() {
        var off = Holding()
        off.time = 0
        var world = World(hold: off)
        #expect(world.rules([container("web", 1)]).map(\.holding) == [nil])
        #expect(world.rules([]) == [] && world.next == nil)
    }

    @Test("the time is the rule's own")
    func ownTime() {
        var long = Holding()
        long.time = 60_000
        var world = World(hold: long)
        _ = world.rules([container("web", 1)])
        #expect(world.rules([], after: 1).map(\.holding) == [long])
        #expect(world.next == world.now + .seconds(60))
    }

    @Test("a successor with other labels takes the name, and the hosts of the old one go")
    func renamedHosts() {
        var world = World()
        _ = world.rules([container("web", 1)])
        _ = world.rules([])
        let next = world.rules([container("web", 1, ["site": "b.test - - -"])], after: 1)
        #expect(next.map(\.name) == ["docker:site"] && next[0].hosts == ["b.test"] && world.next == nil)
    }

    @Test("what is there comes before what is gone, without a word")
    func conflict() {
        var world = World()
        _ = world.rules([container("web", 1, ["site": "a.test,b.test - - -"])])
        let mine = fileRule("mine", hosts: ["a.test"])
        let other = container("new", 2, ["other": "b.test - - -"])
        let rules = world.rules([other], rules: [mine])
        #expect(rules.map(\.name) == ["docker:other", "mine"])
        #expect(world.diagnoses.isEmpty)
        // The hosts that nobody else has stay.
        _ = world.rules([container("web", 1, ["site": "a.test,c.test - - -"])], after: 20)
        #expect(world.rules([], rules: [mine]).contains { $0.name == "docker:site" && $0.hosts == ["c.test"] })
    }

    @Test("a network that goes with the container changes nothing about it")
    func routes() {
        var world = World()
        let before = LocalRoutes(
            route: "Iface Destination Gateway Flags RefCnt Use Metric Mask\nbr0 000012C6 0 0001 0 0 0 0000FFFF",
            route6: "")
        _ = world.rules([container("web", 1)], routes: before)
        #expect(world.rules([], routes: LocalRoutes(route: "", route6: "")).map(\.note) == [Self.gone])
    }

    @Test("an engine that is not reachable changes nothing")
    func unreachable() {
        var world = World()
        let rules = world.rules([container("web", 1)])
        #expect(world.rules([container("web", 1)], after: 60, reachable: false) == rules && world.next == nil)
    }
}
