import Foundation
import TestKit
import Testing

extension ApplianceTests {
    @Suite("Containers that sleep")
    struct Sleeping {
        static let labels = [
            "kontainers.enable=true", "kontainers.host=app.test", "kontainers.sleep.after=2s",
            "kontainers.sleep.wake=20s",
        ]

        private func sleeping(_ engine: DockerEngine, _ name: String = "app", within limit: Duration = .seconds(20))
            async throws
        {
            try await eventually("\(name) to sleep", within: limit, every: .milliseconds(200)) {
                try await engine.inspect(name, "{{.State.Status}}") == "exited"
            }
        }

        @Test("nobody asks: the container stops; somebody asks: the request waits for it", .timeLimit(.minutes(2)))
        func course() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("app", Self.labels)
                try await appliance.expect(200, host: "app.test")
                for _ in 0..<3 {
                    try await sleeping(engine)
                    let began = ContinuousClock.now
                    let answer = try appliance.get(host: "app.test", within: .seconds(20))
                    let took = began.duration(to: .now)
                    print("a request to a sleeping container was answered after \(took)")
                    #expect(took < .seconds(5), "\(appliance.log)")
                    #expect(answer.status == 200 && answer.word == "app", "\(answer)\n\(tail(appliance.log))")
                }
                // A request now and then keeps it awake.
                for _ in 0..<8 {
                    #expect(try appliance.get(host: "app.test").status == 200)
                    try await Task.sleep(for: .milliseconds(700))
                }
                #expect(try await engine.inspect("app", "{{.State.Status}}") == "running")
                let page = try TestKit.get("/metrics", host: "localhost", port: appliance.management).text
                #expect(page.contains("kontainers_container_wakes_total 3"), "\(page)")
            }
        }

        @Test("a request that lasts longer than the time keeps the container", .timeLimit(.minutes(1)))
        func inFlight() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("app", Self.labels)
                try await appliance.expect(200, host: "app.test")
                let answer = try appliance.get("/cgi-bin/slow?6", host: "app.test", within: .seconds(20))
                #expect(answer.status == 200 && answer.text.contains("slow app"), "\(answer)")
            }
        }

        @Test("a browser that waits gets a page after two seconds", .timeLimit(.minutes(1)))
        func page() async throws {
            try await withContainers { appliance, engine in
                // It listens late: four seconds after its start.
                try await engine.docker(
                    "create", "--name", "app", "--env", "NAME=app", "--entrypoint", "/bin/sh", "--label",
                    Self.labels[0], "--label", Self.labels[1], "--label", Self.labels[2], "--label", Self.labels[3],
                    DockerEngine.webImage, "-c", "sleep 4; exec /bin/sh /bin/serve")
                try await appliance.logged("edge: serving", "rules=1")
                let began = ContinuousClock.now
                let answer = try appliance.get(host: "app.test", fields: ["Accept: text/html"], within: .seconds(20))
                #expect(answer.status == 503 && began.duration(to: .now) < .seconds(4), "\(answer)")
                #expect(answer["content-type"]?.hasPrefix("text/html") == true, "\(answer)")
                // A program waits for the container itself.
                #expect(try appliance.get(host: "app.test", within: .seconds(20)).word == "app")
            }
        }

        @Test("a container that a person stopped stays stopped, until a person starts it", .timeLimit(.minutes(1)))
        func byHand() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("app", Self.labels + ["kontainers.hold=1s"])
                try await appliance.expect(200, host: "app.test")
                try await engine.docker("stop", "-t", "1", "app")
                #expect(try appliance.get(host: "app.test", within: .seconds(10)).status == 503)
                #expect(try await engine.inspect("app", "{{.State.Status}}") == "exited")
                try await engine.docker("start", "app")
                try await appliance.expect(200, host: "app.test")
                try await sleeping(engine)
                #expect(try appliance.get(host: "app.test", within: .seconds(20)).status == 200)
            }
        }
    }
}
