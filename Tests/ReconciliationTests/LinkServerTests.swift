import Contract
import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Reconciliation

/// An edge as the Link sees it.
private struct TestEdge {
    let inbound: NIOAsyncChannelInboundStream<ByteBuffer>
    let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    static func connect<Result: Sendable>(
        _ path: String, _ body: @escaping @Sendable (TestEdge, inout Messages) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(unixDomainSocketPath: path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var messages = Messages(iterator: inbound.makeAsyncIterator())
            return try await body(TestEdge(inbound: inbound, outbound: outbound), &messages)
        }
    }

    func say(_ message: Upward) async throws {
        try await outbound.write(ByteBuffer(bytes: LinkFrame.encode(message)))
    }

    func hello(_ epoch: String = "", _ revision: UInt64 = 0) async throws {
        try await say(.hello(version: LinkVersion.current, pid: 7, workers: 2, epoch: epoch, revision: revision))
    }

    struct Messages {
        var iterator: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
        var reader = LinkFrameReader()

        mutating func next() async throws -> Downward? {
            while true {
                if let payload = try reader.next() { return try LinkFrame.decode(Downward.self, from: payload) }
                guard let bytes = try await iterator.next(isolation: #isolation) else { return nil }
                reader.append(bytes.readableBytesView)
            }
        }
    }
}

@Suite("Link server", .timeLimit(.minutes(1)))
struct LinkServerTests {
    /// Serves on a socket of its own while `body` runs.
    static func serving(
        patience: LinkServer.Patience = .init(), _ body: @escaping @Sendable (LinkServer, String) async throws -> Void
    ) async throws {
        let path = "/tmp/kontainers-link-\(UInt64.random(in: 0 ... .max)).sock"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let server = LinkServer(patience: patience, logger: quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run(.path(path)) }
            for await _ in server.ready { break }
            try await body(server, path)
            group.cancelAll()
        }
    }

    static func content(_ count: Int, marked: Int? = nil) -> SnapshotContent {
        SnapshotContent(
            rules: (0..<count).map { number in
                Rule(
                    name: "docker:rule-\(100_000 + number)", hosts: ["host-\(number).example.test"],
                    endpoints: [Endpoint(address: "198.18.0.1:\(number == marked ? 81 : 80)", name: "web-\(number)")])
            })
    }

    static func first(_ content: SnapshotContent) -> Publication {
        Publication(snapshot: content.numbered(1, epoch: "e"))
    }

    static func next(_ old: SnapshotContent, _ new: SnapshotContent, _ revision: UInt64) -> Publication {
        Publication(
            snapshot: new.numbered(revision, epoch: "e"),
            delta: old.delta(to: new, epoch: "e", base: revision - 1, revision: revision))
    }

    @Test("an edge gets a welcome, the snapshot, then changes")
    func course() async throws {
        try await Self.serving { server, path in
            let (one, two) = (Self.content(3), Self.content(3, marked: 1))
            await server.publish(Self.first(one))
            try await TestEdge.connect(path) { edge, messages in
                #expect(try await messages.next() == .welcome(version: LinkVersion.current))
                try await edge.hello()
                #expect(try await messages.next() == .snapshot(one.numbered(1, epoch: "e")))
                try await edge.say(.acknowledged(epoch: "e", revision: 1, diagnoses: []))
                let publication = Self.next(one, two, 2)
                await server.publish(publication)
                #expect(try await messages.next() == .delta(publication.delta!))
            }
        }
    }

    @Test("nothing is sent before something is known, and nothing twice")
    func nothingTwice() async throws {
        try await Self.serving { server, path in
            try await TestEdge.connect(path) { edge, messages in
                _ = try await messages.next()
                try await edge.hello("e", 1)
                let one = Self.content(1)
                // The edge has this already: from another connection, or its disk.
                await server.publish(Self.first(one))
                let publication = Self.next(one, Self.content(2), 2)
                await server.publish(publication)
                #expect(try await messages.next() == .delta(publication.delta!))
            }
        }
    }

