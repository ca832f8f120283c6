import TestKit
import Testing

extension ApplianceTests {
    @Suite("Labels")
    struct Labels {
        @Test("a misspelt label is reported with what was meant, and harms no other", .timeLimit(.minutes(1)))
        func misspelt() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("good", ["kontainers.enable=true", "kontainers.host=good.test"])
                try await engine.start("typo", ["kontainers.enable=true", "kontainers.hots=typo.test"])
                try await engine.start(
                    "half",
                    [
                        "kontainers.enable=true", "kontainers.http.fine.hosts=fine.test",
                        "kontainers.http.wrong.hosts=wrong.test", "kontainers.http.wrong.port=eighty",
                    ])
                try await appliance.logged("typo", "kontainers.hots", "kontainers.host")
                try await appliance.logged("half", "eighty")
                #expect(appliance.log.contains("did you mean"), "\(tail(appliance.log))")
                for host in ["good.test", "fine.test"] { try await appliance.expect(200, host: host) }
                for host in ["typo.test", "wrong.test"] { #expect(try appliance.get(host: host).status == 404) }
            }
        }

        @Test("a container that does not ask is not served", .timeLimit(.minutes(1)))
        func optIn() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("silent", ["kontainers.host=silent.test"])
                try await engine.start("no", ["kontainers.enable=false", "kontainers.host=no.test"])
                try await engine.start("yes", ["kontainers.enable=true", "kontainers.host=yes.test"])
                try await appliance.expect(200, host: "yes.test")
                for host in ["silent.test", "no.test"] { #expect(try appliance.get(host: host).status == 404) }
            }
        }

        @Test("labels of any bytes harm nobody", .timeLimit(.minutes(1)))
        func anyBytes() async throws {
            try await withContainers { appliance, engine in
                try await engine.start("good", ["kontainers.enable=true", "kontainers.host=good.test"])
                let strange = [
                    "kontainers.", "kontainers.host=", "kontainers.host=a b", "kontainers.host=\u{1F433}.test",
                    "kontainers.http..hosts=x.test", "kontainers.http.=x", "kontainers.http.a=x",
                    "kontainers.http.a.b.c.d=x", "kontainers.port=99999999999999999999", "kontainers.port=-1",
                    "kontainers.path=no-slash", "kontainers.host=\r\nInjected: yes", "kontainers.host=*.*",
                    "kontainers.host=\(String(repeating: "x", count: 20_000)).test", "kontainers.tls=\u{0}\u{7F}",
                    "kontainers.network=\u{FEFF}", "kontainers.\u{202E}host=x.test", "KONTAINERS.HOST=upper.test",
                    "kontainers.http.\(String(repeating: "n", count: 5_000)).hosts=long.test", "=", "kontainers=",
                ].filter { !$0.contains("\u{0}") && $0 != "=" }
                for (number, label) in strange.enumerated() {
                    try await engine.create("odd\(number)", ["kontainers.enable=true", label])
                    try await engine.docker("start", "odd\(number)")
                }
                try await engine.start("last", ["kontainers.enable=true", "kontainers.host=last.test"])
                try await appliance.expect(200, host: "last.test")
                #expect(try appliance.get(host: "good.test").status == 200)
                #expect(appliance.control != nil && appliance.edge != nil)
                #expect(!appliance.log.contains("\nInjected: yes"), "a label must not write lines of the log")
            }
        }
    }
}
