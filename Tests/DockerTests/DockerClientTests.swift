import KontainersConfiguration
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
