import Contract
import Kernel
import Telemetry
import Testing

@testable import Proxy

@Suite("Bodies", .timeLimit(.minutes(5)))
struct BodyTests {
    /// Around the sizes of the buffers.
    static let sizes = [0, 1, 100, 16_383, 16_384, 16_385, 32_768, 65_535, 65_536, 65_537, 200_000]

    @Test("of known length pass both ways unchanged, of every size around those of the buffers")
    func counted() throws {
        let upstream = try ScriptedUpstream.echoing()
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for size in Self.sizes {
                let body = pattern(size)
                let head = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: \(size)\r\n\r\n"
                try client.send(Array(head.utf8) + body, reading: true)
                let answer = try client.response()
                #expect(answer["content-length"] == "\(size)")
                #expect(answer.body == body, "\(size) bytes")
            }
            let total = UInt64(Self.sizes.reduce(0, +))
            #expect(proxy.tally.requestBytes.current == total)
            // A client may have its last byte before the worker has counted it.
            try waitUntil("every byte is counted") { proxy.tally.responseBytes.current == total }
        }
    }

    @Test(
        "in chunks pass both ways unchanged, whatever the sizes of chunks and pieces",
        arguments: [1, 7, 1_000, 16_380, 70_000])
    func chunked(_ chunk: Int) throws {
        let upstream = try ScriptedUpstream { peer, _ in
            while let request = try peer.request() {
                #expect(request["transfer-encoding"] == "chunked")
                #expect(request["content-length"] == nil)
                try peer.send(
                    Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
                        + inChunks(request.body, of: chunk, extension: ";x=\"y\"", trailer: "X-Sum: 1\r\n"))
            }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            for size in Self.sizes where size / chunk < 20_000 {
                let body = pattern(size)
                let head = "POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                try client.send(Array(head.utf8) + inChunks(body, of: chunk), reading: true)
                let answer = try client.response()
                #expect(answer["transfer-encoding"] == "chunked")
                #expect(answer.body == body, "\(size) bytes in chunks of \(chunk)")
            }
        }
        #expect(upstream.faults.isEmpty)
    }

    @Test("of ten megabytes pass both ways at once")
    func large() throws {
        let upstream = try ScriptedUpstream { peer, _ in
            guard let head = try peer.requestHead(), let count = Int(head["content-length"] ?? "") else { return }
            try peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            var left = count
            while left > 0 {
                let some = try peer.readSome()
                if some.isEmpty { break }
                left -= some.count
                try peer.send(Array("\(String(some.count, radix: 16))\r\n".utf8) + some + [13, 10], reading: true)
            }
            try peer.send("0\r\n\r\n")
        }
        try proxying(site(upstream)) { proxy throws in
            let body = pattern(10 << 20)
            let client = try proxy.client()
            try client.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: \(body.count)\r\n\r\n")
            try client.send(body, reading: true)
            let answer = try client.response()
            #expect(answer.isWhole)
            #expect(answer.body == body)
        }
    }

    @Test("that last until the close become chunks for HTTP/1.1 and stay so for HTTP/1.0", arguments: BodyTests.sizes)
    func untilClose(_ size: Int) throws {
        let body = pattern(size)
        let upstream = try ScriptedUpstream.once(Array("HTTP/1.1 200 OK\r\n\r\n".utf8) + body)
        try proxying(site(upstream)) { proxy throws in
            let new = try proxy.get()
            #expect(new["transfer-encoding"] == "chunked")
            #expect(new.body == body)
            let client = try proxy.client()
            try client.send("GET / HTTP/1.0\r\nHost: site.test\r\nConnection: keep-alive\r\n\r\n")
            let old = try client.response()
            #expect(old["transfer-encoding"] == nil)
            #expect(old["connection"] == nil)
            #expect(old.isWhole)
            #expect(old.body == body)
        }
    }

    @Test("in chunks reach a client of HTTP/1.0 without them", arguments: BodyTests.sizes)
    func chunksToOld(_ size: Int) throws {
        let body = pattern(size)
        let upstream = try ScriptedUpstream.once(
            Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8) + inChunks(body, of: 999))
        try proxying(site(upstream)) { proxy throws in
            let old = try proxy.ask("GET / HTTP/1.0\r\nHost: site.test\r\n\r\n")
            #expect(old["transfer-encoding"] == nil)
            #expect(old.isWhole)
            #expect(old.body == body)
        }
    }

    @Test("that a response only describes are not waited for: HEAD, 204, 304")
    func described() throws {
        let upstream = try ScriptedUpstream.steady { request in
            switch request.target {
            case "/head": "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"
            case "/chunked-head": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            case "/204": "HTTP/1.1 204 No Content\r\n\r\n"
            case "/304": "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n"
            case _: ok("plain")
            }
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            func ask(_ method: String, _ path: String) throws -> Message {
                try client.send("\(method) \(path) HTTP/1.1\r\nHost: site.test\r\n\r\n")
                return try client.response(toHead: method == "HEAD")
            }
            #expect(try ask("HEAD", "/head")["content-length"] == "12345")
            #expect(try ask("HEAD", "/chunked-head")["transfer-encoding"] == nil)
            #expect(try ask("GET", "/204").fields.allSatisfy { $0.name != "content-length" })
            #expect(try ask("GET", "/304")["content-length"] == "77")
            #expect(try ask("GET", "/").text == "plain")
        }
        #expect(upstream.acceptedCount == 1)
    }

    @Test("a 204 that claims a length reaches the client without it, and costs the upstream its connection")
    func lying204() throws {
        let upstream = try ScriptedUpstream.steady { _ in "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n" }
        try proxying(site(upstream)) { proxy throws in
            #expect(try proxy.get()["content-length"] == nil)
            #expect(try proxy.get().status == 204)
        }
        #expect(upstream.acceptedCount == 2)
    }

    @Test(
        "cut short by the upstream are cut short for the client", arguments: ["HTTP/1.1", "HTTP/1.0"],
        [
            "Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186a0\r\n",
        ])
    func cut(_ version: String, _ framing: String) throws {
        let upstream = try ScriptedUpstream.once(Array("HTTP/1.1 200 OK\r\n\(framing)".utf8) + pattern(50_000))
        try proxying(site(upstream)) { proxy throws in
            let answer = try proxy.ask("GET / \(version)\r\nHost: site.test\r\n\r\n")
            #expect(answer.status == 200)
            #expect(!answer.isWhole)
        }
    }

    @Test("that last until the close and end with a reset do so for the client", arguments: ["HTTP/1.1", "HTTP/1.0"])
    func cutUntilClose(_ version: String) throws {
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\n\r\nhalf of it")
            _ = try peer.read(1, "the client's word that it has it")
            peer.reset()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("POST / \(version)\r\nHost: site.test\r\nContent-Length: 1\r\n\r\n")
            #expect(try client.read(through: "half of it") != nil)
            try client.send("x")
            let rest = try client.readToEnd()
            #expect(client.wasReset || version == "HTTP/1.1" && !rest.text.contains("0\r\n\r\n"))
        }
    }

    @Test("chunks that are none end an upload with 400 and a download in the middle")
    func malformedChunks() throws {
        let upstream = try ScriptedUpstream.once(
            Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n".utf8))
        try proxying(site(upstream)) { proxy throws in
            #expect(try !proxy.get().isWhole)
            let post = "POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            expect(try proxy.ask(post + "xyz\r\n"), .badRequest)
        }
    }

    @Test("a slow client holds up the upstream and no memory", arguments: [true, false])
    func slowClient(_ chunks: Bool) throws {
        let body = pattern(20 << 20)
        let framing = chunks ? "Transfer-Encoding: chunked" : "Content-Length: \(body.count)"
        let upstream = try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            try peer.send("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n")
            try peer.send(chunks ? inChunks(body, of: 30_000) : body)
            _ = try peer.readToEnd()
        }
        try proxying(site(upstream)) { proxy throws in
            let client = try proxy.client()
            try client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")
            var moved: UInt64 = 0
            try waitUntil("nothing moves any more") {
                moved = proxy.tally.responseBytes.current
                #expect(proxy.books.used <= 2, "\(proxy.books)")
                return moved > 0 && standsStill(proxy, moved)
            }
            #expect(moved < UInt64(body.count))
            let answer = try client.response()
            #expect(answer.isWhole)
            #expect(answer.body == body)
        }
    }

    /// Whether the count of moved bytes stands still for a while.
    private func standsStill(_ proxy: TestProxy, _ count: UInt64) -> Bool {
        let deadline = Deadline(100)
        while deadline.left > 0 {
            pause()
            if proxy.tally.responseBytes.current != count { return false }
        }
        return true
    }

    @Test("one endless transfer leaves the others their turn")
    func fairness() throws {
        let stop = try Signal()
        let block = [UInt8](repeating: 1, count: 1 << 20)
        let upstream = try ScriptedUpstream { peer, _ in
            guard let request = try peer.requestHead() else { return }
            guard request.target == "/endless" else { return try peer.send(ok("turn")) }
            try peer.send("HTTP/1.1 200 OK\r\n\r\n")
            while !stop.wait(0) { try peer.send(block) }
        }
        try proxying(site(upstream)) { proxy throws in
            let reader = try proxy.client()
            try reader.send("GET /endless HTTP/1.1\r\nHost: site.test\r\n\r\n")
            let (halted, done) = (try Signal(), try Signal())
            let box = PeerBox(reader)
            try NativeThread.start(named: "reader") {
                while !halted.wait(0), let some = try? box.peer.readSome(), !some.isEmpty {}
                box.peer.close()
                done.give()
            }
            for _ in 0..<20 { #expect(try proxy.get("/turn").text == "turn") }
            halted.give()
            stop.give()
            #expect(done.wait(Peer.patience))
        }
    }
}

/// Handed to another thread for good.
final class PeerBox: @unchecked Sendable {
    let peer: Peer
    init(_ peer: Peer) { self.peer = peer }
}

/// A body cut into chunks of this size, with the last chunk.
func inChunks(_ body: [UInt8], of size: Int, extension: String = "", trailer: String = "") -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: body.count, by: size) {
        let part = body[start..<min(start + size, body.count)]
        bytes += Array("\(String(part.count, radix: 16))\(`extension`)\r\n".utf8) + part + [13, 10]
    }
    return bytes + Array("0\(`extension`)\r\n\(trailer)\r\n".utf8)
}
