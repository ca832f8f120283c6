import Contract
import Docker
import Kernel
import TestKit
import Testing

@testable import Reconciliation

@Suite("Orders about endpoints", .timeLimit(.minutes(1)))
struct OverrideKeeperTests {
    /// Control's parts with two containers, and the file that orders are kept in.
    private struct Control {
        let folder: TemporaryFolder
        let link = LinkServer(logger: quiet)
        let reconciler: Reconciler
        let keeper: OverrideKeeper

        init(
            _ folder: TemporaryFolder? = nil, containers: [ContainerRecord]? = nil, publishes: Bool = true,
            change: (inout OverrideFile) -> Void = { _ in }
        ) async throws {
            self.folder = try folder ?? TemporaryFolder("keeper")
            let link = link
            reconciler = Reconciler(parser: testGrammar, epoch: "e", localRoutes: { nil }, logger: quiet) {
                await link.publish($0)
            }
            var kept = OverrideFile(path: self.folder("overrides.json"))
            change(&kept)
            var patience = Delivery.Patience()
            patience.edges = .milliseconds(50)
            patience.start = publishes ? .seconds(20) : .milliseconds(20)
            keeper = OverrideKeeper(
                file: kept, reconciler: reconciler, link: link, patience: patience, logger: quiet)
            await keeper.load()
            guard publishes else { return }
            await reconciler.take(file(), diagnoses: [], certificates: [])
            await reconciler.take(engine(containers ?? [container("web-1", 1), container("web-2", 2)]))
        }

        func order(
            _ endpoint: String = "web-1", drained: Bool? = nil, weight: OverrideKeeper.Weight? = nil
        ) async throws -> OverrideKeeper.Outcome {
            try await keeper.carryOut(.init(rule: "site", endpoint: endpoint, isDrained: drained, weight: weight))
        }

        var serving: [String] {
            get async throws {
                while await reconciler.roster == nil { try await Task.sleep(for: .milliseconds(1)) }
                return await reconciler.roster?.entries.filter { !$0.isDrained }.map(\.endpoint) ?? []
            }
        }
    }

    @Test("an order is published when its answer comes, and says that no edge is there")
    func published() async throws {
        let control = try await Control()
        let outcome = try await control.order(drained: true)
        #expect(outcome.edges == 0 && outcome.serving == 0)
        #expect(outcome.entries.map(\.endpoint) == ["web-1"] && outcome.entries[0].isDrained)
        #expect(await control.link.standing.revision >= outcome.revision)
        #expect(await control.keeper.revision(of: outcome.entries[0]) == outcome.revision)
        let weighed = try await control.order(weight: .fixed(9))
        #expect(weighed.entries[0].isDrained && weighed.entries[0].weight == 9)
        let back = try await control.order(drained: false, weight: .own)
        #expect(!back.entries[0].isDrained && back.entries[0].weight == 1)
        #expect(await control.link.standing.revision >= 3)
    }

    @Test("an order twice is one revision")
    func twice() async throws {
        let control = try await Control()
        let first = try await control.order(drained: true)
        #expect(try await control.order(drained: true).revision == first.revision)
    }

    @Test("the next life of control has the orders in its first revision")
    func nextLife() async throws {
        let control = try await Control()
        _ = try await control.order(drained: true)
        _ = try await control.order("web-2", weight: .fixed(3))
        let next = try await Control(control.folder)
        #expect(try await next.serving == ["web-2"])
        #expect(await next.reconciler.revision == 1)
    }

    @Test("what replaced a drained container serves, can be drained itself, and the old drain is forgotten")
    func replaced() async throws {
        let control = try await Control()
        _ = try await control.order(drained: true, weight: .fixed(5))
        var new = container("web-1", 1)
        new.id = "new"
        await control.reconciler.take(engine([new, container("web-2", 2)]))
        try await eventually("the new one") { try await control.serving == ["web-1", "web-2"] }
        let outcome = try await control.order("web-2", weight: .fixed(2))
        #expect(outcome.entries.map(\.weight) == [2])
        guard case .overrides(let kept) = OverrideFile(path: control.folder("overrides.json")).load() else {
            Issue.record("no file")
            return
        }
        let left = kept["docker:site", "web-1"]
        #expect(left?.weight == 5 && left?.isDrained == false && left?.container == nil && left?.pool != nil)
        #expect(try await control.order(drained: true).entries.map(\.container) == ["new"])
    }

    @Test("undraining finds a container under the name that it has now")
    func renamed() async throws {
        let control = try await Control()
        _ = try await control.order(drained: true)
        var renamed = container("web-1", 1)
        renamed.name = "old"
        await control.reconciler.take(engine([renamed, container("web-2", 2)]))
        try await eventually("the new name") {
            await control.reconciler.roster?.entries.map(\.endpoint) == ["old", "web-2"]
        }
        #expect(try await control.serving == ["web-2"])
        #expect(try await control.order("old", drained: false).entries.map(\.isDrained) == [false])
    }

