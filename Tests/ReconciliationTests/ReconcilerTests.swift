import Contract
import Docker
import KontainersConfiguration
import Logging
import Synchronization
import Testing

@testable import Reconciliation

/// What was published, in order.
private final class Published: Sendable {
    private let all = Mutex<[Publication]>([])

    func append(_ publication: Publication) { all.withLock { $0.append(publication) } }

    var publications: [Publication] { all.withLock { $0 } }

    func wait(for count: Int) async -> [Publication] {
        while publications.count < count { try? await Task.sleep(for: .milliseconds(1)) }
        return publications
    }
}

@Suite("Reconciler", .timeLimit(.minutes(1)))
struct ReconcilerTests {
    private static func make() -> (Reconciler, Published) {
        let published = Published()
        let reconciler = Reconciler(parser: testGrammar, epoch: "e", localRoutes: { nil }, logger: quiet) {
            published.append($0)
        }
        return (reconciler, published)
    }

    @Test("waits with the first revision until every engine has said something")
    func patience() async {
        let (reconciler, published) = Self.make()
        await reconciler.take(file([fileRule("mine", hosts: ["b.test"])]), diagnoses: [], certificates: [])
        try? await Task.sleep(for: .milliseconds(30))
        #expect(published.publications.isEmpty)
        await reconciler.take(engine([container("web", 1)]))
        let first = await published.wait(for: 1)[0]
        #expect(first.snapshot.rules.map(\.name) == ["docker:site", "mine"])
        #expect(first.snapshot.revision == 1 && first.snapshot.epoch == "e")
        #expect(first.delta == nil)
    }

    @Test("waits with the first revision until names are resolved")
    func names() async {
        let (reconciler, published) = Self.make()
        let rule = fileRule("mine", hosts: ["b.test"], endpoints: ["backend:80"])
        await reconciler.take(file([rule], docker: false), diagnoses: [], certificates: [])
        for await names in reconciler.names {
            #expect(names == ["backend"])
            break
        }
        #expect(published.publications.isEmpty)
        await reconciler.take(["backend": .addresses(["192.0.2.1"])])
        #expect(await published.wait(for: 1)[0].snapshot.rules[0].endpoints.map(\.address) == ["192.0.2.1:80"])
    }

    @Test("tells what is to be open once the rules are published, at each change, and once")
    func listeners() async {
        let (reconciler, published) = Self.make()
        var configuration = file([], docker: false)
        await reconciler.take(configuration, diagnoses: [], certificates: [])
        var listeners = reconciler.listeners.makeAsyncIterator()
        #expect(await listeners.next() == configuration.listeners)
        #expect(published.publications.count == 1)
        // Another rule opens nothing.
        configuration.rules = [fileRule("mine", hosts: ["b.test"])]
        await reconciler.take(configuration, diagnoses: [], certificates: [])
        _ = await published.wait(for: 2)
        configuration.listeners.append(Listener(name: "db", address: "127.0.0.1:0", wireProtocol: .tcp))
        await reconciler.take(configuration, diagnoses: [], certificates: [])
        #expect(await listeners.next() == configuration.listeners)
        #expect(published.publications.count == 3)
    }

    @Test("does not wait for ever")
    func impatience() async {
        let (reconciler, published) = Self.make()
        await reconciler.take(file([fileRule("mine", hosts: ["b.test"])]), diagnoses: [], certificates: [])
        await reconciler.stopWaiting()
        #expect(await published.wait(for: 1)[0].snapshot.rules.map(\.name) == ["mine"])
    }

    @Test("numbers what changed, and drops what did not")
    func revisions() async {
        let (reconciler, published) = Self.make()
        await reconciler.take(file(), diagnoses: [], certificates: [])
        await reconciler.take(engine([container("one", 1)]))
        _ = await published.wait(for: 1)
        // The engine goes away: its containers stay, so nothing changes for the edge.
        await reconciler.take(engine([container("one", 1)], reachable: false))
        await reconciler.take(engine([container("one", 1), container("two", 2)]))
        let all = await published.wait(for: 2)
        #expect(all.map(\.snapshot.revision) == [1, 2])
        #expect(all[1].delta?.base == 1 && all[1].delta?.revision == 2)
        #expect(all[1].delta?.rules.put.map(\.name) == ["docker:site"])
        #expect(all[1].snapshot.rules[0].endpoints.count == 2)
    }

    @Test("a burst of news costs few revisions, and the last one is what holds")
    func bursts() async {
        let (reconciler, published) = Self.make()
        await reconciler.take(file(), diagnoses: [], certificates: [])
        for count in 1...200 { await reconciler.take(engine((1...count).map { container("web-\($0)", $0) })) }
        while published.publications.last?.snapshot.rules.first?.endpoints.count != 200 {
            try? await Task.sleep(for: .milliseconds(2))
        }
        #expect(published.publications.count < 150)
        let revisions = published.publications.map(\.snapshot.revision)
        #expect(revisions == Array(1...UInt64(revisions.count)))
    }

    @Test("an engine that leaves the configuration takes its rules with it")
    func engineRemoved() async {
        let (reconciler, published) = Self.make()
        await reconciler.take(file(), diagnoses: [], certificates: [])
        await reconciler.take(engine([container("one", 1)]))
        _ = await published.wait(for: 1)
        await reconciler.take(file(docker: false), diagnoses: [], certificates: [])
        #expect(await published.wait(for: 2)[1].snapshot.rules.isEmpty)
    }

