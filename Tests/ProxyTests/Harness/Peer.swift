import Kernel

/// What keeps a peer from going on.
enum PeerFault: Error, Equatable {
    /// Nothing came, or nothing was taken, in time.
    case late(String)
    /// The other side closed in the middle of this.
    case ended(String)
    case failed(CInt)
    case malformed(String)
}

/// One end of a TCP connection whose every byte the test decides. Every wait has a deadline; nothing sleeps.
final class Peer {
    /// Milliseconds that any one wait may take.
    static let patience: CInt = 15_000

    let socket: CInt
    private let poller: Poller
    /// Received; what lies before `taken` was taken already.
    private var received: [UInt8] = []
    private var taken = 0
    private(set) var hasEnded = false
    private(set) var wasReset = false
    private var isClosed = false

    init(socket: CInt) throws {
        self.socket = socket
        Socket.setNoDelay(socket)
        poller = try Poller()
        try poller.addEdgeTriggered(socket, token: 0)
    }

    convenience init(to address: SocketAddress) throws {
        switch Socket.connect(to: address) {
        case .connected(let socket): try self.init(socket: socket)
        case .inProgress(let socket):
            try self.init(socket: socket)
            guard try poller.wait(milliseconds: Self.patience) > 0 else { throw PeerFault.late("a connection") }
            let code = Socket.takeError(socket)
            if code != 0 { throw PeerFault.failed(code) }
        case .failed(let code): throw PeerFault.failed(code)
        }
    }

    deinit { close() }

    // MARK: - Sending

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    /// Sends everything. What comes in meanwhile is kept for later when `reading`.
    func send(_ bytes: [UInt8], reading: Bool = false) throws {
        var done = 0
        let deadline = Deadline(Self.patience)
        while done < bytes.count {
            switch Socket.send(socket, bytes.span.extracting(done..<bytes.count)) {
            case .bytes(let count): done += count
            case .wouldBlock:
                if reading, try receive() { continue }
                guard try poller.wait(milliseconds: deadline.left) > 0 else {
                    throw PeerFault.late("room for byte \(done) of \(bytes.count)")
                }
            case .endOfStream: throw PeerFault.ended("sending")
            case .failed(let code): throw PeerFault.failed(code)
            }
        }
    }

    /// Sends what the kernel takes at once, and answers how many bytes that was.
    func offer(_ bytes: [UInt8]) -> Int {
        if case .bytes(let count) = Socket.send(socket, bytes.span) { return count }
        return 0
    }

    /// Nothing more comes from this side.
    func finish() { Socket.shutdownWrite(socket) }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        Socket.close(socket)
    }

    /// Ends with a reset.
    func reset() {
        Socket.setReset(socket)
        close()
    }

    // MARK: - Receiving

    private var waitingCount: Int { received.count - taken }
    private var glimpse: String { received[taken...].prefix(300).text }

    /// Takes what is there. `false`: nothing is there now, or the end was seen.
    private func receive() throws -> Bool {
        guard !hasEnded else { return false }
        switch Socket.receive(socket, appendingTo: &received, upTo: 262_144) {
        case .bytes: return true
        case .wouldBlock: return false
        case .endOfStream: hasEnded = true
        case .failed:
            hasEnded = true
            wasReset = true
        }
        return false
    }

    /// Waits for more. `false`: the other side has ended.
    private func more(_ wanted: String, _ deadline: Deadline) throws -> Bool {
        while true {
            if try receive() { return true }
            if hasEnded { return false }
            guard try poller.wait(milliseconds: deadline.left) > 0 else { throw PeerFault.late(wanted) }
        }
    }

    /// Exactly this many bytes.
    func read(_ count: Int, _ wanted: String = "bytes") throws -> [UInt8] {
        let deadline = Deadline(Self.patience)
        while waitingCount < count {
            guard try more("\(wanted): \(waitingCount) of \(count)", deadline) else {
                throw PeerFault.ended("\(wanted): \(waitingCount) of \(count)")
            }
        }
        return take(count)
    }

    /// Up to and with the first occurrence of `mark`; `nil` when the other side ended before a byte of it.
    func read(through mark: String) throws -> [UInt8]? {
        let mark = Array(mark.utf8)
        let deadline = Deadline(Self.patience)
        var searched = 0
        while true {
            if let place = received.firstPlace(of: mark, from: taken + searched) {
                return take(place + mark.count - taken)
            }
            searched = max(0, waitingCount - mark.count)
            guard try more("a mark; so far \(glimpse)", deadline) else {
                if waitingCount == 0 { return nil }
                throw PeerFault.ended("before a mark: \(glimpse)")
            }
        }
    }

    /// At least one byte and whatever came with it; empty at the end.
    func readSome() throws -> [UInt8] {
        if waitingCount == 0 { _ = try more("anything", Deadline(Self.patience)) }
        return take(waitingCount)
    }

    /// Everything until the other side ends.
    func readToEnd() throws -> [UInt8] {
        let deadline = Deadline(Self.patience)
        while try more("the end", deadline) {}
        return take(waitingCount)
    }

    /// Whether nothing comes for this many milliseconds.
    func isQuiet(milliseconds: CInt) throws -> Bool {
        let deadline = Deadline(milliseconds)
        while true {
            if try waitingCount > 0 || hasEnded || receive() { return false }
            if try poller.wait(milliseconds: deadline.left) == 0, deadline.left == 0 { return true }
        }
    }

    private func take(_ count: Int) -> [UInt8] {
        let end = taken + count
        defer {
            taken = end
            // Moved down now and then, so that many small takings are not many long moves.
            if taken == received.count || taken > 1 << 20 {
                received.removeFirst(taken)
                taken = 0
            }
        }
        return Array(received[taken..<end])
    }
}

/// A moment in the future.
struct Deadline {
    private let end: UInt64
    init(_ milliseconds: CInt) { end = Clock.monotonic() &+ UInt64(max(0, milliseconds)) * 1_000_000 }

    /// Milliseconds until then, 0 when it has passed.
    var left: CInt {
        let now = Clock.monotonic()
        return now >= end ? 0 : CInt((end - now) / 1_000_000 + 1)
    }
}

extension Sequence<UInt8> {
    var text: String { String(decoding: Array(self), as: UTF8.self) }
}

extension [UInt8] {
    func firstPlace(of mark: [UInt8], from start: Int = 0) -> Int? {
        guard count >= start + mark.count else { return nil }
        return (start...count - mark.count).first { place in
            self[place] == mark[0] && mark.indices.allSatisfy { self[place + $0] == mark[$0] }
        }
    }
}
