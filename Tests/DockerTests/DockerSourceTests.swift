import KontainersConfiguration
import Logging
import Testing

@testable import Docker

@Suite("Docker client", .timeLimit(.minutes(1)))
struct DockerClientTests {
    static func asking<Answer: Sendable>(
        _ path: String, limits: EngineLimits = EngineLimits(),
        _ call: (DockerClient) async throws -> Answer
    ) async -> Result<Answer, EngineError> {
        let client = DockerClient(address: .unix(path: path), limits: limits)
        let result: Result<Answer, EngineError>
        do {
            result = .success(try await call(client))
        } catch let error as EngineError {
            result = .failure(error)
        } catch {
            Issue.record("an error without a name: \(error)")
            result = .failure(.streamEnded)
        }
        await client.close()
        return result
    }

    @Test("asks for what there is")
    func answers() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            #expect(await Self.asking(engine.path) { try await $0.version() }.map(\.apiVersion) == .success("1.41"))
            let list = await Self.asking(engine.path) { try await $0.containers() }
            #expect(list.map { $0.map(\.name) } == .success(["name-c1"]))
            let one = await Self.asking(engine.path) { try await $0.container("c1") }
            #expect(one.map { $0?.exposedPorts.map(\.number) } == .success([80]))
            #expect(await Self.asking(engine.path) { try await $0.container("c/../2?x") } == .success(nil))
            #expect(await Self.asking(engine.path) { try await $0.networks() }.map(\.count) == .success(1))
        }
    }

    @Test(
        "whatever an engine answers ends in a sentence",
        arguments: [
            ("{}", "is not understood: it starts with \"{}\""), ("", "is not understood: it is empty"),
            ("[{\"Id\":", "is not understood"), ("\u{0}\u{1}nonsense", "is not understood"),
        ])
    func nonsense(_ body: String, _ sentence: String) async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.answer("/containers", with: .json(body))
            let result = await Self.asking(engine.path) { try await $0.containers() }
            guard case .failure(let error) = result else {
                Issue.record("it was understood")
                return
            }
            #expect(error.description.contains(sentence))
        }
    }

    @Test(
        "an answer that is no HTTP, or ends too soon, ends in an error",
        arguments: [
            "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[", "HTTP/1.1 200", "",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ])
    func cut(_ answer: String) async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.answer("/containers", with: .raw(answer))
            let result = await Self.asking(engine.path) { try await $0.containers() }
            #expect(throws: EngineError.self) { try result.get() }
        }
    }

    @Test("an answer beyond its limit is not read to its end", arguments: [(5, true), (6, false)])
    func limits(_ limit: Int, _ isRefused: Bool) async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.answer("/containers", with: .json("[null]"))
            var limits = EngineLimits()
            limits.listBytes = limit
            let result = await Self.asking(engine.path, limits: limits) { try await $0.containers() }
            #expect(
                result == (isRefused ? .failure(.tooLarge(call: "/containers/json?all=1", limit: 5)) : .success([])))
        }
    }

    @Test("an engine that says nothing is given up on")
    func silence() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.answer("/version", with: .silence)
            var limits = EngineLimits()
            limits.callTime = .milliseconds(100)
            let result = await Self.asking(engine.path, limits: limits) { try await $0.version() }
            #expect(result == .failure(.timedOut(call: "/version", after: .milliseconds(100))))
        }
    }

    @Test("an engine's own error keeps its words")
    func refusals() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.answer("/networks", with: .refusal(500, #"{"message":"disk on fire"}"#))
            let result = await Self.asking(engine.path) { try await $0.networks() }
            #expect(result == .failure(.refused(call: "/networks", status: 500, message: "disk on fire")))
        }
    }

    @Test("a socket that is not there says what to look for")
    func absent() async {
        let result = await Self.asking("/tmp/no-such.sock") { try await $0.version() }
        guard case .failure(.unreachable(let why)) = result else {
            Issue.record("found \(result)")
            return
        }
        #expect(why.hasPrefix("the socket does not exist"))
    }
}

