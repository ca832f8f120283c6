import Glibc
import Logging
import NIOCore

/// Lets only the own user and root speak on a Unix socket, and nobody for longer than a request can take.
///
/// The socket's mode says the same; this holds where somebody changed the mode, or handed the socket on.
final class PeerGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any

    /// `struct ucred`, which the C library shows only with `_GNU_SOURCE`.
    struct Credentials: Sendable {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    /// SO_PEERCRED; equal on all of Linux's architectures that Swift runs on.
    private static let option = NIOBSDSocket.Option(rawValue: 17)

    private let longest: TimeAmount
    private let mayConnect: @Sendable (UInt32) -> Bool
    private let logger: Logger
    private var end: Scheduled<Void>?

    /// - Parameter longest: how long a connection lives, whatever it does.
    init(longest: TimeAmount, logger: Logger, mayConnect: @escaping @Sendable (UInt32) -> Bool) {
        self.longest = longest
        self.mayConnect = mayConnect
        self.logger = logger
    }

    @Sendable static func isOwnOrRoot(_ user: UInt32) -> Bool { user == geteuid() || user == 0 }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        end = context.eventLoop.scheduleTask(in: longest) { channel.close(promise: nil) }
        guard let options = channel as? any SocketOptionProvider else { return turnAway(channel) }
        let asked: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(level: .socket, name: Self.option)
        let (mayConnect, logger) = (mayConnect, logger)
        asked.whenComplete { answer in
            let user = (try? answer.get())?.user
            if let user, mayConnect(user) { return }
            logger.warning(
                "a process of another user tried the control socket and was turned away",
                metadata: ["uid": "\(user.map(String.init) ?? "unknown")"])
            channel.close(promise: nil)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end?.cancel()
        end = nil
        context.fireChannelInactive()
    }

    private func turnAway(_ channel: any Channel) {
        logger.warning("a connection of unknown origin was turned away")
        channel.close(promise: nil)
    }
}