    @Test("what cannot be kept is not carried out")
    func notKept() async throws {
        let control = try await Control { $0.replace = { _, _ in throw SystemError(code: 28, call: "write") } }
        let fault = await #expect(throws: OverrideFault.self) { try await control.order(drained: true) }
        #expect(fault?.kind == .notKept && fault?.found.contains("No space left") == true)
        #expect(try await control.serving == ["web-1", "web-2"])
    }

    @Test("without a folder, and beside a broken file that cannot be moved, no order is taken")
    func nowhere() async throws {
        let link = LinkServer(logger: quiet)
        let reconciler = Reconciler(parser: testGrammar, epoch: "e", localRoutes: { nil }, logger: quiet) { _ in }
        let keeper = OverrideKeeper(folder: nil, reconciler: reconciler, link: link, logger: quiet)
        await keeper.load()
        let fault = await #expect(throws: OverrideFault.self) {
            try await keeper.carryOut(.init(rule: "a", endpoint: "b", isDrained: true))
        }
        #expect(fault?.kind == .notKept)
    }

    @Test("before the first revision an order is refused after a while")
    func early() async throws {
        let control = try await Control(publishes: false)
        let fault = await #expect(throws: OverrideFault.self) { try await control.order(drained: true) }
        #expect(fault?.kind == .early)
    }

    @Test(
        "values that mean nothing are refused",
        arguments: [
            OverrideKeeper.Change(rule: "site", endpoint: "web-1", weight: .fixed(1_001)),
            .init(rule: "site", endpoint: "web-1", weight: .fixed(-1)),
            .init(rule: "site", endpoint: "", isDrained: true),
            .init(rule: String(repeating: "x", count: 1_025), endpoint: "web-1", isDrained: true),
        ])
    func invalid(_ change: OverrideKeeper.Change) async throws {
        let control = try await Control()
        let fault = await #expect(throws: OverrideFault.self) { try await control.keeper.carryOut(change) }
        #expect(fault?.kind == .invalid)
    }

    @Test("what is not there can be given back, not taken out")
    func absent() async throws {
        let control = try await Control()
        _ = try await control.order(drained: true, weight: .fixed(2))
        await control.reconciler.take(engine([container("web-2", 2)]))
        try await eventually("it to be gone") {
            await control.reconciler.roster?.entries.first { $0.endpoint == "web-1" }?.readiness == nil
        }
        let fault = await #expect(throws: OverrideFault.self) { try await control.order(drained: true) }
        #expect(fault?.kind == .invalid)
        _ = try await control.order(drained: false, weight: .own)
        try await eventually("it to be forgotten") {
            await control.reconciler.roster?.entries.map(\.endpoint) == ["web-2"]
        }
    }

    @Test("many orders at once are all kept")
    func many() async throws {
        let containers = (0..<50).map { container("web-\($0)", $0) }
        let control = try await Control(containers: containers)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask { _ = try await control.order("web-\(number)", weight: .fixed(number + 2)) }
            }
            try await group.waitForAll()
        }
        let next = try await Control(control.folder, containers: containers)
        _ = try await next.serving
        let weights = await next.reconciler.roster?.entries.compactMap(\.weight).sorted()
        #expect(weights == (2..<52).map { $0 })
    }

    @Test("the limit holds, and what is not there makes room")
    func limit() async throws {
        let folder = try TemporaryFolder("keeper")
        let gone = (0..<Overrides.limit).map { Override(rule: "gone", endpoint: "e\($0)", weight: 1) }
        try OverrideFile(path: folder("overrides.json")).save(Overrides(gone))
        let control = try await Control(folder)
        _ = try await control.order(drained: true)
        #expect(try await control.serving.filter { $0.hasPrefix("web") } == ["web-2"])
    }
}

@Suite("What an edge has said of a revision")
struct EdgeReportTests {
    private static func report() -> LinkServer.EdgeReport {
        LinkServer.EdgeReport(pid: 1, workers: 1, epoch: "old", revision: 9, diagnoses: [], telemetry: nil)
    }

    private static let telemetry = EdgeTelemetry(epoch: "e", revision: 1, counters: [:])

    @Test("a revision is served when it or a later one of the epoch was acknowledged")
    func serves() {
        var report = Self.report()
        #expect(!report.serves(1, of: "e"))
        report.acknowledge("e", 2)
        #expect(report.serves(1, of: "e") && report.serves(2, of: "e") && !report.serves(3, of: "e"))
    }

    @Test("it is counted when a round that began after it is over")
    func counted() {
        var report = Self.report()
        report.take(Self.telemetry)
        report.acknowledge("e", 1)
        report.take(Self.telemetry)
        #expect(!report.hasCounted(1, of: "e"))
        report.take(Self.telemetry)
        #expect(report.hasCounted(1, of: "e") && !report.hasCounted(2, of: "e"))
        report.acknowledge("e", 2)
        report.take(Self.telemetry)
        #expect(!report.hasCounted(2, of: "e"))
        report.acknowledge("another", 2)
        report.take(Self.telemetry)
        #expect(!report.hasCounted(1, of: "another"))
    }
}
