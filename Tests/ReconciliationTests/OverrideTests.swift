import Contract
import Docker
import KontainersConfiguration
import Testing

@testable import Reconciliation

@Suite("Overrides of endpoints")
struct OverrideTests {
    static let site = "docker:site"

    static func compute(
        _ containers: [ContainerRecord], rules: [RuleDeclaration] = [], _ overrides: [Override],
        resolutions: [String: Resolution] = [:]
    ) -> DesiredState.Outcome {
        var state = DesiredState(parser: testGrammar)
        return state.compute(
            Sources(
                file: ReconciliationTests.file(rules), resolutions: resolutions, engines: [engine(containers)],
                overrides: Overrides(overrides)),
            now: .now)
    }

    private static func drained(_ name: String, id: String? = nil, rule: String = site) -> Override {
        Override(rule: rule, endpoint: name, isDrained: true, container: id ?? "id-\(name)")
    }

    private static let two = [container("web-1", 1), container("web-2", 2)]

    @Test("a drained container gets nothing, and the others go on")
    func drain() {
        let rules = Self.compute(Self.two, [Self.drained("web-1")]).content.rules
        #expect(rules[0].endpoints.map(\.name) == ["web-2"])
        #expect(rules[0].note == nil)
        let all = Self.compute(Self.two, [Self.drained("web-1"), Self.drained("web-2")]).content.rules
        #expect(all[0].endpoints.isEmpty)
        #expect(all[0].note == "web-1 is drained, web-2 is drained")
    }

    @Test("a drain is the container's: stopped and started again it stays, replaced it is over")
    func identity() {
        let stopped = Self.compute([container("web-1", 1, state: .exited)], [Self.drained("web-1")])
        #expect(stopped.content.rules[0].note == "web-1 has stopped")
        let moved = Self.compute([container("web-1", 9), Self.two[1]], [Self.drained("web-1")])
        #expect(moved.content.rules[0].endpoints.map(\.name) == ["web-2"])
        let replaced = Self.compute(Self.two, [Self.drained("web-1", id: "id-of-the-former")])
        #expect(replaced.content.rules[0].endpoints.map(\.name) == ["web-1", "web-2"])
        var renamed = Self.two[0]
        renamed.name = "0123_web-1"
        let old = Self.compute([renamed, Self.two[1]], [Self.drained("web-1")])
        #expect(old.content.rules[0].endpoints.map(\.name) == ["web-2"])
    }

    @Test("a drain is of one rule")
    func otherRule() {
        let outcome = Self.compute(
            [container("web-1", 1, ["site": "a.test - - -", "other": "b.test - - -"])], [Self.drained("web-1")])
        #expect(outcome.content.rules.map(\.endpoints.count) == [1, 0])
    }

    @Test("of those that are left, one that starts serves")
    func starting() {
        let rules = Self.compute(
            [Self.two[0], container("web-2", 2, health: .starting)], [Self.drained("web-1")]
        ).content.rules
        #expect(rules[0].endpoints.map(\.name) == ["web-2"])
    }

    @Test("a weight is the name's: a container that takes it over has it")
    func weight() {
        let weighed = Override(rule: Self.site, endpoint: "web-1", weight: 7)
        #expect(Self.compute(Self.two, [weighed]).content.rules[0].endpoints.map(\.weight) == [7, 1])
        var other = Self.two[0]
        other.id = "another"
        #expect(Self.compute([other], [weighed]).content.rules[0].endpoints.map(\.weight) == [7])
        let zero = Override(rule: Self.site, endpoint: "web-2", weight: 0)
        #expect(Self.compute(Self.two, [zero]).content.rules[0].endpoints.map(\.weight) == [1, 0])
    }