    @Test("an edge that was away gets the sum of what it missed, or a snapshot where that is not known")
    func reconnects() async throws {
        try await Self.serving { server, path in
            let versions = [Self.content(5), Self.content(5, marked: 1), Self.content(4), Self.content(4, marked: 2)]
            await server.publish(Self.first(versions[0]))
            for index in 1..<versions.count {
                await server.publish(Self.next(versions[index - 1], versions[index], UInt64(index + 1)))
            }
            let final = versions[3].numbered(4, epoch: "e")
            try await TestEdge.connect(path) { edge, messages in
                _ = try await messages.next()
                try await edge.hello("e", 2)
                let expected = versions[1].delta(to: versions[3], epoch: "e", base: 2, revision: 4)
                #expect(try await messages.next() == .delta(expected))
            }
            for (epoch, revision) in [("other", UInt64(2)), ("e", 900), ("", 0)] {
                try await TestEdge.connect(path) { edge, messages in
                    _ = try await messages.next()
                    try await edge.hello(epoch, revision)
                    #expect(try await messages.next() == .snapshot(final))
                }
            }
        }
    }

    @Test("a gap is answered with a snapshot")
    func gap() async throws {
        try await Self.serving { server, path in
            let one = Self.content(2)
            await server.publish(Self.first(one))
            try await TestEdge.connect(path) { edge, messages in
                _ = try await messages.next()
                try await edge.hello("e", 1)
                try await edge.say(.gap(epoch: "e", revision: 1))
                #expect(try await messages.next() == .snapshot(one.numbered(1, epoch: "e")))
            }
        }
    }

    @Test("what an edge says of itself is kept while it is connected")
    func reports() async throws {
        try await Self.serving { server, path in
            let one = Self.content(2)
            await server.publish(Self.first(one))
            try await TestEdge.connect(path) { edge, messages in
                _ = try await messages.next()
                try await edge.hello()
                _ = try await messages.next()
                let diagnosis = EdgeDiagnosis(subject: .rule, name: "x", message: "it is odd")
                try await edge.say(.telemetry(EdgeTelemetry(epoch: "e", revision: 1, counters: ["requests": 5])))
                for sent in 1...2 as ClosedRange<UInt64> {
                    let row = TallyRow(name: "docker:rule-100000", sent: sent)
                    try await edge.say(.tallies(EdgeTallies(isFirst: sent == 1, rules: [row])))
                }
                try await edge.say(.acknowledged(epoch: "e", revision: 1, diagnoses: [diagnosis]))
                var report = await server.reports.first
                while report?.revision != 1 {
                    await Task.yield()
                    report = await server.reports.first
                }
                #expect(report?.pid == 7 && report?.workers == 2)
                #expect(report?.diagnoses == [diagnosis])
                #expect(report?.telemetry?.counters == ["requests": 5])
            }
            while await !server.reports.isEmpty { await Task.yield() }
            // Its last words stay for whoever wants to read them.
            let standing = await server.standing
            #expect(!standing.isUp && standing.edges.first?.telemetry?.counters == ["requests": 5])
            #expect(standing.edges.first?.tallies.rules["docker:rule-100000"]?.sent == 2)
            #expect(standing.rules == ["docker:rule-100000", "docker:rule-100001"])
        }
    }

    @Test("an edge of another version, with nonsense, or without an end to its message is turned away")
    func nonsense() async throws {
        try await Self.serving { server, path in
            await server.publish(Self.first(Self.content(1)))
            let announced: [UInt8] = [0, 255, 255, 255]
            let endless = announced + [UInt8](repeating: 32, count: LinkServer.upwardLimit + 1)
            for bytes in [
                try LinkFrame.encode(Upward.hello(version: 99, pid: 1, workers: 1, epoch: "", revision: 0)),
                [0, 0, 0, 2, 123, 123], [255, 255, 255, 255], endless,
            ] {
                try await TestEdge.connect(path) { edge, messages in
                    _ = try await messages.next()
                    // The server may have hung up before the last byte.
                    try? await edge.outbound.write(ByteBuffer(bytes: bytes))
                    let answer = try? await messages.next()
                    #expect((answer ?? nil) == nil)
                }
            }
        }
    }

    @Test("a peer that says nothing is turned away")
    func silence() async throws {
        var patience = LinkServer.Patience()
        patience.hello = .milliseconds(100)
        try await Self.serving(patience: patience) { server, path in
            try await TestEdge.connect(path) { edge, messages in
                _ = try await messages.next()
                #expect(try await messages.next() == nil)
            }
        }
    }

