import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("Health checks by labels")
    struct HealthLabels {
        private static let labels = [
            "kontainers.enable=true", "kontainers.host=app.test", "kontainers.health.path=/well",
            "kontainers.health.expect=200", "kontainers.health.interval=200ms", "kontainers.health.fall=2",
            "kontainers.health.rise=1",
        ]

        @Test("a container whose page goes away gets nothing until it is there again", .timeLimit(.minutes(1)))
        func badAndGoodAgain() async throws {
            try await withContainers { appliance, engine in
                for name in ["app1", "app2"] {
                    try await engine.start(name, Self.labels)
                    try await engine.docker("exec", name, "touch", "/www/80/well")
                }
                try await eventually("both answer") { try words(appliance) == ["app1", "app2"] }
                try await engine.docker("exec", "app1", "rm", "/www/80/well")
                try await eventually("the one that is well alone answers") { try words(appliance) == ["app2"] }
                // It runs all the while: nobody but the check can have told.
                #expect(try await engine.inspect("app1", "{{.State.Running}}") == "true")
                try await engine.docker("exec", "app1", "touch", "/www/80/well")
                try await eventually("both answer again") { try words(appliance) == ["app1", "app2"] }
            }
        }

        /// Whoever answers twenty requests.
        private func words(_ appliance: Appliance) throws -> Set<String> {
            Set(try (0..<20).map { _ in try appliance.get(host: "app.test").word })
        }
    }
}
