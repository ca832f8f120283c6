import Glibc
import NIOCore

/// Who is at the other end of a Unix socket.
enum PeerCredentials {
    /// `struct ucred`, which the C library shows only with `_GNU_SOURCE`.
    private struct Kernel: Sendable {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
    }

    /// SO_PEERCRED; equal on all of Linux's architectures that Swift runs on.
    private static let option = NIOBSDSocket.Option(rawValue: 17)

    /// Makes a connection of the Link out of an accepted channel.
    @Sendable
    static func wrap(_ channel: any Channel) -> EventLoopFuture<LinkServer.Connection> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let credentials: EventLoopFuture<Kernel> = options.unsafeGetSocketOption(level: .socket, name: option)
        return credentials.flatMapThrowing { credentials in
            LinkServer.Connection(
                channel: try NIOAsyncChannel(wrappingChannelSynchronously: channel), user: credentials.user,
                process: credentials.process)
        }
    }

    /// Ourselves, root, or the edge's own user.
    static func mayConnect(_ user: UInt32, edgeUser: UInt32?) -> Bool {
        user == geteuid() || user == 0 || user == edgeUser
    }
}
