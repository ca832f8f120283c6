import FoundationEssentials
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import Synchronization

/// Serves the interface to the commands of this machine, over a Unix socket of control's own: who may open it is the
/// machine's administrator. Traffic does not depend on it: a path that cannot be had is told and tried again.
public struct ControlSocket: Sendable {
    /// What one connection may do, and how many there may be.
    struct Limits: Sendable {
        var connections = 64
        /// Bytes of its target, and of one field; of all of the head; and how many fields.
        var field = 8 << 10
        var head = 16 << 10
        var fields = 64
        /// Without a request, and in the middle of one.
        var idle = TimeAmount.seconds(10)
        /// From a connection's beginning to its end, whatever it does.
        var longest = TimeAmount.hours(1)
    }

    /// The longest path a Unix socket's address holds (unix(7)).
    public static let pathLimit = 107
    static let retryInterval = Duration.seconds(5)

    private let path: String
    private let interface: Interface
    private let logger: Logger
    var limits = Limits()
    var mayConnect: @Sendable (UInt32) -> Bool = PeerGate.isOwnOrRoot
    /// Yields at each start.
    public let ready: AsyncStream<Void>
    private let readyOutput: AsyncStream<Void>.Continuation

    /// - Parameter path: where the socket is made, with mode 0600; one that was left behind is replaced. It stands in a
    ///   folder that is closed to others: between making and mode the folder is what keeps them out.
    public init(path: String, interface: Interface, logger: Logger) {
        self.path = path
        self.interface = interface
        self.logger = logger
        (ready, readyOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    private final class Served: Sendable {
        let flag = Atomic(false)
    }

    /// Serves until its task is cancelled; then the socket is gone.
    public func run() async {
        guard path.utf8.count <= Self.pathLimit else {
            logger.error(
                "commands cannot be taken: the control socket's path is too long",
                metadata: [
                    "path": "\(path)", "found": "\(path.utf8.count) bytes",
                    "wanted": "at most \(Self.pathLimit): a shorter folder for state (--data)",
                ])
            return
        }
        var wasTold = false
        // What else stands at the path is not ours to remove.
        let wasServed = Served()
        while !Task.isCancelled {
            do {
                try await serve(wasServed)
            } catch {
                guard !Task.isCancelled else { break }
                if !wasTold {
                    logger.error(
                        "commands cannot be taken; traffic goes on, and it is tried again",
                        metadata: ["path": "\(path)", "reason": "\(error)"])
                }
                wasTold = true
            }
            try? await Task.sleep(for: Self.retryInterval)
        }
        if wasServed.flag.load(ordering: .acquiring) { try? FileManager.default.removeItem(atPath: path) }
    }

    private func serve(_ wasServed: Served) async throws {
        var quiet = logger
        quiet.logLevel = .critical
        let (limits, mayConnect, gateLogger) = (limits, mayConnect, logger)
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: limits.field, maxHeaderListSize: limits.head, maxHeaderFieldCount: limits.fields)
        let server = HTTPServerBuilder.http1(
            configuration: .init(
                additionalChannelHandlers: [
                    PeerGate(longest: limits.longest, logger: gateLogger, mayConnect: mayConnect)
                ], idleTimeout: limits.idle, httpDecoderConfiguration: decoder))
        let application = Application(
            responder: InterfaceResponder(interface: interface, door: .socket), server: server,
            configuration: .init(
                address: .unixDomainSocket(path: path),
                availableConnectionsDelegate: .maximum(limits.connections, logger: quiet)),
            onServerRunning: { _ in
                wasServed.flag.store(true, ordering: .releasing)
                do {
                    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                    logger.info("commands are taken", metadata: ["path": "\(path)"])
                } catch {
                    logger.error(
                        "the control socket's mode cannot be set; its folder and the check of users keep others out",
                        metadata: ["path": "\(path)", "reason": "\(error)"])
                }
                readyOutput.yield()
            }, logger: quiet)
        try await application.run()
    }
}
