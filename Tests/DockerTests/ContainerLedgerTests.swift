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
        did = ledger.expire(now: now + ContainerLedger.leastBelief)
        #expect(did)
        #expect(!ledger.containers[0].isStopping)
    }

    @Test(
        "a container is believed to be stopping for as long as its engine waits for it",
        arguments: [(nil, 30), (5, 30), (0, 30), (120, 125), (-1, 3_600), (Int.max, 3_600)] as [(Int?, Int)])
    func grace(_ timeout: Int?, _ seconds: Int) {
        var record = Self.record("c")
        record.stopTimeout = timeout
        var ledger = ContainerLedger(lastKnown: [record])
        let now = ContinuousClock.now
        _ = ledger.apply(Self.event("kill", "c", ["signal": "15"]), now: now)
        #expect(ledger.nextExpiry == now + .seconds(seconds))
    }

    @Test(
        "the signal that an image names as its own ends it; others are for something else",
        arguments: [(nil, "28", false), (28, "28", true), (28, "SIGWINCH", true), (28, "1", false), (28, "15", true)]
            as [(Int?, String, Bool)])
    func signals(_ own: Int?, _ sent: String, _ stops: Bool) {
        var record = Self.record("c")
        record.stopSignal = own
        var ledger = ContainerLedger(lastKnown: [record])
        let did = ledger.apply(Self.event("kill", "c", ["signal": sent]), now: .now)
        #expect(did == stops && ledger.containers[0].isStopping == stops)
    }

    @Test("the events of a recreate, in the order of Compose, never leave a gap that was not there")
    func recreate() {
        var ledger = ContainerLedger(lastKnown: [Self.record("old")])
        let now = ContinuousClock.now
        func told(_ action: String, _ id: String) { _ = ledger.apply(Self.event(action, id), now: now) }
        func asked(_ id: String, _ state: ContainerRecord.State, named name: String) {
            let (_, asked) = ledger.takeQuestions()
            var record = Self.record(id, state)
            record.name = name
            _ = ledger.apply(inspected: record, id: id, asked: asked)
        }
        told("create", "new")
        asked("new", .created, named: "old_web")
        #expect(ledger.containers.map { Readiness($0) } == [.ready, .down("was never started")])
        told("kill", "old")
        told("die", "old")
        told("stop", "old")
        told("destroy", "old")
        told("rename", "new")
        told("start", "new")
        #expect(ledger.containers.map(\.id) == ["new"])
        asked("new", .running, named: "web")
        #expect(ledger.containers.map { Readiness($0) } == [.ready] && ledger.containers[0].name == "web")
    }

    @Test("who stopped a container is known from what came before its end")
    func hands() {
        let now = ContinuousClock.now
        func isByHand(own: Bool, _ actions: [String]) -> Bool {
            var ledger = ContainerLedger(lastKnown: [Self.record("c")])
            if own { ledger.willStop("c") }
            for action in actions { _ = ledger.apply(Self.event(action, "c", ["signal": "15"]), now: now) }
            let (_, asked) = ledger.takeQuestions()
            _ = ledger.apply(
                inspected: Self.record("c", actions.last == "start" ? .running : .exited), id: "c", asked: asked)
            return ledger.containers[0].wasStoppedByHand == true
        }
        #expect(isByHand(own: false, ["kill", "die", "stop"]))
        #expect(isByHand(own: false, ["kill"]))
        #expect(isByHand(own: false, ["stop"]))
        // It ended by itself, or was started again.
        #expect(!isByHand(own: false, ["die"]))
        #expect(!isByHand(own: false, ["kill", "die", "stop", "start"]))
        #expect(!isByHand(own: true, ["kill", "die", "stop"]))
        // The next stop is a person's.
        #expect(isByHand(own: true, ["kill", "die", "stop", "start", "kill", "die", "stop"]))
    }

    @Test("a stop of ours that did not come about, and a signal that was ignored, leave no mark")
    func unmarked() {
        var ledger = ContainerLedger(lastKnown: [Self.record("c")])
        let now = ContinuousClock.now
        ledger.willStop("c")
        ledger.didNotStop("c")
        _ = ledger.apply(Self.event("kill", "c"), now: now)
        #expect(ledger.containers[0].wasStoppedByHand == true)
        _ = ledger.expire(now: now + ContainerLedger.leastBelief)
        #expect(ledger.containers[0].wasStoppedByHand == nil)
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
