public import Bytes
import CLinux
import Glibc

/// One datagram in a slot of a ``Mailbox``, or several of one size that came, or go, together.
public struct Parcel: BitwiseCopyable {
    var raw: kl_parcel

    init(_ raw: kl_parcel) { self.raw = raw }

    /// Bytes, of all datagrams together.
    public var count: Int { Int(raw.count) }
    /// Bytes of each datagram but the last, which may have fewer; 0 only for one without bytes.
    public var segment: Int { Int(raw.segment) }
    /// One at least: there are datagrams without bytes.
    public var datagramCount: Int {
        raw.segment == 0 || raw.count <= raw.segment ? 1 : Int((raw.count &+ raw.segment &- 1) / raw.segment)
    }
    /// More came than a slot holds.
    public var isCut: Bool { raw.cut != 0 }

    /// Who sent it or is to get it; `nil`: the peer that the socket is connected to.
    public var peer: SocketAddress? {
        get { raw.peer.family == 0 ? nil : SocketAddress(raw.peer) }
        set { raw.peer = newValue?.raw ?? kl_address() }
    }

    /// The address, with port 0, that it came to or is to leave from; `nil`: not told, or for the kernel to choose.
    public var local: SocketAddress? {
        get { raw.local.family == 0 ? nil : SocketAddress(raw.local) }
        set { raw.local = newValue?.raw ?? kl_address() }
    }

    /// The same for the peer that the socket is connected to.
    @inline(__always)
    public func forConnectedPeer() -> Parcel {
        var part = self
        part.raw.peer.family = 0
        part.raw.local.family = 0
        return part
    }

    /// The first so many of its datagrams.
    public func first(_ datagrams: Int) -> Parcel {
        guard datagrams < datagramCount else { return self }
        var part = self
        part.raw.count = UInt32(datagrams) &* raw.segment
        return part
    }

    /// One of its datagrams, without so many bytes at its front.
    public func datagram(_ number: Int, without front: Int = 0) -> Parcel {
        precondition(number >= 0 && number < datagramCount && front >= 0)
        let start = UInt32(number) &* raw.segment
        let size = min(raw.segment, raw.count &- start)
        precondition(front <= Int(size))
        var part = self
        part.raw.start = raw.start &+ start &+ UInt32(front)
        part.raw.count = size &- UInt32(front)
        part.raw.segment = part.raw.count
        return part
    }
}

/// What became of parcels that were sent.
public struct Dispatch: Equatable, BitwiseCopyable {
    /// Datagrams that the kernel took, and their bytes without the header in front of each.
    public var sent = 0
    public var bytes = 0
    /// Datagrams that it did not take.
    public var lost = 0
    /// Calls that were made, and messages that held several datagrams.
    public var calls = 0
    public var joined = 0
    /// `errno`, 0 for none.
    public var error: CInt = 0

    /// Nobody listens where the socket is connected to, as was found out by what was sent before.
    public var wasRefused: Bool { error == ECONNREFUSED }
}

/// Room for a batch of datagrams, 64 slots of 64 KiB: more than the largest has. Memory is taken where it is touched.
///
/// Datagrams come into the slots with ``receive(from:first:limit:peers:)`` and leave them with ``load(_:)`` and
/// ``send(on:header:segmenting:)``; nothing is copied in between.
@safe
public struct Mailbox: ~Copyable {
    public static let slotCount = Int(KL_MAILBOX_SLOTS)
    /// Parcels that can be loaded at one time: as many datagrams as there can be in all slots.
    public static let loadLimit = slotCount * 64

    private let box: OpaquePointer
    private let came: Reserve<kl_parcel>
    private let loaded: Reserve<kl_parcel>
    public private(set) var loadedCount = 0

    public init() {
        guard let box = unsafe kl_mailbox_create() else { preconditionFailure("no memory for a mailbox") }
        unsafe self.box = box
        came = Reserve(capacity: Self.slotCount)
        loaded = Reserve(capacity: Self.loadLimit)
    }

    deinit { unsafe kl_mailbox_free(box) }

    public enum Received: Equatable {
        /// So many slots were filled; fewer than the limit means that the socket is drained.
        case parcels(Int)
        case wouldBlock
        /// `errno`.
        case failed(CInt)
    }

    /// Receives into the slots from `first` on, `limit` at most.
    ///
    /// - Parameter peers: whether to tell who sent them; a connected socket has one peer.
    public func receive(from socket: CInt, first: Int, limit: Int, peers: Bool) -> Received {
        precondition(first >= 0 && limit > 0 && first + limit <= Self.slotCount)
        let result = unsafe kl_mailbox_receive(
            box, socket, CInt(first), CInt(limit), peers ? 1 : 0, came.mutableAddress(first))
        return result >= 0 ? .parcels(Int(result)) : Self.failure(result)
    }

    /// Receives one datagram into a slot, from a connected socket that ``Socket/joinDatagrams(_:)`` was not called for.
    public func receiveOne(from socket: CInt, into slot: Int) -> Received {
        precondition((0..<Self.slotCount).contains(slot))
        let result = unsafe kl_mailbox_receive_one(box, socket, CInt(slot), came.mutableAddress(slot))
        return result == 0 ? .parcels(1) : Self.failure(result)
    }

