import TestKit
import Testing

extension ApplianceTests {
    @Suite("The engine of the run")
    struct TheEngine {
        @Test("runs a container that says its name", .timeLimit(.minutes(1)))
        func container() async throws {
            let engine = try engineOfTheRun()
            try await engine.start("hello", [])
            let address = try await engine.address(of: "hello")
            try await eventually("an answer") {
                try await run("curl", ["-sf", "http://\(address)/"]).line == "hello"
            }
            let echo = try await run("curl", ["-sf", "-H", "X-Request-ID: 7", "http://\(address)/cgi-bin/echo"])
            #expect(echo.out.contains("HTTP_X_REQUEST_ID=7"), "\(echo)")
            try await engine.remove("hello")
        }
    }
}
