import Foundation
import TestKit
import Testing

extension ApplianceTests {
    /// Ports that labels ask for. What connections carry is looked at through the web server of the test's image.
    @Suite("Ports that labels ask for")
    struct Transport {
        private static func labels(_ port: Int) -> [String] {
            ["kontainers.enable=true", "kontainers.tcp.db.listen=\(port)"]
        }

        /// The word of whoever answers on a port; `nil` when nobody does.
        private func word(on port: Int) -> String? {
            try? TestKit.get(host: "any.test", port: port).word
        }

        private func expect(_ word: String?, on port: Int, _ appliance: Appliance) async throws {
            do {
                try await eventually("\(word ?? "nobody") on port \(port)", within: .seconds(10)) {
                    self.word(on: port) == word
                }
            } catch {
                throw Unexpected(
                    wanted: "\(error)", got: self.word(on: port) ?? "nobody", log: appliance.log)
            }
        }

        @Test("a port is opened for a container and closed behind it", .timeLimit(.minutes(1)))
        func opened() async throws {
            let port = try freePort()
            try await withContainers { appliance, engine in
                let edge = appliance.edge
                try await engine.start("one", Self.labels(port))
                try await expect("one", on: port, appliance)
                try await appliance.logged("listener docker:tcp:\(port) is open")
                // Another that asks for the same port shares it.
                try await engine.start("two", Self.labels(port))
                try await eventually("both to answer") {
                    Set((0..<6).compactMap { _ in self.word(on: port) }) == ["one", "two"]
                }
                try await engine.remove("one", "two")
                try await appliance.logged("listener docker:tcp:\(port) is closed", within: .seconds(20))
                #expect(throws: RawConnection.Failure.refused) { try RawConnection(port: port) }
                #expect(appliance.edge == edge)
            }
        }

        @Test("a port that is not allowed is told with how to allow it", .timeLimit(.minutes(1)))
        func refused() async throws {
            let port = try freePort()
            try await withContainers { appliance, engine in
                try await engine.start("low", Self.labels(22))
                try await engine.start("taken", Self.labels(appliance.web))
                try await engine.start("good", Self.labels(port))
                try await appliance.logged("port-not-allowed", "container low", "kontainers.tcp.db.listen", "listen: [")
                try await appliance.logged("port-not-allowed", "container taken", "listener \\\"web\\\" has for http")
                try await expect("good", on: port, appliance)
            }
        }

        @Test(
            "a port that another program has is told of the rule, and opened once it is free", .timeLimit(.minutes(1)))
        func taken() async throws {
            let (port, other) = (try freePort(), try freePort())
            let folder = try TemporaryFolder("occupant")
            let occupant = try Program(
                Appliance.python, ["-m", "http.server", "--bind", "127.0.0.1", "\(port)"], log: folder("log"))
            try await eventually("the occupant to listen") { (try? RawConnection(port: port)) != nil }
            try await withContainers { appliance, engine in
                try await engine.start("late", Self.labels(port))
                try await engine.start("good", Self.labels(other))
                try await appliance.logged("listener-failed", "container late", "kontainers.tcp.db.listen")
                #expect(appliance.log.contains("have its label ask for another port"))
                try await expect("good", on: other, appliance)
                await occupant.stop(within: .seconds(5))
                try await expect("late", on: port, appliance)
            }
            await occupant.stop(within: .seconds(5))
        }

        @Test("a container is replaced while connections are open, and its port never refuses", .timeLimit(.minutes(1)))
        func replaced() async throws {
            let port = try freePort()
            try await withContainers { appliance, engine in
                try await engine.start("old", Self.labels(port))
                try await expect("old", on: port, appliance)
                let held = try RawConnection(port: port)
                try held.send("GET / HTTP/1.1\r\nHost: a.test\r\n")
                // Both of them, then the new one alone; who connects in between is served by either.
                try await engine.start("new", Self.labels(port))
                try await eventually("the new one to answer too") { self.word(on: port) == "new" }
                try held.send("Connection: close\r\n\r\n")
                #expect(try held.answer(within: .seconds(5)).word == "old")
                try await engine.remove("old")
                for _ in 0..<20 { #expect(word(on: port) == "new", "\(tail(appliance.log))") }
                // The only one goes: its successor finds the port open.
                try await engine.remove("new")
                let waiting = try RawConnection(port: port)
                try waiting.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
                try await engine.start("newest", Self.labels(port))
                #expect(try waiting.answer(within: .seconds(15)).word == "newest", "\(tail(appliance.log))")
            }
        }

        @Test("a connection wakes a container that sleeps, and keeps it awake while it lasts", .timeLimit(.minutes(1)))
        func woken() async throws {
            let port = try freePort()
            try await withContainers { appliance, engine in
                let labels =
                    Self.labels(port) + ["kontainers.tcp.db.sleep.after=2s", "kontainers.tcp.db.sleep.wake=20s"]
                func isAsleep() async throws -> Bool {
                    try await engine.inspect("db", "{{.State.Status}}") == "exited"
                }
                try await engine.start("db", labels)
                try await expect("db", on: port, appliance)
                try await eventually("db to sleep", within: .seconds(20), every: .milliseconds(200)) {
                    try await isAsleep()
                }
                let held = try RawConnection(port: port)
                try held.send("GET / HTTP/1.1\r\nHost: a.test\r\n")
                try await Task.sleep(for: .seconds(5))
                #expect(try await !isAsleep(), "\(tail(appliance.log))")
                try held.send("Connection: close\r\n\r\n")
                #expect(try held.answer(within: .seconds(15)).word == "db", "\(tail(appliance.log))")
            }
        }

        @Test("what the file allows holds at once", .timeLimit(.minutes(1)))
        func policy() async throws {
            let port = try freePort()
            let engine = try engineOfTheRun()
            var wanted = Appliance.Wanted()
            wanted.more = ["docker: { endpoint: \"\(engine.endpoint)\", listen: off }"]
            try await withAppliance(wanted) { appliance in
                try await engine.start("one", Self.labels(port))
                try await appliance.logged("port-not-allowed", "container one")
                wanted.more = [
                    "docker: { endpoint: \"\(engine.endpoint)\", listen: \(port), listenAddress: 127.0.0.1 }"
                ]
                try appliance.rewrite(wanted)
                try await expect("one", on: port, appliance)
                try await appliance.logged("docker:tcp:\(port) is open on 127.0.0.1:\(port)")
            }
            try await engine.removeAll()
        }
    }
}