    private static func failure(_ result: CInt) -> Received {
        if result == -EAGAIN { return .wouldBlock }
        precondition(
            result != -EBADF && result != -EFAULT, "a socket call was given a descriptor or address that is not ours")
        return .failed(-result)
    }

    /// What the last receive into this slot brought.
    public subscript(slot: Int) -> Parcel { Parcel(came[slot]) }

    /// The bytes of a parcel's datagrams, until its slot is received into again.
    @_lifetime(borrow self)
    public func bytes(_ parcel: Parcel) -> Span<UInt8> {
        let start = Int(parcel.raw.slot) * Int(KL_MAILBOX_SLOT_BYTES) + Int(parcel.raw.start)
        precondition(start + parcel.count <= Self.slotCount * Int(KL_MAILBOX_SLOT_BYTES))
        let span = unsafe Span(_unsafeStart: kl_mailbox_bytes(box) + start, count: parcel.count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Copies bytes into a slot and loads them, as one datagram to a peer or to whom the socket is connected to.
    public mutating func load(_ bytes: Span<UInt8>, in slot: Int, to peer: SocketAddress? = nil) {
        precondition((0..<Self.slotCount).contains(slot) && bytes.count <= Int(KL_MAILBOX_SLOT_BYTES))
        let room = unsafe kl_mailbox_bytes(box) + slot * Int(KL_MAILBOX_SLOT_BYTES)
        unsafe bytes.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress { unsafe room.update(from: start, count: bytes.count) }
        }
        var parcel = Parcel(kl_parcel())
        parcel.raw.slot = UInt32(slot)
        parcel.raw.count = UInt32(bytes.count)
        parcel.raw.segment = parcel.raw.count
        parcel.peer = peer
        load(parcel)
    }

    public var isFullyLoaded: Bool { loadedCount == Self.loadLimit }

    /// Puts a parcel behind those that are to be sent.
    public mutating func load(_ parcel: Parcel) {
        precondition(loadedCount < Self.loadLimit)
        loaded[loadedCount] = parcel.raw
        loadedCount += 1
    }

    /// Sends what is loaded, in order. It stays loaded.
    ///
    /// - Parameters:
    ///   - header: what stands in front of each datagram.
    ///   - segmenting: whether several datagrams to one peer may go as one message; becomes `false` when that turns out
    ///     to be impossible.
    public func send(on socket: CInt, header: Buffer?, segmenting: inout Bool) -> Dispatch {
        var flag: Int32 = segmenting ? 1 : 0
        var told = kl_dispatch()
        if let header {
            _ = unsafe header.withReadable { header in
                unsafe kl_mailbox_send(
                    box, socket, loaded.address(0), CInt(loadedCount), header.baseAddress, header.count, &flag, &told)
            }
        } else {
            unsafe kl_mailbox_send(box, socket, loaded.address(0), CInt(loadedCount), nil, 0, &flag, &told)
        }
        segmenting = flag != 0
        precondition(
            told.error != EBADF && told.error != EFAULT,
            "a socket call was given a descriptor or address that is not ours")
        return Dispatch(
            sent: Int(told.sent), bytes: Int(told.bytes), lost: Int(told.lost), calls: Int(told.calls),
            joined: Int(told.joined), error: told.error)
    }

    /// Forgets what is loaded.
    public mutating func unload() { loadedCount = 0 }
}

extension Socket {
    /// A datagram socket bound to the address, shareable with others on it (SO_REUSEPORT).
    public static func bindDatagrams(to address: SocketAddress) throws(SystemError) -> Descriptor {
        Descriptor(
            owning: try checked(
                unsafe kl_bind_datagram(CInt(address.family.rawValue), address.host, address.port), "bind"))
    }

    /// A datagram socket that is connected to the address.
    public static func connectDatagrams(to address: SocketAddress) -> Connecting {
        var raw = address.raw
        let result = unsafe kl_datagram_connect(&raw)
        return result >= 0 ? .connected(result) : .failed(-result)
    }

    /// Several datagrams of one peer may come as one from now on.
    public static func joinDatagrams(_ socket: CInt) { kl_datagram_join(socket) }

    /// Makes a bound datagram socket ready for ``Mailbox/receive(from:first:limit:peers:)``.
    ///
    /// - Parameter tellsDestination: whether it is told where each datagram came to, which is known where the socket
    /// has   one address.
    public static func prepareDatagrams(_ socket: CInt, tellsDestination: Bool) {
        kl_datagram_prepare(socket, tellsDestination ? 1 : 0)
    }

    /// Whether `errno` says that nobody listens at the other end of a connected datagram socket.
    public static func isRefusal(_ code: CInt) -> Bool { code == ECONNREFUSED }
}

extension SocketAddress {
    /// Whether it stands for every address of its family.
    public var isUnspecified: Bool { high == 0 && low == 0 }
}
