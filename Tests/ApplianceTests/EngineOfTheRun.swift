import TestKit
import Testing

/// Gives every test of a suite one Docker engine, started once and stopped after the last.
struct EngineOfTheRun: SuiteTrait, TestScoping {
    @TaskLocal static var current: DockerEngine?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let engine = try await DockerEngine(keepsContainers: true)
        let result: Result<Void, any Error>
        do {
            result = .success(try await Self.$current.withValue(engine) { try await function() })
        } catch {
            result = .failure(error)
        }
        await engine.stop()
        try result.get()
    }
}

extension Trait where Self == EngineOfTheRun {
    static var engine: Self { EngineOfTheRun() }
}

/// The engine, in a test below a suite with the trait ``EngineOfTheRun``.
func engineOfTheRun() throws -> DockerEngine { try #require(EngineOfTheRun.current) }

/// The release programs driven as an operator drives them. One test at a time: some measure.
@Suite("Appliance", .serialized, .engine)
enum ApplianceTests {}
