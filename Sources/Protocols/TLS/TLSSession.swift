public import Bytes
import COpenSSL

/// What a handshake's step came to.
public enum TLSProgress: Equatable, Sendable {
    case done
    /// Call again when the descriptor is readable, or writable.
    case wantsRead, wantsWrite
    /// The peer said close_notify.
    case closed
    case failed(TLSFault)
}

/// What a read or write came to.
public enum TLSTransfer: Equatable, Sendable {
    case bytes(Int)
    /// Call again when the descriptor is readable, or writable. Either may be said by reads and by writes.
    case wantsRead, wantsWrite
    /// The peer said close_notify: nothing more will be read.
    case closed
    case failed(TLSFault)
}

/// One end of TLS on one descriptor: a server's, or a client's (``connect(_:descriptor:host:)``).
///
/// A trivial handle, free of reference counting, owned by one connection on one thread. ``free()`` is called exactly
/// once, on that thread, before or after the descriptor is closed but never while a call is under way; nothing else may
/// be called after it. The descriptor is neither closed nor ever blocked on.
@safe
public struct TLSSession: Equatable, BitwiseCopyable {
    let session: OpaquePointer

    init(session: OpaquePointer) { unsafe self.session = session }

    public static func == (one: TLSSession, other: TLSSession) -> Bool { unsafe one.session == other.session }

    /// A session about to receive a ClientHello; `nil` when out of memory. It keeps `contexts` alive until ``free()``.
    ///
    /// Without any certificate in `contexts` the handshake fails with the alert unrecognized_name.
    public static func accept(_ contexts: TLSContexts, descriptor: Int32) -> TLSSession? {
        let owner = unsafe Unmanaged.passRetained(contexts)
        guard let session = unsafe wire_accept(contexts.front.context, descriptor, owner.toOpaque()) else {
            unsafe owner.release()
            ERR_clear_error()
            return nil
        }
        return unsafe TLSSession(session: session)
    }

    /// Gives up the session's memory and its hold on the contexts. Sends nothing: see ``shutdown()``.
    public func free() {
        let owner = unsafe wire.pointee.owner
        unsafe SSL_free(session)
        if let owner = unsafe owner { unsafe Unmanaged<AnyObject>.fromOpaque(owner).release() }
    }

    /// Goes on with the handshake until it is done or must wait.
    public func handshake() -> TLSProgress {
        forgetErrors()
        let result = unsafe SSL_do_handshake(session)
        if result > 0 { return .done }
        return switch outcome(result) {
        case .bytes: .failed(TLSFault(code: .library))
        case .wantsRead: .wantsRead
        case .wantsWrite: .wantsWrite
        case .closed: .closed
        case .failed(let fault): .failed(fault)
        }
    }

    /// Decrypts into the buffer's room, at most one record (16 KiB) a call. A buffer without room is our own bug.
    public func read(into buffer: Buffer) -> TLSTransfer {
        precondition(buffer.room > 0)
        forgetErrors()
        var result: CInt = 0
        let count = unsafe buffer.withRoom { room in
            var count = 0
            result = unsafe SSL_read_ex(session, room.baseAddress, room.count, &count)
            return result > 0 ? count : 0
        }
        if result > 0 { return .bytes(count) }
        let outcome = outcome(result)
        if outcome == .wantsRead { unsafe wire.pointee.flags |= UInt32(WIRE_STARVED) }
        return outcome
    }

    /// Encrypts from the start of `bytes`, at most one record (16 KiB) a call.
    ///
    /// After `.wantsWrite` (or `.wantsRead`) the next write must offer the same bytes again, from the same first one;
    /// they may have moved and there may be more behind them. The record is made and partly sent already.
    public func write(_ bytes: Span<UInt8>) -> TLSTransfer {
        guard !bytes.isEmpty else { return .bytes(0) }
        forgetErrors()
        var count = 0
        let result = unsafe bytes.withUnsafeBufferPointer { source in
            unsafe SSL_write_ex(session, source.baseAddress, source.count, &count)
        }
        return result > 0 ? .bytes(count) : outcome(result)
    }

    /// Whether bytes wait inside that no readiness of the descriptor will announce: ``read(into:)`` again.
    ///
    /// False when what waits is known to be less than a record.
    public var hasPending: Bool {
        unsafe wire.pointee.flags & UInt32(WIRE_STARVED) == 0 && SSL_has_pending(session) == 1
    }

    /// Whether the next ``read(into:)`` would only say `.wantsRead`: nothing waits inside, and the last recv found less
    /// than it had room for. Under edge triggering it may be left out; but not after RDHUP or HUP was seen, or the end
    /// of the stream is lost.
    public var isDrained: Bool {
        unsafe wire.pointee.flags & UInt32(WIRE_DRAINED) != 0 && !hasPending
    }

    /// Sends close_notify, once, if the handshake is done and nothing failed; does not wait for the peer's.
    public func shutdown() {
        let past = UInt32(WIRE_FAILED | WIRE_CLOSED)
        guard unsafe wire.pointee.flags & past == 0, unsafe SSL_is_init_finished(session) == 1 else { return }
        unsafe wire.pointee.flags |= UInt32(WIRE_CLOSED)
        forgetErrors()
        // A full socket loses the notice, and the peer sees a connection cut short: as if we had died.
        _ = unsafe SSL_shutdown(session)
        forgetErrors()
    }

    private var wire: UnsafeMutablePointer<wire> { unsafe wire_of(session) }

    /// What OpenSSL means by a result of 0 or less. Reads and empties the error queue.
    private func outcome(_ result: CInt) -> TLSTransfer {
        switch unsafe SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .closed
        // SSL_ERROR_SSL and SSL_ERROR_SYSCALL are for ever; the other codes belong to callbacks we do not install.
        case let kind:
            unsafe wire.pointee.flags |= UInt32(WIRE_FAILED)
            let fault = fault(kind)
            ERR_clear_error()
            return .failed(fault)
        }
    }

    private func fault(_ kind: CInt) -> TLSFault {
        let state = unsafe wire.pointee
        // A send that fails while an alert goes out is not why the session ended; the queue knows better.
        if ERR_peek_error() != 0 { return TLSFault.oldest(startsLikeHTTP: startsLikeHTTP) }
        if unsafe state.fault != 0 { return unsafe TLSFault(code: .system, detail: state.fault) }
        if unsafe state.flags & UInt32(WIRE_END) != 0 { return TLSFault(code: .truncated) }
        return TLSFault(code: .library, detail: kind)
    }

    /// Whether the client's first bytes are a method: OpenSSL knows four of them, and there are more.
    private var startsLikeHTTP: Bool {
        let wire = unsafe wire.pointee
        let (first, last) = unsafe ([wire.first.0, wire.first.1, wire.first.2], wire.first.3)
        let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
        guard unsafe wire.first_count == 4, first.allSatisfy({ letters.contains($0) }) else { return false }
        return letters.contains(last) || last == UInt8(ascii: " ")
    }
}

/// On the wrong thread it would be used beside its owner.
@available(*, unavailable) extension TLSSession: Sendable {}
