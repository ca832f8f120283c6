import Contract
import Kernel
import Synchronization
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("Streams", .timeLimit(.minutes(5)))
struct StreamingTests {
    /// Nanoseconds that a busy machine may take for one step. What is held back in a buffer never comes at all.
    private static let soon: UInt64 = 1_000_000_000

    @Test(
        "an event reaches the client before the next one is made, however small",
        arguments: ["chunked", "close", "length"])
    func events(_ framing: String) throws {
        let (sent, seen) = (Ticket(), Ticket())
        let count = 20
        let event = { @Sendable (number: Int) in "id: \(number % 10)\ndata: x\n\n" }
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            let fields =
                switch framing {
                case "chunked": "Transfer-Encoding: chunked\r\n"
                case "length": "Content-Length: \(count * event(0).utf8.count)\r\n"
                case _: ""
                }
            try peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\(fields)\r\n")
            for number in 0..<count {
                let text = event(number)
                sent.stamp()
                try peer.send(framing == "chunked" ? "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" : text)
                // The next event is not made before the client has this one: whatever waits for more waits for ever.
                try waitUntil("event \(number) is seen") { seen.count > number }
            }
            if framing == "chunked" { try peer.send("0\r\n\r\n") }
            peer.finish()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\nAccept: text/event-stream\r\n\r\n")
            _ = try client.read(through: "\r\n\r\n")
            var delays: [UInt64] = []
            for number in 0..<count {
                _ = try client.read(through: event(number))
                delays.append(Clock.monotonic() &- sent.time)
                seen.stamp()
            }
            #expect(delays.max() ?? 0 < Self.soon)
            #expect(delays.sorted()[count / 2] < Self.soon / 10, "half of the events take less than 100 ms")
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("the answer to a long poll comes when it is given")
    func longPoll() throws {
        let sent = Ticket()
        let upstream = try ScriptedUpstream { peer, _ in
            while try peer.request() != nil {
                _ = try peer.isQuiet(milliseconds: 150)
                sent.stamp()
                try peer.send(ok("news"))
            }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for _ in 0..<3 {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                #expect(try client.isQuiet(milliseconds: 50))
                #expect(proxy.books.used <= 1, "nothing but the request itself is kept while it waits")
                #expect(try client.response().text == "news")
                #expect(Clock.monotonic() &- sent.time < Self.soon)
            }
        }
    }

    @Test(
        "pieces of an upload reach the upstream as they come, and its answer comes while they do",
        arguments: [true, false])
    func upload(_ isChunked: Bool) throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 0..<10 {
                _ = try peer.read(through: "tick")
                try peer.send("4\r\ntock\r\n")
            }
            if isChunked { _ = try peer.read(through: "0\r\n\r\n") }
            try peer.send("0\r\n\r\n")
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 40"
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\n\(framing)\r\n\r\n")
            _ = try client.read(through: "\r\n\r\n")
            for _ in 0..<10 {
                try client.send(isChunked ? "4\r\ntick\r\n" : "tick")
                #expect(try client.read(through: "tock") != nil)
            }
            if isChunked { try client.send("0\r\n\r\n") }
            #expect(try client.read(through: "0\r\n\r\n") != nil)
        }
        #expect(upstream.faults.isEmpty)
    }

    /// Buffers that one stalled direction may hold: what was received, and what was made of it.
    private static let buffersOfADirection = 2

    @Test(
        "a client that does not read holds up its own upstream and no memory",
        arguments: ["chunked", "close", "length"])
    func unreadResponse(_ framing: String) throws {
        let sent = Ticket()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            let fields =
                switch framing {
                case "chunked": "Transfer-Encoding: chunked\r\n"
                case "length": "Content-Length: 1000000000000\r\n"
                case _: ""
                }
            try peer.send("HTTP/1.1 200 OK\r\n\(fields)\r\n")
            let block =
                framing == "chunked" ? inChunks(pattern(100_000), of: 10_000).dropLast(5) : pattern(100_000)[...]
            while true {
                try peer.send(Array(block))
                sent.stamp()
            }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            try stalls(sent)
            #expect(proxy.books.used <= Self.buffersOfADirection)
            // It goes on when the client does.
            let before = sent.count
            _ = try client.read(20_000_000)
            try waitUntil("the upstream sends again") { sent.count > before }
        }
    }

    @Test("an upstream that does not read holds up its own client and no memory", arguments: [true, false])
    func unreadRequest(_ isChunked: Bool) throws {
        let wake = try Signal()
        let upstream = try ScriptedUpstream { peer, _ in
            _ = wake.wait(Peer.patience)
            while try !peer.readSome().isEmpty {}
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 1000000000000"
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\n\(framing)\r\n\r\n")
            let block = isChunked ? Array(inChunks(pattern(1 << 20), of: 10_000).dropLast(5)) : pattern(1 << 20)
            var (taken, stalled) = (0, 0)
            while stalled < 20 {
                let count = client.offer(Array(block[(taken % block.count)...]))
                taken += count
                stalled = count == 0 ? stalled + 1 : 0
                if count == 0 { _ = try client.isQuiet(milliseconds: 10) }
            }
            #expect(proxy.books.used <= Self.buffersOfADirection)
            wake.give()
            try waitUntil("the client can send again") { client.offer(Array(block[(taken % block.count)...])) > 0 }
        }
    }

    /// Waits until the sender has sent something and can send no more.
    private func stalls(_ sent: Ticket) throws {
        var (last, same) = (-1, 0)
        try waitUntil("the sender is held up") {
            same = sent.count == last && last > 0 ? same + 1 : 0
            last = sent.count
            for _ in 0..<10 { pause() }
            return same >= 20
        }
    }

    @Test("200 MB pass each way in the memory of a few buffers", arguments: [true, false])
    func large(_ isUpload: Bool) throws {
        let (size, block) = (200_000_000, pattern(250_000))
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            if isUpload {
                var left = size
                while left > 0 { left -= try peer.drop() }
                return try peer.send(ok("\(size - left)"))
            }
            try peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            for _ in 0..<size / block.count { try peer.send(block) }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            var used = 0
            if isUpload {
                try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: \(size)\r\n\r\n")
                for _ in 0..<size / block.count {
                    try client.send(block)
                    used = max(used, proxy.books.used)
                }
                #expect(try client.response().text == "\(size)")
                #expect(proxy.tally.requestBytes.current == UInt64(size))
            } else {
                try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
                _ = try client.read(through: "\r\n\r\n")
                var (left, turns) = (size, 0)
                while left > 0 {
                    left -= try client.drop()
                    turns += 1
                    if turns % 100 == 0 { used = max(used, proxy.books.used) }
                }
                try waitUntil("every byte is counted") { proxy.tally.responseBytes.current == UInt64(size) }
            }
            #expect(used <= 2 * Self.buffersOfADirection)
        }
    }
}

/// Stamped by one thread, read by another.
private final class Ticket: Sendable {
    private let state = Mutex((count: 0, time: UInt64(0)))
    var count: Int { state.withLock { $0.count } }
    /// When it was stamped last, in nanoseconds.
    var time: UInt64 { state.withLock { $0.time } }
    func stamp() {
        state.withLock {
            $0.count += 1
            $0.time = Clock.monotonic()
        }
    }
}

extension Peer {
    /// Takes what is there, or comes, and answers how many bytes it was.
    fileprivate func drop() throws -> Int {
        let count = try readSome().count
        guard count > 0 else { throw PeerFault.ended("a body") }
        return count
    }
}
