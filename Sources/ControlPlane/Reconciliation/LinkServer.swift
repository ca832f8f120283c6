public import Contract
import FoundationEssentials
public import Logging
import NIOCore
import NIOPosix

/// Serves the Link: tells each edge the desired state, and what changed of it, and hears what came of it.
///
/// Each edge has a sender of its own that always works towards the newest revision. An edge that does not keep up is
/// sent the sum of what it missed, never a queue of old news. What it never does: hold up a publication for an edge.
public actor LinkServer {
    /// Where edges connect.
    public enum Door: Sendable {
        /// A listening Unix socket that the supervisor opened.
        case descriptor(CInt)
        /// A socket to be made at this path, mode 0600; one that was left behind is replaced.
        case path(String)
    }

    /// How long an edge may take to say that it serves a revision before that is told, and how long for its first
    /// words.
    public struct Patience: Sendable {
        public var acknowledgement = Duration.seconds(10)
        public var hello = Duration.seconds(5)

        public init() {}
    }

    /// What one edge last said of itself.
    public struct EdgeReport: Sendable {
        public var pid: Int32
        public var workers: Int
        public var epoch: String
        public var revision: UInt64
        public var diagnoses: [EdgeDiagnosis]
        public var telemetry: EdgeTelemetry?
        /// When it said that.
        public var heardAt: ContinuousClock.Instant?
        /// By rule, endpoint and listener.
        public var tallies = TallyBook()
        /// Of endpoints that something speaks against, by address.
        public var opinions: [String: EndpointOpinion] = [:]
        /// The revision that it served when it began the round of tallies that is under way, and the last whole one.
        var underWay: UInt64?
        var counted: UInt64?
    }

    /// What is known of the edges, for whoever wants to read their numbers.
    public struct Standing: Sendable {
        /// The connected ones; when there is none, the one that was there last.
        public var edges: [EdgeReport]
        public var isUp: Bool
        /// Names of rules and listeners that are configured, and the revision that says so.
        public var rules: Set<String>
        public var listeners: Set<String>
        public var revision: UInt64
    }

    /// Bytes that one message of an edge may have.
    static let upwardLimit = 4 << 20

    let logger: Logger
    let patience: Patience
    private let edgeUser: UInt32?
    private var current: Publication?
    private var history = DeltaHistory()
    /// The current snapshot as it goes on the wire, once an edge wanted it.
    private var snapshotFrame: (revision: UInt64, bytes: ByteBuffer)?
    private var deltaFrame: (base: UInt64, revision: UInt64, bytes: ByteBuffer)?
    private var edges: [Int: Edge] = [:]
    private var edgeCount = 0
    private var lastReport: EdgeReport?
    private var servesSince: AsyncStream<Void>.Continuation
    /// Yields once, when edges can connect.
    public nonisolated let ready: AsyncStream<Void>
    /// Names of rules whose containers a request waits for. Of an edge that asks faster than anybody listens, the
    /// newest are kept.
    public nonisolated let wakes: AsyncStream<[String]>
    private let wakesOutput: AsyncStream<[String]>.Continuation

    /// - Parameter edgeUser: the edge's user id, when it differs from our own and is not root.
    public init(edgeUser: UInt32? = nil, patience: Patience = Patience(), logger: Logger) {
        self.edgeUser = edgeUser
        self.patience = patience
        self.logger = logger
        (ready, servesSince) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (wakes, wakesOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
    }

    /// What the connected edges last said, by process id.
    public var reports: [EdgeReport] { edges.values.compactMap(\.report).sorted { $0.pid < $1.pid } }

    public var standing: Standing {
        let connected = reports
        return Standing(
            edges: connected.isEmpty ? lastReport.map { [$0] } ?? [] : connected, isUp: !connected.isEmpty,
            rules: Set(current?.snapshot.rules.map(\.name) ?? []),
            listeners: Set(current?.snapshot.listeners.map(\.name) ?? []), revision: current?.snapshot.revision ?? 0)
    }

    /// Makes a revision known to all edges. Returns before they have it.
    public func publish(_ publication: Publication) {
        current = publication
        history.append(publication.delta)
        snapshotFrame = nil
        for edge in edges.values { edge.bell.yield() }
    }

    // MARK: - Connections

    /// Serves until its task is cancelled.
    public func run(_ door: Door) async throws {
        let server = try await open(door)
        switch door {
        case .descriptor: logger.info("the Link is open", metadata: ["by": "supervisor"])
        case .path(let path): logger.info("the Link is open", metadata: ["path": "\(path)"])
        }
        servesSince.yield()
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { try await self.watchAcknowledgements() }
            try await server.executeThenClose { connections in
                for try await connection in connections {
                    group.addTask { await self.serve(connection) }
                }
            }
        }
    }

    /// A connected edge and who is behind it.
    struct Connection: Sendable {
        var channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
        var user: UInt32
        var process: Int32
    }

    private func open(_ door: Door) async throws -> NIOAsyncChannel<Connection, Never> {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        switch door {
        case .descriptor(let descriptor):
            return try await bootstrap.bind(descriptor, childChannelInitializer: PeerCredentials.wrap)
        case .path(let path):
            let server = try await bootstrap.bind(
                unixDomainSocketPath: path, cleanupExistingSocketFile: true,
                childChannelInitializer: PeerCredentials.wrap)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            return server
        }
    }

    private func serve(_ connection: Connection) async {
        let number = edgeCount
        edgeCount += 1
        let logger = self.logger(forEdge: connection.process)
        guard PeerCredentials.mayConnect(connection.user, edgeUser: edgeUser) else {
            logger.warning(
                "a process of another user tried the Link and was turned away",
                metadata: ["uid": "\(connection.user)"])
            try? await connection.channel.channel.close()
            return
        }
        let (rings, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        edges[number] = Edge(bell: bell, connectedAt: .now, close: { connection.channel.channel.close(promise: nil) })
        defer {
            if let report = edges[number]?.report { lastReport = report }
            edges[number] = nil
            bell.finish()
        }
        do {
            try await connection.channel.executeThenClose { inbound, outbound in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await self.read(inbound, number, logger) }
                    group.addTask { try await self.write(rings, outbound, number, logger) }
                    try await group.next()
                    group.cancelAll()
                }
            }
            logger.info("edge is gone")
        } catch {
            if !Task.isCancelled { logger.warning("edge is gone", metadata: ["reason": "\(error)"]) }
        }
    }

    private func logger(forEdge process: Int32) -> Logger {
        var logger = logger
        logger[metadataKey: "edge"] = "\(process)"
        return logger
    }

    // MARK: - Down

    private func write(
        _ rings: AsyncStream<Void>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ number: Int,
        _ logger: Logger
    ) async throws {
        try await outbound.write(ByteBuffer(bytes: LinkFrame.encode(Downward.welcome(version: LinkVersion.current))))
        for await _ in rings {
            while let frame = try nextFrame(for: number, logger) { try await outbound.write(frame) }
        }
    }

    /// What brings the edge to the newest revision, or `nil` when it is there.
    private func nextFrame(for number: Int, _ logger: Logger) throws -> ByteBuffer? {
        guard let current, let edge = edges[number], let position = edge.position else { return nil }
        let snapshot = current.snapshot
        guard position.epoch != snapshot.epoch || position.revision != snapshot.revision else { return nil }
        let began = ContinuousClock.now
        let delta = position.epoch == snapshot.epoch ? history.delta(since: position.revision) : nil
        let frame = try delta.map { try bytes(of: $0) } ?? snapshotBytes(snapshot)
        edges[number]?.position = .init(epoch: snapshot.epoch, revision: snapshot.revision)
        edges[number]?.awaited.append(.init(revision: snapshot.revision, sentAt: .now))
        logger.debug(
            "revision sent",
            metadata: [
                "revision": "\(snapshot.revision)", "form": delta == nil ? "snapshot" : "delta",
                "bytes": "\(frame.readableBytes)", "encoding": "\(began.duration(to: .now))",
            ])
        return frame
    }

    private func bytes(of delta: Delta) throws -> ByteBuffer {
        if let deltaFrame, deltaFrame.base == delta.base, deltaFrame.revision == delta.revision {
            return deltaFrame.bytes
        }
        let bytes = ByteBuffer(bytes: try LinkFrame.encode(Downward.delta(delta)))
        deltaFrame = (delta.base, delta.revision, bytes)
        return bytes
    }

    private func snapshotBytes(_ snapshot: Snapshot) throws -> ByteBuffer {
        if let snapshotFrame, snapshotFrame.revision == snapshot.revision { return snapshotFrame.bytes }
        let bytes = ByteBuffer(bytes: try LinkFrame.encode(Downward.snapshot(snapshot)))
        snapshotFrame = (snapshot.revision, bytes)
        return bytes
    }

    // MARK: - Up

    private func read(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ number: Int, _ logger: Logger
    ) async throws {
        var reader = LinkFrameReader()
        var unread = 0
        for try await bytes in inbound {
            reader.append(bytes.readableBytesView)
            unread += bytes.readableBytes
            while let payload = try reader.next() {
                unread -= payload.count + LinkFrame.headerSize
                try take(LinkFrame.decode(Upward.self, from: payload), number, logger)
            }
            guard unread <= Self.upwardLimit else { throw LinkFault.tooMuch(unread) }
        }
    }

    private func take(_ message: Upward, _ number: Int, _ logger: Logger) throws {
        switch message {
        case .hello(let version, let pid, let workers, let epoch, let revision):
            guard version == LinkVersion.current else { throw LinkFault.version(version) }
            edges[number]?.position = .init(epoch: epoch, revision: revision)
            edges[number]?.report = EdgeReport(
                pid: pid, workers: workers, epoch: epoch, revision: revision, diagnoses: [], telemetry: nil)
            logger.info(
                "edge is connected",
                metadata: ["workers": "\(workers)", "epoch": "\(epoch.prefix(32))", "revision": "\(revision)"])
            edges[number]?.bell.yield()
        case .acknowledged(let epoch, let revision, let diagnoses):
            acknowledged(epoch, revision, diagnoses, number, logger)
        case .gap(let epoch, let revision):
            logger.warning(
                "edge found a gap between its revision and the change; it gets a snapshot",
                metadata: ["epoch": "\(epoch.prefix(32))", "revision": "\(revision)"])
            // No epoch is empty, so no delta leads on from here.
            edges[number]?.position = .init(epoch: "", revision: 0)
            edges[number]?.awaited = []
            edges[number]?.bell.yield()
        case .telemetry(let telemetry):
            edges[number]?.report?.take(telemetry)
            edges[number]?.report?.heardAt = .now
        case .tallies(let tallies):
            edges[number]?.report?.tallies.take(tallies)
        case .wake(let rules):
            wakesOutput.yield(rules)
        case .opinions(let opinions):
            edges[number]?.report?.take(opinions)
        }
    }

    private func acknowledged(
        _ epoch: String, _ revision: UInt64, _ diagnoses: [EdgeDiagnosis], _ number: Int, _ logger: Logger
    ) {
        guard var edge = edges[number] else { return }
        defer { edges[number] = edge }
        guard epoch == current?.snapshot.epoch else { return }
        var metadata: Logger.Metadata = ["revision": "\(revision)"]
        if let sent = edge.awaited.first(where: { $0.revision == revision }) {
            metadata["took"] = "\(sent.sentAt.duration(to: .now))"
        }
        edge.awaited.removeAll { $0.revision <= revision }
        edge.report?.acknowledge(epoch, revision)
        logger.info("edge serves the revision", metadata: metadata)
        for diagnosis in diagnoses where edge.report?.diagnoses.contains(diagnosis) == false {
            logger.warning(
                "edge cannot serve something as asked",
                metadata: [
                    "subject": "\(diagnosis.subject.rawValue)", "name": "\(diagnosis.name)",
                    "message": "\(diagnosis.message)",
                ])
        }
        edge.report?.diagnoses = diagnoses
    }

    private func watchAcknowledgements() async throws {
        while true {
            try await Task.sleep(for: .seconds(1))
            let now = ContinuousClock.now
            for (number, edge) in edges {
                if edge.report == nil, edge.connectedAt.duration(to: now) > patience.hello {
                    logger.warning("a peer on the Link said nothing and is turned away")
                    edge.close()
                }
                for index in edge.awaited.indices where !edge.awaited[index].isOverdue {
                    let sent = edge.awaited[index]
                    guard sent.sentAt.duration(to: now) > patience.acknowledgement else { continue }
                    edges[number]?.awaited[index].isOverdue = true
                    logger.warning(
                        "edge has not said that it serves a revision",
                        metadata: [
                            "edge": "\(edge.report?.pid ?? 0)", "revision": "\(sent.revision)",
                            "waited": "\(patience.acknowledgement)",
                        ])
                }
            }
        }
    }
}

/// One connected edge.
private struct Edge {
    struct Position: Equatable {
        var epoch: String
        var revision: UInt64
    }

    struct Awaited {
        var revision: UInt64
        var sentAt: ContinuousClock.Instant
        var isOverdue = false
    }

    let bell: AsyncStream<Void>.Continuation
    let connectedAt: ContinuousClock.Instant
    let close: @Sendable () -> Void
    /// What it has been sent, or said that it has; `nil` before its first words.
    var position: Position?
    var awaited: [Awaited] = []
    var report: LinkServer.EdgeReport?
}

/// Why a connection of the Link was ended.
enum LinkFault: Error, Equatable, CustomStringConvertible {
    case version(Int)
    case tooMuch(Int)

    var description: String {
        switch self {
        case .version(let version):
            "found version \(version) of the Link; wanted \(LinkVersion.current): start an edge of the same release"
        case .tooMuch(let bytes):
            "found a message of more than \(bytes) bytes; wanted at most \(LinkServer.upwardLimit)"
        }
    }
}