    @Test("an endpoint of the file goes by its text, and by each address that the text stands for")
    func file() {
        let rule = fileRule("mine", hosts: ["b.test"], endpoints: ["127.0.0.1:9000", "backend:80"])
        let known: [String: Resolution] = ["backend": .addresses(["192.0.2.1", "192.0.2.2"])]
        func addresses(_ overrides: Override...) -> [String] {
            Self.compute([], rules: [rule], overrides, resolutions: known).content.rules[0].endpoints.map {
                $0.weight == 1 ? $0.address : "\($0.address)*\($0.weight)"
            }
        }
        func over(_ endpoint: String, drained: Bool = true, weight: Int? = nil) -> Override {
            Override(rule: "mine", endpoint: endpoint, isDrained: drained, weight: weight)
        }
        #expect(addresses(over("127.0.0.1:9000")) == ["192.0.2.1:80", "192.0.2.2:80"])
        #expect(addresses(over("backend:80")) == ["127.0.0.1:9000"])
        #expect(addresses(over("192.0.2.2:80")) == ["127.0.0.1:9000", "192.0.2.1:80"])
        #expect(
            addresses(over("backend:80", drained: false, weight: 3), over("192.0.2.1:80", drained: false, weight: 5))
                == ["127.0.0.1:9000", "192.0.2.1:80*5", "192.0.2.2:80*3"])
    }

    @Test("with nobody left by order, no request waits; with one of them down, they wait for that one")
    func holding() {
        let all = [Self.drained("web-1"), Self.drained("web-2")]
        #expect(Self.compute(Self.two, []).content.rules[0].holding != nil)
        #expect(Self.compute(Self.two, all).content.rules[0].holding == nil)
        let one = Self.compute([Self.two[0], container("web-2", 2, state: .exited)], [Self.drained("web-1")])
        #expect(one.content.rules[0].endpoints.isEmpty && one.content.rules[0].holding != nil)
    }

    @Test("a rule of containers is known by what it serves when it has another name in another life of control")
    func renamedRule() {
        let one = container("one", 1, ["first": "a.test - - -"])
        let two = container("two", 2, ["second": "a.test - - -"])
        let before = Self.compute([one, two], [])
        #expect(before.content.rules.map(\.name) == ["docker:first"])
        let pool = before.poolNames.first?.key
        var order = Self.drained("two", rule: "docker:first")
        order.pool = pool
        let after = Self.compute([two], [order])
        #expect(after.content.rules.map(\.name) == ["docker:second"] && after.content.rules[0].endpoints.isEmpty)
        #expect(Self.roster([two], [order]).entries.map(\.isDrained) == [true])
        let settled = Overrides([order]).settled(on: after.poolNames)
        #expect(settled.all.map(\.rule) == ["docker:second"] && settled.count == 1)
    }

    @Test("a host that two rules serve names neither")
    func ambiguousHost() {
        let roster = Self.roster([
            container("web-1", 1, ["x": "a.test /x - -"]), container("web-2", 2, ["y": "a.test /y - -"]),
        ])
        let fault = #expect(throws: OverrideFault.self) { try roster.find(rule: "a.test") }
        #expect(fault?.kind == .ambiguous && fault?.wanted == "wanted one of: docker:x, docker:y")
    }

    @Test("the book counts, replaces, and forgets what says nothing")
    func book() {
        var overrides = Overrides([Self.drained("b"), Self.drained("a")])
        #expect(overrides.count == 2 && overrides.all.map(\.endpoint) == ["a", "b"])
        overrides.put(Override(rule: Self.site, endpoint: "a", weight: 2))
        #expect(overrides.count == 2 && overrides[Self.site, "a"]?.isDrained == false)
        overrides.put(Override(rule: Self.site, endpoint: "a"))
        overrides.put(Override(rule: Self.site, endpoint: "never"))
        overrides.put(Override(rule: Self.site, endpoint: "b"))
        #expect(overrides.count == 0 && overrides == Overrides())
    }

    // MARK: - What a command means

    private static func roster(
        _ containers: [ContainerRecord], rules: [RuleDeclaration] = [], _ overrides: [Override] = []
    ) -> Roster {
        let outcome = compute(containers, rules: rules, overrides)
        return Roster(
            outcome.candidates, published: Set(outcome.content.rules.map(\.name)),
            poolNames: outcome.poolNames, Overrides(overrides))
    }

    @Test(
        "an endpoint is meant by its name, its address or its container's id",
        arguments: ["web-1", "198.18.0.3:80", "id-web-1-and-more"])
    func meant(_ typed: String) throws {
        var first = Self.two[0]
        first.id = "id-web-1-and-more-and-more"
        let roster = Self.roster([first, Self.two[1]])
        for rule in [Self.site, "site", "a.test"] {
            let match = try roster.find(rule: rule, endpoint: typed)
            #expect(match == .init(rule: Self.site, key: "web-1", container: first.id, isPresent: true))
        }
    }

    @Test(
        "what is unknown is told with what was probably meant, or with all there is",
        arguments: [
            ("sitte", "web-1", "did you mean \"site\"?"), ("database", "web-1", "wanted one of: docker:site"),
            ("site", "web1", "did you mean \"web-1\"?"), ("site", "database", "wanted one of: web-1, web-2"),
        ])
    func unknown(_ rule: String, _ endpoint: String, _ wanted: String) {
        let fault = #expect(throws: OverrideFault.self) {
            try Self.roster(Self.two).find(rule: rule, endpoint: endpoint)
        }
        #expect(fault?.kind == .unknown && fault?.wanted == wanted, "\(String(describing: fault))")
    }

    @Test("with many rules a message stays short, and strange names are shown escaped")
    func manyNames() {
        let many = (0..<50).map { container("web-\($0)", $0, ["r\($0)": "h\($0).test - - -"]) }
        let fault = #expect(throws: OverrideFault.self) {
            try Self.roster(many).find(rule: "\u{1b}[31mdatabase", endpoint: "x")
        }
        #expect(fault?.wanted.hasSuffix("and 30 more") == true)
        #expect(fault?.found.contains("\u{1b}") == false)
    }

    @Test("a name that two containers have is ambiguous, their addresses are not")
    func ambiguous() throws {
        var other = container("web-1", 2)
        other.id = "other"
        let roster = Self.roster([Self.two[0], other])
        let fault = #expect(throws: OverrideFault.self) { try roster.find(rule: "site", endpoint: "web-1") }
        #expect(fault?.kind == .ambiguous && fault?.wanted == "wanted one of: 198.18.0.3:80, 198.18.0.4:80")
        #expect(try roster.find(rule: "site", endpoint: "198.18.0.4:80").container == "other")
    }

    @Test("the roster tells of those that get nothing, and of those that are not there")
    func entries() {
        let roster = Self.roster(
            [Self.two[0], container("web-2", 2, state: .exited)],
            [
                Self.drained("web-1"),
                Override(
                    rule: Self.site, endpoint: "web-1", isDrained: true,
                    container: "id-web-1", weight: 4),
                Override(rule: "gone", endpoint: "x", weight: 3),
            ])
        #expect(roster.entries.map(\.endpoint) == ["web-1", "web-2", "x"])
        #expect(roster.entries[0].isDrained && roster.entries[0].address == "198.18.0.3:80")
        #expect(roster.entries[0].weight == 4 && roster.entries[0].ownWeight == 1)
        #expect(roster.entries[1].readiness == .down("has stopped") && roster.entries[1].address == nil)
        #expect(roster.entries[2].readiness == nil && roster.entries[2].weight == 3)
    }

    @Test("a rule that is not published is not in the roster")
    func conflicting() {
        let roster = Self.roster(
            [container("web-1", 1, ["site": "a.test - - -"])], rules: [fileRule("mine", hosts: ["a.test"])])
        #expect(roster.entries.map(\.rule) == ["mine"])
    }
}
