public import Contract
import FoundationEssentials
public import KontainersConfiguration
public import Logging
import NIOCore
import NIOPosix

/// Control's line to the supervisor, who alone may open listening sockets: the inherited descriptor 3.
public actor SupervisorLine {
    /// The supervisor's end of the pair, by the contract of both.
    public static let descriptor: CInt = 3
    /// Bytes of one packet that are read; a longer one is cut by the kernel and not understood.
    private static let packetLimit = 256 << 10

    /// What could not be opened, newest last.
    public nonisolated let diagnoses: AsyncStream<[Diagnosis]>
    private let output: AsyncStream<[Diagnosis]>.Continuation
    private let logger: Logger
    private var wanted: [Listener]?
    private var sent: [Listener]?
    /// What was told to be open, by name.
    private var open: [String: String] = [:]
    private var isReady = false
    private var saidReady = false
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    public init(logger: Logger) {
        self.logger = logger
        (diagnoses, output) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (rings, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// These and no others shall be open.
    public func listen(_ listeners: [Listener]) {
        wanted = listeners
        bell.yield()
    }

    /// Control is up and serves the Link.
    public func ready() {
        isReady = true
        bell.yield()
    }

    /// Speaks and hears until its task is cancelled or the supervisor is gone.
    public func run(descriptor: CInt = SupervisorLine.descriptor) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.packetLimit))
            .withConnectedSocket(descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask {
                    for try await packet in inbound { await self.take(packet) }
                }
                group.addTask {
                    for await _ in self.rings {
                        // One at a time: packets written together could leave as one.
                        while let request = await self.nextRequest() { try await outbound.write(Self.packet(request)) }
                    }
                }
                try await group.next()
            }
        }
        if !Task.isCancelled { logger.warning("the supervisor is gone; listeners stay as they are") }
    }

    private func nextRequest() -> ControlRequest? {
        if let wanted, wanted != sent {
            sent = wanted
            return .listen(wanted)
        }
        if isReady, !saidReady {
            saidReady = true
            return .ready
        }
        return nil
    }

    private static func packet(_ request: ControlRequest) throws -> ByteBuffer {
        ByteBuffer(bytes: try JSONEncoder().encode(request))
    }

    private func take(_ packet: ByteBuffer) {
        do {
            switch try JSONDecoder().decode(ControlReply.self, from: Data(packet.readableBytesView)) {
            case .listening(let statuses):
                output.yield(statuses.compactMap(diagnosis))
                open = Dictionary(
                    statuses.filter { $0.failure == nil }.map { ($0.name, $0.address) }, uniquingKeysWith: { $1 })
            }
        } catch {
            logger.error("the supervisor said something that is not understood", metadata: ["reason": "\(error)"])
        }
    }

    private func diagnosis(_ status: ListenerStatus) -> Diagnosis? {
        guard let failure = status.failure else {
            guard open[status.name] != status.address else { return nil }
            logger.info("listener is open", metadata: ["listener": "\(status.name)", "address": "\(status.address)"])
            return nil
        }
        let address = wanted?.first { $0.name == status.name }?.address ?? "?"
        return Diagnosis(
            code: "listener-failed", place: .appliance, subject: status.name,
            found: "found that listener \"\(status.name)\" cannot be opened on \(address)", wanted: "wanted: \(failure)"
        )
    }
}
