import HTTP
import HTTP1
import Testing

@Suite("Limits of heads")
struct LimitTests {
    @Test("bytes of a head: at the limit, over it, and unfinished at it", arguments: [false, true])
    func headBytes(_ isCut: Bool) {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "y", count: 300))\r\n\r\n"
        let bytes = Array((text + "body").utf8)
        let whole = text.utf8.count
        let cuts = isCut ? Array(0..<bytes.count) : []
        for limit in [whole, whole + 1, whole + 100] {
            #expect(readRequest(bytes, cuts: cuts, limits: HeadLimits(headBytes: limit)).head?.byteCount == whole)
        }
        for limit in [0, 1, 20, 100, whole - 1] {
            #expect(readRequest(bytes, cuts: cuts, limits: HeadLimits(headBytes: limit)) == .refused(.headTooLarge))
        }
        let unfinished = Array(text.utf8.dropLast(2))
        #expect(
            readRequest(unfinished, limits: HeadLimits(headBytes: unfinished.count)) == .refused(.headTooLarge))
        #expect(readRequest(unfinished, limits: HeadLimits(headBytes: unfinished.count + 1)) == .incomplete)
        #expect(HeadError.headTooLarge.status == 431)
    }

    @Test("a fault before the limit is told as that fault, however the bytes come")
    func faultBeforeLimit() {
        let bytes = Array("G@T /".utf8) + [UInt8](repeating: 0x61, count: 200)
        let limits = HeadLimits(headBytes: 100)
        #expect(readRequest(bytes, limits: limits) == .refused(.badMethod))
        #expect(readRequest(bytes, cuts: Array(0..<bytes.count), limits: limits) == .refused(.badMethod))
    }

    @Test("field lines: at the limit, over it, and over the room there is", arguments: [false, true])
    func fieldCount(_ isCut: Bool) {
        func head(_ count: Int) -> [UInt8] {
            Array("GET / HTTP/1.1\r\nHost: a\r\n".utf8)
                + (1..<count).flatMap { Array("X\($0): y\r\n".utf8) } + Array("\r\n".utf8)
        }
        let cuts = isCut ? Array(0..<head(10).count) : []
        let limits = HeadLimits(fieldCount: 10)
        #expect(readRequest(head(10), cuts: cuts, limits: limits).head?.fields.count == 10)
        #expect(readRequest(head(11), cuts: cuts, limits: limits) == .refused(.tooManyFields))
        #expect(readRequest(head(129)) == .refused(.tooManyFields))
        #expect(readRequest(head(128)).head?.fields.count == 128)
        // The scratch of these tests has room for 256.
        #expect(readRequest(head(257), limits: HeadLimits(fieldCount: 1000)) == .refused(.tooManyFields))
        #expect(readRequest(head(256), limits: HeadLimits(fieldCount: 1000)).head?.fields.count == 256)
    }

    @Test("bytes of a target: at the limit, over it, unfinished over it")
    func targetBytes() {
        func head(_ count: Int) -> [UInt8] {
            Array("GET /\(String(repeating: "a", count: count - 1)) HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        }
        let limits = HeadLimits(targetBytes: 50)
        #expect(readRequest(head(50), limits: limits).head?.target.utf8.count == 50)
        #expect(readRequest(head(51), limits: limits) == .refused(.targetTooLong))
        #expect(readRequest(Array(head(51).prefix(55)), limits: limits) == .refused(.targetTooLong))
        #expect(readRequest(Array(head(51).prefix(54)), limits: limits) == .incomplete)
        #expect(readRequest(head(80), cuts: Array(0..<100), limits: limits) == .refused(.targetTooLong))
        #expect(HeadError.targetTooLong.status == 414)
    }

    @Test("bytes of a method: at the limit, over it, unfinished over it")
    func methodBytes() {
        func head(_ count: Int) -> [UInt8] {
            Array("\(String(repeating: "M", count: count)) / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        }
        #expect(readRequest(head(Method.nameBytesLimit)).head?.methodName.utf8.count == Method.nameBytesLimit)
        #expect(readRequest(head(Method.nameBytesLimit + 1)) == .refused(.badMethod))
        #expect(readRequest(Array(head(100).prefix(33))) == .refused(.badMethod))
        #expect(readRequest(Array(head(100).prefix(32))) == .incomplete)
    }

    @Test("connection options: at the limit and over it, in one line or many")
    func connectionOptions() {
        func head(_ line: String) -> String { "GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n" }
        let option = Array(repeating: "x", count: 64)
        #expect(readRequest(head("Connection: \(option.joined(separator: ","))\r\n")).head != nil)
        #expect(
            readRequest(head("Connection: y,\(option.joined(separator: ","))\r\n"))
                == .refused(.tooManyConnectionOptions))
        #expect(readRequest(head(option.map { "Connection: \($0)\r\n" }.joined())).head != nil)
        #expect(
            readRequest(head("Connection: close\r\n" + option.map { "Connection: \($0)\r\n" }.joined()))
                == .refused(.tooManyConnectionOptions))
        #expect(readRequest(head("Connection: \(String(repeating: ",", count: 10000))\r\n")).head != nil)
    }

    @Test("a head that comes byte by byte costs one look at each byte", .timeLimit(.minutes(1)))
    func slowHead() {
        // Some 32,000 calls. Reading all from the beginning each time would look at 500 million bytes.
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [UInt8](repeating: 0x79, count: 40000)
        #expect(readRequest(bytes, cuts: Array(0..<bytes.count)) == .refused(.headTooLarge))
        let tabs = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [UInt8](repeating: 0x09, count: 40000)
        #expect(readRequest(tabs, cuts: Array(0..<tabs.count)) == .refused(.headTooLarge))
    }
}
