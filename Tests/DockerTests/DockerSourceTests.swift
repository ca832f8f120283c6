import KontainersConfiguration
import Logging
import Testing

@testable import Docker

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
                let paused = await states.first { $0.containers[0].state == .paused }
                #expect(paused.reachable)
                await engine.set("c1", nil)
                let line = #"{"Type":"container","Action":"unpause","Actor":{"ID":"c1"}}"# + "\n"
                await engine.emit(raw: line + line.replacing("unpause", with: "destroy"))
                #expect(await states.first { $0.containers.isEmpty }.reachable)
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
                let state = await states.first { $0.containers.map(\.state) == [.exited, .running] }
                #expect(state.reachable)
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
                let other = await states.first { $0.containers.contains { $0.id == "c2" } }
                #expect(!other.containers.contains { $0.id == "stuck" })
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

    @Test("an event that comes while the first list is read tells nothing of the half that is known")
    func half() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            await engine.set("slow", .init())
            await engine.answer("/containers/slow", with: .silence)
            var limits = EngineLimits()
            limits.callTime = .seconds(1)
            try await Self.following(engine, limits: limits) { states in
                try await Task.sleep(for: .milliseconds(300))
                await engine.set("c1", .init(state: "paused"))
                await engine.emit("pause", "c1")
                await engine.answer("/containers/slow", with: nil)
                let first = await states.first { $0.reachable }
                #expect(first.containers.first { $0.id == "c1" }?.state == .paused)
            }
        }
    }

    @Test("containers are stopped and started, and a stop of ours is told from a person's")
    func changes() async throws {
        let engine = FakeEngine()
        try await engine.serve {
            await engine.set("c1", .init())
            let source = DockerSource(
                endpoint: .init(address: .unix(path: engine.path), text: "engine"), logger: Self.quiet)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await source.run() }
                let states = States(source.states)
                await states.first { $0.reachable }
                let stopped = try await source.stop("c1")
                #expect(stopped)
                let asleep = await states.first { $0.containers[0].state == .exited }
                #expect(asleep.containers[0].wasStoppedByHand == nil)
                // What is so already is fine, and what is gone is told.
                let again = try await source.stop("c1")
                let started = try await source.start("c1")
                let startedAgain = try await source.start("c1")
                let absent = try await source.start("c2")
                #expect(again && started && startedAgain && !absent)
                await states.first { $0.containers[0].state == .running }

                await engine.set("c1", .init(state: "exited"))
                for action in ["kill", "die", "stop"] { await engine.emit(action, "c1") }
                let left = await states.first { $0.containers[0].wasStoppedByHand == true }
                #expect(left.reachable)

                await engine.answer("POST", with: .refusal(500, #"{"message":"driver failed"}"#))
                let call = "/containers/c1/start"
                await #expect(throws: EngineError.refused(call: call, status: 500, message: "driver failed")) {
                    try await source.start("c1")
                }
                group.cancelAll()
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
