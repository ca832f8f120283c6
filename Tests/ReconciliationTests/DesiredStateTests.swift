import Contract
import Docker
import KontainersConfiguration
import Testing

@testable import Reconciliation

@Suite("Desired state")
struct DesiredStateTests {
    static func compute(
        _ containers: [ContainerRecord], rules: [RuleDeclaration] = [], certificates: [LoadedCertificate] = [],
        resolutions: [String: Resolution] = [:]
    ) -> DesiredState.Outcome {
        var state = DesiredState(parser: testGrammar)
        return state.compute(
            Sources(
                file: file(rules), certificates: certificates, resolutions: resolutions, engines: [engine(containers)]),
            now: .now)
    }

    @Test("containers with the same rule form one pool, in a stable order")
    func pools() {
        let outcome = Self.compute([container("web-2", 2), container("web-1", 1), container("web-3", 3)])
        #expect(
            outcome.content.rules == [
                Rule(
                    name: "docker:site", hosts: ["a.test"],
                    endpoints: [
                        Endpoint(address: "198.18.0.3:80", name: "web-1"),
                        Endpoint(address: "198.18.0.4:80", name: "web-2"),
                        Endpoint(address: "198.18.0.5:80", name: "web-3"),
                    ], holding: Holding())
            ])
        #expect(outcome.diagnoses.isEmpty)
        #expect(outcome.reasons.count == 3)
    }

    @Test("the order of hosts and listeners does not split a pool")
    func sameRule() {
        let outcome = Self.compute([
            container("one", 1, ["x": "a.test,b.test - web,secure -"]),
            container("two", 2, ["y": "b.test,a.test - secure,web -"]),
        ])
        #expect(outcome.content.rules.map(\.name) == ["docker:x"])
        #expect(outcome.content.rules.first?.endpoints.count == 2)
    }

    @Test(
        "a rule without an endpoint stays, and its note says why",
        arguments: [
            (container("web", 1, state: .paused), "web is paused"),
            (container("web", 1, state: .exited), "web has stopped"),
            (container("web", 1, state: .created), "web was never started"),
            (container("web", 1, state: .restarting), "web is restarting"),
            (container("web", 1, health: .unhealthy), "web is unhealthy"),
            (container("web", 1, stopping: true), "web is stopping"),
        ])
    func notes(_ record: ContainerRecord, _ note: String) {
        let rules = Self.compute([record]).content.rules
        #expect(rules == [Rule(name: "docker:site", hosts: ["a.test"], note: note, holding: Holding())])
    }

    @Test("a container whose health is not known yet serves only while no other is ready")
    func starting() {
        let starting = container("web-1", 1, health: .starting)
        let alone = Self.compute([starting]).content.rules[0].endpoints
        #expect(alone.map(\.name) == ["web-1"] && alone[0].isStarting == true)
        // Ready, the same endpoint makes another rule: who waits for it is told.
        let ready = Self.compute([container("web-1", 1, health: .healthy)]).content.rules[0].endpoints
        #expect(ready.map(\.address) == alone.map(\.address) && ready[0].isStarting == nil && ready != alone)
        let both = Self.compute([starting, container("web-2", 2, health: .healthy)])
        #expect(both.content.rules[0].endpoints.map(\.name) == ["web-2"])
    }

    @Test("a successor gets traffic when its health is known, or when the old one is told to stop")
    func succession() {
        var state = DesiredState(parser: testGrammar)
        func served(_ containers: [ContainerRecord]) -> [String] {
            let sources = Sources(file: file(), engines: [engine(containers)])
            return state.compute(sources, now: .now).content.rules[0].endpoints.map(\.name)
        }
        let old = container("web-1", 1, health: .healthy)
        let new = container("web-2", 2, health: .starting)
        #expect(served([old, container("web-2", 2, state: .created)]) == ["web-1"])
        #expect(served([old, new]) == ["web-1"])
        #expect(served([container("web-1", 1, health: .unhealthy), new]) == ["web-2"])
        #expect(served([old, container("web-2", 2, health: .healthy)]) == ["web-1", "web-2"])
        #expect(served([container("web-1", 1, health: .healthy, stopping: true), new]) == ["web-2"])
        #expect(served([container("web-1", 1, state: .exited), new]) == ["web-2"])
    }

    @Test("a pool loses only the members that are down, and has a note only when it is empty")
    func partly() {
        let outcome = Self.compute([container("web-1", 1, state: .paused), container("web-2", 2)])
        #expect(outcome.content.rules[0].endpoints.map(\.name) == ["web-2"])
        #expect(outcome.content.rules[0].note == nil)
        let none = Self.compute((1...6).map { container("web-\($0)", $0, state: .exited) })
        #expect(
            none.content.rules[0].note
                == "web-1 has stopped, web-2 has stopped, web-3 has stopped, web-4 has stopped, and 2 more")
    }

    @Test("equal names of different rules are told apart")
    func names() {
        let outcome = Self.compute([
            container("one", 1, ["api": "a.test - - -"]), container("two", 2, ["api": "b.test - - -"]),
        ])
        #expect(outcome.content.rules.map(\.name) == ["docker:api", "docker:api~2"])
    }

    @Test("the file wins over labels, host by host, and the loser is told")
    func conflicts() {
        let outcome = Self.compute(
            [container("one", 1, ["site": "a.test,b.test - - -"])],
            rules: [fileRule("mine", hosts: ["a.test"])])
        #expect(outcome.content.rules.map(\.name) == ["docker:site", "mine"])
        #expect(outcome.content.rules[0].hosts == ["b.test"])
        #expect(outcome.diagnoses.map(\.code) == ["conflict"])
        #expect(outcome.diagnoses[0].place == .label(container: "one", key: "kontainers.site"))
        #expect(outcome.diagnoses[0].found.contains("\"mine\" (kontainers.yaml:7:3)"))
    }

    @Test("other paths and other listeners are no conflict")
    func noConflicts() {
        let outcome = Self.compute(
            [container("one", 1, ["p": "a.test /api - -", "q": "c.test - web -", "r": "c.test - secure -"])],
            rules: [fileRule("mine", hosts: ["a.test"])])
        #expect(outcome.diagnoses.isEmpty)
        #expect(outcome.content.rules.count == 4)
    }

    @Test("a rule that cannot be read harms no other")
    func oneBad() {
        let outcome = Self.compute([container("one", 1, ["bad": "x", "good": "a.test - - -"]), container("two", 2)])
        #expect(outcome.content.rules.count == 1)
        #expect(outcome.content.rules[0].endpoints.count == 2)
        #expect(outcome.diagnoses.map(\.code) == ["bad"])
    }

    @Test("a container without a usable port keeps its rule, and is told what to set")
    func noPort() {
        var record = container("web", 1)
        record.exposedPorts = [.init(number: 80), .init(number: 443)]
        let outcome = Self.compute([record])
        #expect(outcome.content.rules[0].endpoints.isEmpty)
        #expect(outcome.content.rules[0].note?.contains("exposes 80 and 443") == true)
        #expect(outcome.diagnoses.map(\.code) == ["several-ports"])
    }

    @Test(
        "TLS is resolved to what the edge can do",
        arguments: [
            ("-", Rule.TLS.any, nil, nil), ("off", .off, nil, nil), ("auto", .required, "wild", nil),
            ("shop", .required, "shop", nil), ("shopp", .required, nil, "unknown-certificate"),
        ] as [(String, Rule.TLS, String?, String?)])
    func tls(_ word: String, _ tls: Rule.TLS, _ name: String?, _ code: String?) {
        let outcome = Self.compute(
            [container("one", 1, ["site": "www.a.test - - \(word)"])],
            certificates: [certificate("shop", ["shop.test"]), certificate("wild", ["*.a.test", "a.test"])])
        #expect(outcome.content.rules[0].tls == tls)
        #expect(outcome.content.rules[0].certificate == name)
        #expect(outcome.diagnoses.map(\.code) == (code.map { [$0] } ?? []))
    }

    @Test(
        "auto asks for certificates that cover all hosts, one or several",
        arguments: [
            ("a.test,www.a.test", Rule.TLS.required, "wild"), ("a.test,shop.test", .required, nil),
            ("x.y.a.test", .any, nil), ("*.a.test", .required, "wild"), ("*", .any, nil), ("b.test,a.test", .any, nil),
        ] as [(String, Rule.TLS, String?)])
    func auto(_ hosts: String, _ tls: Rule.TLS, _ name: String?) {
        let outcome = Self.compute(
            [container("one", 1, ["site": "\(hosts) - - auto"])],
            certificates: [certificate("shop", ["shop.test"]), certificate("wild", ["*.a.test", "a.test"])])
        #expect(outcome.content.rules[0].tls == tls)
        #expect(outcome.content.rules[0].certificate == name)
        #expect(outcome.diagnoses.map(\.code) == (tls == .any ? ["no-certificate-yet"] : []))
    }

    @Test("names in static endpoints wait for their addresses, and keep the last ones")
    func resolutions() {
        let rule = fileRule("mine", hosts: ["a.test"], endpoints: ["backend:80", "[::1]:81", "127.0.0.1:82"])
        func endpoints(_ resolution: Resolution?) -> ([String], [String]) {
            let outcome = Self.compute([], rules: [rule], resolutions: resolution.map { ["backend": $0] } ?? [:])
            #expect(outcome.names == ["backend"])
            return (outcome.content.rules[0].endpoints.map(\.address), outcome.diagnoses.map(\.code))
        }
        let literals = ["[::1]:81", "127.0.0.1:82"]
        #expect(endpoints(nil) == (literals, []))
        #expect(
            endpoints(.addresses(["192.0.2.1", "192.0.2.2"])) == (["192.0.2.1:80", "192.0.2.2:80"] + literals, []))
        #expect(endpoints(.stale(["192.0.2.1"], reason: "x")) == (["192.0.2.1:80"] + literals, ["unknown-host"]))
        #expect(endpoints(.failed(reason: "no such name")) == (literals, ["unknown-host"]))
    }

    @Test("a rule for listeners that are not there is not served everywhere instead")
    func unknownListener() {
        let outcome = Self.compute([container("one", 1, ["a": "a.test - wbe -", "b": "b.test - wbe,web -"])])
        #expect(outcome.content.rules.map(\.hosts) == [["b.test"]])
        #expect(outcome.content.rules[0].listeners == ["web"])
        #expect(outcome.diagnoses.map(\.code) == ["unknown-listener", "unknown-listener"])
    }

    @Test("the change between two contents is the one that the contract would find", arguments: [UInt64(1), 2, 3])
    func deltas(seed: UInt64) {
        var random = Seeded(state: seed)
        func content() -> SnapshotContent {
            SnapshotContent(
                rules: (0..<40).filter { _ in Bool.random(using: &random) }.map { number in
                    Rule(name: "r\(number)", path: Bool.random(using: &random) ? "/" : "/x")
                }.sorted { $0.name < $1.name })
        }
        for _ in 0..<50 {
            let (old, new) = (content(), content())
            let delta = old.delta(to: new, epoch: "e", base: 4, revision: 5)
            let reference = old.numbered(4, epoch: "e").delta(to: new.numbered(5, epoch: "e"))
            #expect(delta == reference)
        }
    }
}

/// SplitMix64: the same numbers for the same seed.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
