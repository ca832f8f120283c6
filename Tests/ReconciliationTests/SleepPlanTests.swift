import Contract
import Docker
import KontainersConfiguration
import Testing

@testable import Reconciliation

@Suite("Containers with labels for sleep, in the desired state")
struct SleepPlanTests {
    /// Rules whose names begin with "sleepy" sleep after a minute, "sleepier" ones after an hour.
    private static let grammar: LabelParser = { labels, container in
        var (rules, diagnoses) = testGrammar(labels, container)
        for index in rules.indices where rules[index].name.hasPrefix("sleep") {
            rules[index].sleep = SleepDeclaration(after: rules[index].name.hasPrefix("sleepier") ? 3_600_000 : 60_000)
        }
        return (rules, diagnoses)
    }

    private static func compute(
        _ containers: [ContainerRecord], rules: [RuleDeclaration] = []
    ) -> DesiredState.Outcome {
        var state = DesiredState(parser: grammar)
        return state.compute(Sources(file: file(rules), engines: [engine(containers)]), now: .now)
    }

    private static let sleepy = ["sleepy": "a.test - - -"]

    private static var waking: Holding {
        var holding = Holding()
        holding.wake = 60_000
        return holding
    }

    /// While there is nobody to wait for but who is started.
    private static var sleeping: Holding {
        var holding = waking
        holding.time = 0
        return holding
    }

    @Test("a container that runs is served, and its requests may wait for it")
    func running() {
        let outcome = Self.compute([container("web", 1, Self.sleepy)])
        #expect(outcome.content.rules.map(\.holding) == [Self.waking])
        #expect(outcome.content.rules[0].endpoints.count == 1)
        #expect(outcome.sleep.sleepers.map(\.condition) == [.running])
        #expect(outcome.sleep.sleepers[0].rules == ["docker:sleepy"] && outcome.sleep.sleepers[0].after == 60_000)
        #expect(outcome.sleep.served == ["docker:sleepy"] && outcome.sleep.patience == ["docker:sleepy": 60_000])
    }

    @Test("one that has stopped, or was never started, is asleep", arguments: [ContainerRecord.State.exited, .created])
    func asleep(_ state: ContainerRecord.State) {
        let outcome = Self.compute([container("web", 1, Self.sleepy, state: state)])
        #expect(outcome.content.rules.map(\.note) == ["asleep: starts with the next request"])
        #expect(outcome.content.rules.map(\.holding) == [Self.sleeping])
        #expect(outcome.sleep.sleepers.map(\.condition) == [.asleep] && outcome.sleep.served.isEmpty)
    }

    @Test("one that a person stopped is not, and nobody waits for it longer than for others")
    func byHand() {
        var record = container("web", 1, Self.sleepy, stopping: true)
        record.wasStoppedByHand = true
        var outcome = Self.compute([record])
        #expect(outcome.content.rules.map(\.note) == ["web is stopping"])
        #expect(outcome.content.rules.map(\.holding) == [Holding()])
        record.state = .exited
        record.isStopping = false
        outcome = Self.compute([record])
        #expect(outcome.content.rules.map(\.note) == ["web has stopped"])
        #expect(outcome.content.rules.map(\.holding) == [Holding()] && outcome.sleep.sleepers[0].condition == .away)
    }

    @Test("one that we stop wakes as soon as it has stopped")
    func stopping() {
        let outcome = Self.compute([container("web", 1, Self.sleepy, stopping: true)])
        #expect(outcome.content.rules.map(\.note) == ["asleep: starts with the next request"])
        #expect(outcome.content.rules.map(\.holding) == [Self.sleeping])
        #expect(outcome.sleep.sleepers.map(\.condition) == [.stopping])
    }

    @Test("beside one that runs, one that sleeps changes nothing; a successor is woken, whoever stopped the old one")
    func beside() {
        let asleep = container("web-2", 2, Self.sleepy, state: .exited)
        #expect(
            Self.compute([container("web-1", 1, Self.sleepy), asleep]).content.rules.map(\.holding) == [Self.waking])
        var old = container("web-1", 1, Self.sleepy, stopping: true)
        old.wasStoppedByHand = true
        #expect(Self.compute([old, asleep]).content.rules.map(\.holding) == [Self.sleeping])
    }

    @Test("a container of several rules sleeps when the last of them lets it")
    func several() {
        let outcome = Self.compute([
            container("web", 1, ["sleepy": "a.test - - -", "sleepier": "b.test - - -"])
        ])
        #expect(outcome.sleep.sleepers.map(\.after) == [3_600_000])
        #expect(outcome.sleep.sleepers.map(\.rules) == [["docker:sleepier", "docker:sleepy"]])
    }

    @Test("a container that a rule without sleep serves too never sleeps, and that is told")
    func awake() {
        let outcome = Self.compute([container("web", 1, ["sleepy": "a.test - - -", "site": "b.test - - -"])])
        #expect(outcome.sleep.sleepers.map(\.after) == [nil])
        #expect(outcome.diagnoses.map(\.code) == ["never-sleeps"])
    }

    @Test("a rule that is not published says nothing of who asks, and what others build on stays")
    func doubtful() {
        let mine = fileRule("mine", hosts: ["a.test"])
        #expect(Self.compute([container("web", 1, Self.sleepy)], rules: [mine]).sleep.sleepers.map(\.after) == [nil])

        var guest = container("guest", 2, [:])
        guest.networkMode = "container:id-web"
        #expect(Self.compute([container("web", 1, Self.sleepy), guest]).sleep.sleepers.map(\.after) == [nil])

        let named = RuleDeclaration(
            name: "named", hosts: ["c.test"], target: .container(id: "web", port: nil, network: nil),
            place: .appliance)
        #expect(Self.compute([container("web", 1, Self.sleepy)], rules: [named]).sleep.sleepers.map(\.after) == [nil])
    }

    @Test("without such labels there is no plan")
    func none() {
        #expect(Self.compute([container("web", 1)]).sleep == SleepPlan())
    }
}
