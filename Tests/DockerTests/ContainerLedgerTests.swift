import Testing

@testable import Docker

@Suite("Container ledger")
struct ContainerLedgerTests {
    static func record(_ id: String, _ state: ContainerRecord.State = .running) -> ContainerRecord {
        ContainerRecord(id: id, name: id, state: state, labels: ["kontainers.host": "a.test"])
    }

    static func event(_ action: String, _ id: String, _ attributes: [String: String] = [:]) -> EngineEvent {
        EngineEvent(kind: "container", action: action, id: id, attributes: attributes)
    }

    @Test("an answer that is older than an event about the same container is dropped")
    func crossing() {
        var ledger = ContainerLedger(lastKnown: [Self.record("c")])
        let now = ContinuousClock.now
        var did = false
        let (_, asked) = ledger.takeQuestions()
        did = ledger.apply(Self.event("die", "c"), now: now)
        #expect(did)
        did = ledger.apply(inspected: Self.record("c"), id: "c", asked: asked)
        #expect(!did)
        #expect(ledger.containers[0].state == .exited)
        #expect(ledger.questions.containers == ["c"])
        // The question that comes after the event is heard.
        let (questions, later) = ledger.takeQuestions()
        #expect(questions.containers == ["c"])
        did = ledger.apply(inspected: Self.record("c"), id: "c", asked: later)
        #expect(did)
    }

    @Test("a list that is older than an event neither revives nor removes")
    func lists() {
        var ledger = ContainerLedger(lastKnown: [Self.record("dead"), Self.record("gone"), Self.record("left")])
        let now = ContinuousClock.now
        let (_, asked) = ledger.takeQuestions()
        _ = ledger.apply(Self.event("die", "dead"), now: now)
        _ = ledger.apply(Self.event("destroy", "gone"), now: now)
        _ = ledger.apply(Self.event("start", "new"), now: now)
        let (changed, inspect) = ledger.apply(list: [Self.record("dead"), Self.record("gone")], asked: asked)
        #expect(changed && inspect.isEmpty)
        #expect(ledger.containers.map(\.id) == ["dead"])
        #expect(ledger.containers[0].state == .exited)
        #expect(ledger.questions.containers == ["dead", "new"])
    }

    @Test("a signal that did not stop its container is forgotten after a while")
    func stopping() {
        var ledger = ContainerLedger(lastKnown: [Self.record("c")])
        let now = ContinuousClock.now
        var did = false
        did = ledger.apply(Self.event("kill", "c", ["signal": "15"]), now: now)
        #expect(did)
        #expect(ledger.containers[0].isStopping)
        let (_, asked) = ledger.takeQuestions()
        // It still runs: believed to be stopping all the same.
        did = ledger.apply(inspected: Self.record("c"), id: "c", asked: asked)
        #expect(!did)
        did = ledger.expire(now: now + .seconds(1))
        #expect(!did)
        did = ledger.expire(now: now + ContainerLedger.stopBelief)
        #expect(did)
        #expect(!ledger.containers[0].isStopping)
    }

    @Test("a container that started again is not stopping any more")
    func restarted() {
        var ledger = ContainerLedger(lastKnown: [Self.record("c")])
        let now = ContinuousClock.now
        for action in ["kill", "die", "start"] { _ = ledger.apply(Self.event(action, "c"), now: now) }
        let (_, asked) = ledger.takeQuestions()
        _ = ledger.apply(inspected: Self.record("c"), id: "c", asked: asked)
        #expect(ledger.containers[0].state == .running && !ledger.containers[0].isStopping)
    }

    @Test("pauses between attempts double up to their bound, and differ")
    func backoff() {
        var random = Seeded(state: 5)
        var backoff = Backoff()
        var pauses: [Duration] = []
        for _ in 0..<10 { pauses.append(backoff.pause(using: &random)) }
        for (index, pause) in pauses.enumerated() {
            let step = min(Duration.milliseconds(100) * (1 << index), .seconds(5))
            #expect(pause >= step / 2 && pause <= step)
        }
        backoff.reset()
        let pause = backoff.pause(using: &random)
        #expect(pause <= .milliseconds(100))
    }
}