@Suite("Docker source", .timeLimit(.minutes(1)))
struct DockerSourceTests {
    static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Runs a source against an engine, and `body` with its states.
    static func following(
        _ engine: FakeEngine, lastKnown: [ContainerRecord] = [], limits: EngineLimits = EngineLimits(),
        _ body: @escaping @Sendable (States) async throws -> Void
    ) async throws {
        let source = DockerSource(
            endpoint: .init(address: .unix(path: engine.path), text: "engine"), lastKnown: lastKnown, limits: limits,
            backoff: Backoff(first: .milliseconds(5), longest: .milliseconds(20)), logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await source.run() }
            try await body(States(source.states))
            group.cancelAll()
        }
    }

    /// The states of a source, in order.
    actor States {
        private let stream: AsyncStream<EngineState>

        init(_ stream: AsyncStream<EngineState>) { self.stream = stream }

        /// The first state from now on that fits.
        @discardableResult
        func first(where fits: @Sendable (EngineState) -> Bool) async -> EngineState {
            for await state in stream where fits(state) { return state }
            return EngineState(endpoint: "ended", reachable: false)
        }
    }

    @Test("says all at first, and then each change within a moment")
    func course() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            try await Self.following(engine) { states in
                let first = await states.first { _ in true }
                #expect(first.reachable && first.message == "version 20.10, API 1.41")
                #expect(first.containers.map(\.name) == ["name-c1"])
                #expect(first.containers[0].networks[0].driver == "bridge")

                await engine.set("c2", .init(address: "198.18.0.3"))
                await engine.forgetCalls()
                let began = ContinuousClock.now
                await engine.emit("start", "c2")
                let second = await states.first { $0.containers.count == 2 }
                print("from the event of a start to its state: \(began.duration(to: .now))")
                #expect(second.containers[1].networks[0].address == "198.18.0.3")
                #expect(await engine.calls.contains("/containers/c2/json"))
                #expect(await !engine.calls.contains("/containers/c1/json"))
            }
        }
    }

    @Test("a container that dies leaves with the event, though the engine answers no more questions")
    func death() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            try await Self.following(engine) { states in
                await states.first { $0.reachable }
                await engine.answer("/containers", with: .silence)
                await engine.emit("kill", "c1", attributes: #"{"signal":"15"}"#)
                #expect(await states.first { _ in true }.containers[0].isStopping)
                await engine.emit("die", "c1")
                #expect(await states.first { _ in true }.containers[0].state == .exited)
                await engine.emit("destroy", "c1")
                #expect(await states.first { _ in true }.containers.isEmpty)
            }
        }
    }

    @Test("events in many pieces and many in one piece are the same")
    func pieces() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            try await Self.following(engine) { states in
                await states.first { $0.reachable }
                for character in #"{"Type":"container","Action":"pause","Actor":{"ID":"c1"}}"# + "\n" {
                    await engine.emit(raw: String(character))
                }
                await states.first { $0.containers[0].state == .paused }
                await engine.set("c1", nil)
                let line = #"{"Type":"container","Action":"unpause","Actor":{"ID":"c1"}}"# + "\n"
                await engine.emit(raw: line + line.replacing("unpause", with: "destroy"))
                await states.first { $0.containers.isEmpty }
            }
        }
    }

    @Test("what happened while the stream was broken is known after it")
    func reconnects() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            try await Self.following(engine) { states in
                await states.first { $0.reachable }
                await engine.set("c2", .init())
                await engine.set("c1", .init(state: "exited"))
                await engine.hangUp()
                let state = await states.first { $0.reachable && $0.containers.count == 2 }
                #expect(state.containers.map(\.state) == [.exited, .running])
            }
        }
    }

    @Test("an engine that vanishes is told of, and its containers stay")
    func vanishing() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            try await Self.following(engine) { states in
                await states.first { $0.reachable }
                await engine.answer("/", with: .raw(""))
                await engine.hangUp()
                let gone = await states.first { !$0.reachable }
                #expect(gone.containers.map(\.name) == ["name-c1"])
                #expect(!gone.message.isEmpty)
                await engine.answer("/", with: nil)
                await states.first { $0.reachable }
            }
        }
    }

    @Test("nonsense in the stream of events makes it ask for everything again")
    func nonsense() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            try await Self.following(engine) { states in
                for garbage in ["nonsense\n", "[1,2]\n", "{}\n", String(repeating: "x", count: 1 << 21)] {
                    await states.first { $0.reachable }
                    await engine.emit(raw: garbage)
                    let gone = await states.first { !$0.reachable }
                    #expect(gone.containers.count == 1)
                }
                await states.first { $0.reachable }
            }
        }
    }

    @Test("one container that cannot be inspected holds up no other")
    func oneStuck() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            var limits = EngineLimits()
            limits.callTime = .milliseconds(300)
            try await Self.following(engine, limits: limits) { states in
                await states.first { $0.reachable }
                await engine.answer("/containers/stuck", with: .silence)
                await engine.set("stuck", .init())
                await engine.set("c2", .init())
                await engine.emit("start", "stuck")
                await engine.emit("start", "c2")
                await states.first { $0.containers.contains { $0.id == "c2" } }
                await engine.answer("/containers/stuck", with: nil)
                await states.first { $0.containers.contains { $0.id == "stuck" } }
            }
        }
    }

    @Test("a burst of starts is inspected, each once, and told in few states")
    func burst() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            try await Self.following(engine) { states in
                await states.first { $0.reachable }
                for number in 0..<200 { await engine.set("b\(number)", .init()) }
                for number in 0..<200 {
                    for action in ["create", "start", "health_status: starting"] {
                        await engine.emit(action, "b\(number)")
                    }
                }
                let state = await states.first { $0.containers.count == 200 }
                #expect(Set(state.containers.map(\.state)) == [.running])
            }
        }
    }

    @Test("until an engine answers, what was known in another life is believed")
    func lastKnown() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.answer("/", with: .raw(""))
            let known = ContainerRecord(id: "c0", name: "old", labels: ["kontainers.host": "a.test"])
            try await Self.following(engine, lastKnown: [known]) { states in
                let first = await states.first { _ in true }
                #expect(!first.reachable && first.containers == [known])
                await engine.set("c1", .init())
                await engine.answer("/", with: nil)
                #expect(await states.first { $0.reachable }.containers.map(\.id) == ["c1"])
            }
        }
    }
}

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
