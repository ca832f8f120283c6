import Bytes
import COpenSSL
import Glibc
import Testing

@testable import TLS

@Suite("Transfer", .timeLimit(.minutes(1)))
struct TransferTests {
    static let site = TestAuthority().input("site", for: ["site.test"])

    private static func pattern(_ count: Int) -> [UInt8] {
        var (bytes, state) = ([UInt8](), UInt32(7))
        bytes.reserveCapacity(count)
        for _ in 0..<count {
            state = state &* 1_664_525 &+ 1_013_904_223
            bytes.append(UInt8(truncatingIfNeeded: state >> 24))
        }
        return bytes
    }

    @Test(
        "carries megabytes both ways at once through small socket buffers", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func large(_ version: CInt) throws {
        let meeting = try Meeting(contexts([Self.site]), .init(versions: version...version), bufferBytes: 5_000)
        #expect(meeting.shakeHands())
        let (down, up) = (Self.pattern(3_000_000), Self.pattern(2_000_000))
        var (sent, offered, received, answered) = (0, 0, [UInt8](), [UInt8]())
        var waits = 0
        while received.count < down.count || answered.count < up.count {
            if sent < down.count {
                // A fresh copy each time: OpenSSL may be offered the bytes at another address, and more of them.
                let piece = Array(down[sent..<min(down.count, sent + 40_000 + waits % 7)])
                switch meeting.server.write(piece.span) {
                case .bytes(let count): sent += count
                case .wantsWrite, .wantsRead: waits += 1
                case let other:
                    Issue.record("\(other)")
                    return
                }
            }
            if offered < up.count, case .done(let count) = meeting.client.write(up[offered...]) { offered += count }
            while case .done = meeting.client.read(into: &received) {}
            let (bytes, last) = meeting.serverReads()
            answered += bytes
            #expect(last == .wantsRead)
        }
        #expect(received == down)
        #expect(answered == up)
        #expect(waits > 50)
    }

    @Test("says what waits inside, and when a read can be left out")
    func pending() throws {
        let meeting = try Meeting(contexts([Self.site]))
        #expect(meeting.shakeHands())
        let buffer = meeting.pool.take(.small)
        defer { meeting.pool.give(buffer) }
        #expect(meeting.server.read(into: buffer) == .wantsRead)
        #expect(!meeting.server.hasPending)
        #expect(meeting.server.isDrained)

        // Two records in one segment: the first read takes both from the socket and gives the first.
        #expect(meeting.client.write([1, 2, 3]) == .done(3))
        #expect(meeting.client.write([4, 5]) == .done(2))
        #expect(meeting.server.read(into: buffer) == .bytes(3))
        #expect(meeting.server.hasPending)
        #expect(!meeting.server.isDrained)
        #expect(meeting.server.read(into: buffer) == .bytes(2))
        #expect(!meeting.server.hasPending)
        #expect(meeting.server.isDrained)
        #expect(buffer.readable.count == 5)

        // A record larger than the buffer's room stays inside until it is fetched.
        buffer.clear()
        #expect(meeting.client.write(Self.pattern(5_000)[...]) == .done(5_000))
        #expect(meeting.server.read(into: buffer) == .bytes(2_048))
        #expect(meeting.server.hasPending)
        buffer.clear()
        #expect(meeting.server.read(into: buffer) == .bytes(2_048))
        buffer.clear()
        #expect(meeting.server.read(into: buffer) == .bytes(904))
        #expect(!meeting.server.hasPending)
    }

    @Test("part of a record inside is not called pending, so a loop on it ends")
    func partialRecord() throws {
        let (outer, inner) = (SocketPair(), SocketPair())
        let session = try #require(TLSSession.accept(contexts([Self.site]), descriptor: inner.near))
        defer { session.free() }
        let client = TestClient(outer.far)
        var block = [UInt8](repeating: 0, count: 65_536)
        func relay(from: CInt, to: CInt, limit: Int = 65_536) {
            let count = unsafe recv(from, &block, limit, 0)
            if count > 0 { #expect(unsafe send(to, block, count, 0) == count) }
        }
        for _ in 0..<3 {
            _ = client.handshake()
            relay(from: outer.near, to: inner.far)
            _ = session.handshake()
            relay(from: inner.far, to: outer.near)
        }
        #expect(client.write([1, 2, 3]) == .done(3))
        var pool = BufferPool()
        let buffer = pool.take(.normal)
        defer { pool.give(buffer) }
        relay(from: outer.near, to: inner.far, limit: 10)
        #expect(session.read(into: buffer) == .wantsRead)
        #expect(!session.hasPending)
        #expect(session.isDrained)
        relay(from: outer.near, to: inner.far)
        #expect(session.read(into: buffer) == .bytes(3))
    }

    @Test("close_notify is told apart from an end without it, on either side")
    func closing() throws {
        let polite = try Meeting(contexts([Self.site]))
        #expect(polite.shakeHands())
        polite.client.shutdown()
        #expect(polite.serverReads().last == .closed)
        polite.server.shutdown()
        polite.server.shutdown()
        var bytes: [UInt8] = []
        #expect(polite.client.read(into: &bytes) == .closed)

        let rude = try Meeting(contexts([Self.site]))
        #expect(rude.shakeHands())
        rude.sockets.closeFar()
        guard case .failed(let fault) = rude.serverReads().last else {
            Issue.record("no failure")
            return
        }
        #expect(fault.code == .truncated || fault.code == .system)
        rude.server.shutdown()
    }

    @Test("writing to a peer that is gone is a fault and raises no signal")
    func brokenPipe() throws {
        let meeting = try Meeting(contexts([Self.site]))
        #expect(meeting.shakeHands())
        meeting.sockets.closeFar()
        let before = signal(SIGPIPE, SIG_DFL)
        defer { _ = signal(SIGPIPE, before) }
        #expect(meeting.server.write([1, 2, 3].span) == .failed(TLSFault(code: .system, detail: EPIPE)))
    }

    @Test("writing nothing writes nothing")
    func empty() throws {
        let meeting = try Meeting(contexts([Self.site]))
        #expect(meeting.shakeHands())
        #expect(meeting.server.write(Span<UInt8>()) == .bytes(0))
    }
}