    @Test("an edge that reads nothing holds up no other")
    func slow() async throws {
        try await Self.serving { server, path in
            let content = Self.content(3_000)
            await server.publish(Self.first(content))
            let versions = (0..<20).map { Self.content(3_000, marked: $0) }
            try await TestEdge.connect(path) { deaf, _ in
                try await deaf.hello()
                try await TestEdge.connect(path) { edge, messages in
                    _ = try await messages.next()
                    try await edge.hello("e", 1)
                    var before = content
                    for (index, version) in versions.enumerated() {
                        await server.publish(Self.next(before, version, UInt64(index + 2)))
                        before = version
                    }
                    var revision: UInt64 = 1
                    while revision < 21, case .delta(let delta)? = try await messages.next() {
                        #expect(delta.base == revision)
                        revision = delta.revision
                    }
                    #expect(revision == 21)
                }
            }
        }
    }

    @Test("with 10,000 rules a small change reaches the edge's socket in a few milliseconds")
    func latency() async throws {
        try await Self.serving { server, path in
            let count = 10_000
            let versions = (0..<40).map { Self.content(count, marked: $0) }
            await server.publish(Self.first(versions[0]))
            try await TestEdge.connect(path) { edge, messages in
                _ = try await messages.next()
                try await edge.hello("e", 1)
                var times: [Duration] = []
                for index in 1..<versions.count {
                    let began = ContinuousClock.now
                    let publication = Self.next(versions[index - 1], versions[index], UInt64(index + 1))
                    await server.publish(publication)
                    _ = try await messages.next()
                    times.append(began.duration(to: .now))
                }
                times.sort()
                print(
                    "difference of 10,000 rules, encoded, sent, received: median \(times[times.count / 2]), "
                        + "slowest \(times[times.count - 1])")
                // A debug build on a busy machine; a release build takes a tenth.
                #expect(times[times.count / 2] < .milliseconds(250))
            }
        }
    }
}

@Suite("Delta history")
struct DeltaHistoryTests {
    @Test("changes one after the other have the effect of their sum", arguments: [UInt64(1), 2, 3, 4])
    func sums(seed: UInt64) throws {
        var random = Seeded(state: seed)
        var contents: [SnapshotContent] = []
        var history = DeltaHistory()
        for revision in 1...30 {
            let rules = (0..<20).filter { _ in Bool.random(using: &random) }.map { number in
                Rule(name: "r\(number)", path: Bool.random(using: &random) ? "/" : "/x")
            }
            contents.append(SnapshotContent(rules: rules.sorted { $0.name < $1.name }))
            guard revision > 1 else { continue }
            history.append(
                contents[revision - 2].delta(
                    to: contents[revision - 1], epoch: "e", base: UInt64(revision - 1), revision: UInt64(revision)))
        }
        for start in 1..<30 {
            let sum = try #require(history.delta(since: UInt64(start)))
            var rules = Dictionary(uniqueKeysWithValues: contents[start - 1].rules.map { ($0.name, $0) })
            for name in sum.rules.removed { rules[name] = nil }
            for rule in sum.rules.put { rules[rule.name] = rule }
            #expect(rules.values.sorted { $0.name < $1.name } == contents[29].rules)
            #expect(sum.base == UInt64(start) && sum.revision == 30)
        }
        #expect(history.delta(since: 30) == nil)
    }

    @Test("it forgets what is too much to keep")
    func limits() {
        var history = DeltaHistory()
        for revision in 1...UInt64(DeltaHistory.deltasLimit + 10) {
            history.append(Delta(epoch: "e", base: revision, revision: revision + 1))
        }
        #expect(history.delta(since: 1) == nil)
        #expect(history.delta(since: 11) != nil)
        let many = (0...DeltaHistory.itemsLimit).map { Rule(name: "\($0)") }
        let last = UInt64(DeltaHistory.deltasLimit + 11)
        history.append(Delta(epoch: "e", base: last, revision: last + 1, rules: .init(put: many)))
        #expect(history.delta(since: last - 1) == nil)
        #expect(history.delta(since: last) != nil)
    }
}
