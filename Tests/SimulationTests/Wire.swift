import Glibc
import Kernel

/// One end of a pair of sockets; the worker has the other. Nothing here waits.
///
/// The pairs are Unix sockets: what one end sends is at the other before the call returns, and room comes back in the
/// call that takes bytes away, so a run depends on nothing but its seed. Loopback TCP delivers when the kernel's
/// interrupts and timers see fit. What that costs: a close is seen in both directions at once, and an end that closes
/// with unread bytes is the only reset there is.
final class Wire {
    let socket: CInt
    /// Taken and not yet made sense of.
    var received: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var isClosed = false
    /// Bytes this end took and gave.
    private(set) var takenCount = 0
    private(set) var givenCount = 0

    init(socket: CInt) { self.socket = socket }

    deinit { close() }

    /// Both ends, each with room for about this many bytes.
    static func pair(room: CInt) -> (near: Wire, far: CInt) {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        precondition(unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0, "no pair of sockets: errno \(errno)")
        var room = room
        for end in ends {
            _ = unsafe setsockopt(end, SOL_SOCKET, SO_SNDBUF, &room, socklen_t(MemoryLayout<CInt>.size))
        }
        return (Wire(socket: ends[0]), ends[1])
    }

    /// Takes up to `limit` bytes, and answers whether anything happened.
    func receive(upTo limit: Int) -> Bool {
        guard !hasEnded, !isClosed else { return false }
        switch Socket.receive(socket, appendingTo: &received, upTo: limit) {
        case .bytes(let count):
            takenCount += count
            return true
        case .wouldBlock: return false
        case .endOfStream, .failed:
            hasEnded = true
            return true
        }
    }

    enum Sent: Equatable { case bytes(Int), full, refused }

    /// Sends what the kernel takes.
    func send(_ bytes: ArraySlice<UInt8>) -> Sent {
        guard !isClosed else { return .refused }
        switch Socket.send(socket, bytes.span) {
        case .bytes(let count):
            givenCount += count
            return .bytes(count)
        case .wouldBlock: return .full
        case .endOfStream, .failed: return .refused
        }
    }

    func finish() { if !isClosed { Socket.shutdownWrite(socket) } }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        Socket.close(socket)
    }

    /// Whether the worker has closed its end: one that it forgot would be a leaked descriptor.
    var isForsaken: Bool {
        guard !isClosed else { return true }
        var one = pollfd(fd: socket, events: 0, revents: 0)
        _ = unsafe poll(&one, 1, 0)
        return one.revents & Int16(POLLHUP) != 0
    }
}

/// Contents of bodies: where a byte belongs can be told from the byte and its neighbours.
enum Pattern {
    enum Way: Int { case request, response }

    /// Of a prime length, so that it falls together with no buffer.
    private static let length = 65_521
    private static let block: [UInt8] = {
        var state: UInt64 = 7
        let once = (0..<length).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        return once + once
    }()

    private static func start(_ number: Int, _ way: Way, _ offset: Int) -> Int {
        ((number &* 2 &+ way.rawValue) &* 7_919 &+ offset) % length
    }

    static func bytes(_ number: Int, _ way: Way, _ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let start = start(number, way, bytes.count)
            bytes += block[start..<start + min(length, count - bytes.count)]
        }
        return bytes
    }

    /// Whether `bytes` stand at `offset` of that exchange's body.
    static func holds(_ bytes: ArraySlice<UInt8>, _ number: Int, _ way: Way, at offset: Int) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = min(length, bytes.count - done)
            let start = start(number, way, offset + done)
            let from = bytes.startIndex + done
            let isSame = unsafe bytes.withUnsafeBufferPointer { found in
                unsafe block.withUnsafeBufferPointer { wanted in
                    unsafe memcmp(
                        found.baseAddress! + (from - bytes.startIndex), wanted.baseAddress! + start, count) == 0
                }
            }
            if !isSame { return false }
            done += count
        }
        return true
    }
}