    @Test("a rule whose containers were removed goes when its time is over, though nobody has news")
    func lingering() async {
        let published = Published()
        let parser: LabelParser = { labels, container in
            var (rules, diagnoses) = testGrammar(labels, container)
            for index in rules.indices {
                rules[index].hold = Holding()
                rules[index].hold?.time = 50
            }
            return (rules, diagnoses)
        }
        let reconciler = Reconciler(parser: parser, epoch: "e", localRoutes: { nil }, logger: quiet) {
            published.append($0)
        }
        await reconciler.take(file(), diagnoses: [], certificates: [])
        await reconciler.take(engine([container("one", 1)]))
        _ = await published.wait(for: 1)
        let began = ContinuousClock.now
        await reconciler.take(engine([]))
        let all = await published.wait(for: 3)
        #expect(all[1].snapshot.rules.map(\.note) == ["its containers were removed"])
        #expect(all[2].snapshot.rules.isEmpty && began.duration(to: .now) >= .milliseconds(50))
    }

    @Test("diagnoses of all sources come together")
    func diagnoses() async {
        let (reconciler, published) = Self.make()
        func diagnosis(_ code: String) -> Diagnosis {
            Diagnosis(code: code, place: .appliance, found: "found it", wanted: "wanted another")
        }
        await reconciler.take(file(), diagnoses: [diagnosis("file")], certificates: [])
        await reconciler.take(listenerDiagnoses: [diagnosis("listener")])
        await reconciler.take(engine([container("one", 1, ["x": "bad"])]))
        _ = await published.wait(for: 1)
        #expect(Set(await reconciler.diagnoses.map(\.code)) == ["file", "listener", "bad"])
    }

    @Test("with 10,000 containers one event is worked off in milliseconds")
    func speed() async {
        let (reconciler, published) = Self.make()
        await reconciler.take(file(), diagnoses: [], certificates: [])
        var containers = (0..<10_000).map { container("web-\($0)", $0, ["r\($0)": "h\($0).test - - -"]) }
        await reconciler.take(engine(containers))
        _ = await published.wait(for: 1)
        var times: [Duration] = []
        for round in 0..<10 {
            containers[round].state = .exited
            let began = ContinuousClock.now
            await reconciler.take(engine(containers))
            _ = await published.wait(for: round + 2)
            times.append(began.duration(to: .now))
        }
        times.sort()
        print("one container of 10,000 stopped, until published: median \(times[5]), slowest \(times[9])")
        #expect(times[5] < .seconds(2))
    }
}

@Suite("Names of hosts", .timeLimit(.minutes(1)))
struct NameResolverTests {
    @Test("the system's resolver answers for localhost, and says why not for others")
    func system() async {
        #expect(await NameResolver.system("localhost") == .success(["127.0.0.1"]))
        guard case .failure(let failure) = await NameResolver.system("no such host") else {
            Issue.record("it was resolved")
            return
        }
        #expect(!failure.reason.isEmpty)
    }

    @Test("the last known addresses stay when a name no longer resolves")
    func stale() async throws {
        let calls = Atomic(0)
        let resolver = NameResolver(
            interval: .zero, retryInterval: .seconds(60),
            lookup: { _ in
                calls.add(1, ordering: .relaxed).newValue == 1
                    ? .success(["192.0.2.1"]) : .failure(.init(reason: "gone"))
            }, logger: quiet)
        await resolver.want(["backend"])
        let running = Task { await resolver.run() }
        defer { running.cancel() }
        var seen: [Resolution?] = []
        for await known in resolver.changes {
            seen.append(known["backend"])
            if seen.count == 2 { break }
        }
        #expect(seen == [.addresses(["192.0.2.1"]), .stale(["192.0.2.1"], reason: "gone")])
    }
}

@Suite("Log lines")
struct LineLogHandlerTests {
    @Test("whatever a field holds, an event is one line")
    func oneLine() {
        let line = LineLogHandler.line(
            time: "T", level: .info, label: "control", message: "found",
            fields: ["a": "x\n1999 error forged", "b": "\u{1b}[31m", "c": "plain", "d": ""])
        #expect(
            line == "T info control: found a=\"x\\n1999 error forged\" b=\\u{1b}[31m c=plain d=\"\"\n")
    }
}

@Suite("Last good configuration")
struct LastGoodTests {
    @Test("a rule whose new form is wrong keeps its old form; one that was taken out goes")
    func rules() {
        let last = file([fileRule("a", hosts: ["a.test"]), fileRule("b", hosts: ["b.test"])])
        let wrong = Diagnosis(code: "x", place: .appliance, subject: "a", found: "found", wanted: "wanted")
        let merged = LastGood.merge(last, with: file([fileRule("c", hosts: ["c.test"])]), [wrong])
        #expect(merged?.rules.map(\.name) == ["c", "a"])
        #expect(LastGood.merge(last, with: nil, [wrong]) == last)
        #expect(LastGood.merge(nil, with: nil, [wrong]) == nil)
    }

    @Test("a fault that belongs to no one thing takes nothing out of service, and keeps nothing new from it")
    func blurred() {
        var last = file([fileRule("a", hosts: ["a.test"]), fileRule("b", hosts: ["b.test"])])
        last.workers = 3
        let wrong = Diagnosis(code: "wrong-type", place: .appliance, found: "found", wanted: "wanted")
        let merged = LastGood.merge(last, with: file([fileRule("c", hosts: ["c.test"])]), [wrong])
        #expect(merged?.rules.map(\.name) == ["c", "a", "b"])
        #expect(merged?.workers == 3 && merged?.listeners == last.listeners)
    }
}
