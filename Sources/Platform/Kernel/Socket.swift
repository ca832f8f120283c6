public import Bytes
import CLinux
import Glibc

/// What moving bytes came to. "Not yet" is a value, not an error.
public enum Transfer: Equatable {
    case bytes(Int)
    case endOfStream
    case wouldBlock
    /// `errno`.
    case failed(CInt)
}

/// Calls on sockets by their raw numbers, as the path of a request keeps them. Every socket here is non-blocking and
/// closed on exec. None of these throws: a peer that is gone is ordinary.
public enum Socket {
    /// Receives into the buffer's room, which must not be empty.
    public static func receive(_ socket: CInt, into buffer: Buffer) -> Transfer {
        transfer(unsafe buffer.withRoom { unsafe kl_receive(socket, $0.baseAddress, $0.count) })
    }

    /// Receives at most `limit` bytes into the buffer's room, which must not be empty.
    public static func receive(_ socket: CInt, into buffer: Buffer, limit: Int) -> Transfer {
        transfer(unsafe buffer.withRoom { unsafe kl_receive(socket, $0.baseAddress, min($0.count, limit)) })
    }

    /// As ``receive(_:into:limit:)``, but the bytes stay in the socket and will be received again.
    public static func peek(_ socket: CInt, into buffer: Buffer, limit: Int) -> Transfer {
        transfer(unsafe buffer.withRoom { unsafe kl_peek(socket, $0.baseAddress, min($0.count, limit)) })
    }

    /// Sends what the buffer holds, without consuming it.
    public static func send(_ socket: CInt, _ bytes: Span<UInt8>) -> Transfer {
        transfer(unsafe bytes.withUnsafeBytes { unsafe kl_send(socket, $0.baseAddress, $0.count) })
    }

    @inline(__always) private static func transfer(_ result: Int) -> Transfer {
        if result > 0 { return .bytes(result) }
        if result == 0 { return .endOfStream }
        let code = CInt(truncatingIfNeeded: -result)
        if code == EAGAIN { return .wouldBlock }
        precondition(
            code != EBADF && code != EFAULT, "a socket call was given a descriptor or address that is not ours")
        return .failed(code)
    }

    /// A listening socket, shareable with others on the same address (SO_REUSEPORT).
    public static func listen(on address: SocketAddress, backlog: CInt = 4_096) throws(SystemError) -> Descriptor {
        var raw = address.raw
        return Descriptor(owning: try checked(unsafe kl_listen(&raw, backlog), "listen"))
    }

    public enum Accepted {
        case connection(CInt, SocketAddress)
        case wouldBlock
        /// The connection was gone before it was accepted; try the next.
        case aborted
        /// No descriptor or memory left for it.
        case exhausted
    }

    public static func accept(_ socket: CInt) -> Accepted {
        var peer = kl_address()
        let result = unsafe kl_accept(socket, &peer)
        if result >= 0 { return .connection(result, SocketAddress(peer)) }
        switch -result {
        case EAGAIN: return .wouldBlock
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
        case EBADF, EFAULT, EINVAL, ENOTSOCK:
            preconditionFailure("accept on a descriptor that is not a listener of ours")
        case _: return .aborted
        }
    }

    public enum Connecting {
        case connected(CInt)
        case inProgress(CInt)
        case failed(CInt)
    }

    /// Whether `errno` says that descriptors or memory for sockets are used up.
    public static func isExhaustion(_ code: CInt) -> Bool {
        code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM
    }

    /// Whether `errno` says that something of ours is used up, or local ports: not that the peer is at fault.
    public static func isShortage(_ code: CInt) -> Bool { isExhaustion(code) || code == EADDRNOTAVAIL }

    /// `errno` for what goes wrong above the socket.
    public static var outOfMemory: CInt { ENOMEM }
    public static var protocolError: CInt { EPROTO }

    /// What follows a connect.
    public enum Purpose { case talking, knocking }

    /// Begins to connect, with TCP_NODELAY set.
    ///
    /// - Parameter purpose: to knock is to want to know whether somebody would answer. The last acknowledgement of the
    ///   handshake is put off by up to 40 ms: closed by a reset before, the connection never gets to the listener's
    ///   program, which need not accept and forget it.
    public static func connect(to address: SocketAddress, for purpose: Purpose = .talking) -> Connecting {
        let socket = kl_socket_stream(CInt(address.family.rawValue))
        guard socket >= 0 else { return .failed(-socket) }
        _ = kl_set_nodelay(socket)
        if purpose == .knocking { _ = kl_defer_acknowledgement(socket) }
        var raw = address.raw
        let result = unsafe kl_connect(socket, &raw)
        if result == 0 { return .connected(socket) }
        if result == -EINPROGRESS { return .inProgress(socket) }
        _ = kl_close(socket)
        return .failed(-result)
    }

    /// Whether a connect has ended, well or not, though its event may be yet to come.
    public static func hasConnected(_ socket: CInt) -> Bool { kl_has_connected(socket) > 0 }

    /// The error that waits on a socket, 0 for none; tells how a connect ended.
    public static func takeError(_ socket: CInt) -> CInt { -kl_take_error(socket) }

    /// Receives up to `count` bytes behind what `bytes` holds.
    public static func receive(_ socket: CInt, appendingTo bytes: inout [UInt8], upTo count: Int) -> Transfer {
        var result = 0
        let chunk = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, filled in
            result = unsafe kl_receive(socket, room.baseAddress, room.count)
            filled = max(0, result)
        }
        bytes.append(contentsOf: chunk)
        return transfer(result)
    }

    public static func setNonBlocking(_ socket: CInt) { _ = kl_set_nonblocking(socket) }

    public static func setNoDelay(_ socket: CInt) { _ = kl_set_nodelay(socket) }

    /// Closing will now send a reset instead of a FIN: the peer must learn that what it got is not whole.
    public static func setReset(_ socket: CInt) { _ = kl_set_linger_reset(socket) }

    public static func shutdownWrite(_ socket: CInt) { _ = kl_shutdown_write(socket) }

    /// Closes for good. The number may be reused by the kernel at once.
    public static func close(_ socket: CInt) { _ = kl_close(socket) }

    public static func localAddress(_ socket: CInt) -> SocketAddress? {
        var raw = kl_address()
        return unsafe kl_local_address(socket, &raw) == 0 ? SocketAddress(raw) : nil
    }
}
