import CLinux
import Glibc

/// One end of a pair of sockets that carries packets, and descriptors beside them (SOCK_SEQPACKET, SCM_RIGHTS). Nothing
/// here waits except ``wait(milliseconds:)``.
public final class PacketSocket: Sendable {
    /// Bytes of one packet; the kernel's default send buffer holds it with room to spare.
    public static let payloadLimit = 128 << 10
    /// Descriptors of one packet (the kernel's own limit is 253).
    public static let descriptorsLimit = 250

    private let socket: Descriptor

    public init(owning descriptor: consuming Descriptor) { socket = descriptor }

    /// Two ends joined to each other, closed on exec.
    public static func pair() throws(SystemError) -> (PacketSocket, PacketSocket) {
        var sockets: [Int32] = [-1, -1]
        try checked(unsafe kl_packet_pair(&sockets), "socketpair")
        return (
            PacketSocket(owning: Descriptor(owning: sockets[0])), PacketSocket(owning: Descriptor(owning: sockets[1]))
        )
    }

    /// Good as long as this reference.
    public var raw: CInt { socket.raw }

    public enum Sent: Equatable, Sendable {
        case sent
        /// The other side does not keep up; try again when writable.
        case wouldBlock
        /// `errno`; EMSGSIZE for what is beyond the limits.
        case failed(CInt)
    }

    /// Sends one packet, whole or not at all. An empty packet cannot be told from the end and is refused.
    public func send(_ bytes: [UInt8], descriptors: [CInt] = []) -> Sent {
        guard (1...Self.payloadLimit).contains(bytes.count), descriptors.count <= Self.descriptorsLimit else {
            return .failed(EMSGSIZE)
        }
        let result = unsafe kl_packet_send(raw, bytes, bytes.count, descriptors, descriptors.count)
        if result >= 0 { return .sent }
        let code = CInt(truncatingIfNeeded: -result)
        precondition(code != EBADF && code != EFAULT, "a packet was given a descriptor that is not ours")
        // ETOOMANYREFS: too many descriptors are on their way already.
        return code == EAGAIN || code == ENOBUFS || code == ETOOMANYREFS ? .wouldBlock : .failed(code)
    }

    public struct Packet: Equatable, Sendable {
        public var bytes: [UInt8]
        /// The receiver's from now on, to be closed by it.
        public var descriptors: [CInt]
        /// Bytes or descriptors did not fit and are gone.
        public var isCut: Bool

        public init(bytes: [UInt8], descriptors: [CInt] = [], isCut: Bool = false) {
            self.bytes = bytes
            self.descriptors = descriptors
            self.isCut = isCut
        }
    }

    public enum Received: Equatable, Sendable {
        case packet(Packet)
        case endOfStream
        case wouldBlock
        /// `errno`
        case failed(CInt)
    }

    /// The next packet. Descriptors beyond `descriptorsLimit` are closed and the packet is cut.
    public func receive(descriptorsLimit: Int = 0) -> Received {
        var descriptors = [Int32](repeating: -1, count: min(max(0, descriptorsLimit), Self.descriptorsLimit))
        var descriptorCount = descriptors.count
        var cut: Int32 = 0
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Self.payloadLimit) { room, filled in
            result = unsafe kl_packet_receive(
                raw, room.baseAddress, room.count, &descriptors, &descriptorCount, &cut)
            filled = max(0, result)
        }
        if result < 0 {
            let code = CInt(truncatingIfNeeded: -result)
            precondition(code != EBADF && code != EFAULT, "a packet was asked of a descriptor that is not ours")
            return code == EAGAIN ? .wouldBlock : .failed(code)
        }
        let came = Array(descriptors.prefix(descriptorCount))
        if result == 0 {
            for descriptor in came { _ = kl_close(descriptor) }
            return .endOfStream
        }
        return .packet(Packet(bytes: bytes, descriptors: came, isCut: cut != 0))
    }

    /// Waits until there is something to receive. A negative time waits forever. False when time is up.
    public func wait(milliseconds: CInt) -> Bool { kl_wait_readable(raw, milliseconds) != 0 }
}
