import HTTP
import HTTP1
import Testing

/// Chunked bodies that are right, and the data in them.
private let bodies: [(String, String)] = [
    ("0\r\n\r\n", ""),
    ("5\r\nhello\r\n0\r\n\r\n", "hello"),
    ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
    ("000000000000000a\r\n0123456789\r\n0000\r\n\r\n", "0123456789"),
    ("A\r\n0123456789\r\na\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", "0123456789\r\n\r\n\r\n\r\n\r\n"),
    ("3;a\r\nabc\r\n0;b=c\r\n\r\n", "abc"),
    ("3;a=b;c;d=\"e\"\r\nabc\r\n0\r\n\r\n", "abc"),
    ("3 ; a = b\t;\tc ; d = \"x\\\"y;\\\\\" ;e\r\nabc\r\n0\r\n\r\n", "abc"),
    ("3;a=\"\"\r\nabc\r\n0\r\n\r\n", "abc"),
    ("3\r\nabc\r\n0\r\nTrailer: x\r\nEmpty:\r\nOther:\t ü\r\n\r\n", "abc"),
    ("1\r\n0\r\n0\r\n\r\n", "0"),
]

@Suite("Chunked bodies")
struct ChunkedTests {
    @Test("data and trailers come out, extensions do not, however the bytes are cut", arguments: bodies)
    func data(_ text: String, _ data: String) {
        let bytes = Array(text.utf8)
        let trailers = text.hasSuffix("ü\r\n\r\n") ? "Trailer: x\r\nEmpty:\r\nOther:\t ü\r\n" : ""
        let expected = ReadBody(
            data: Array(data.utf8), trailers: Array(trailers.utf8), consumed: bytes.count, outcome: .ended)
        let followed = bytes + Array("GET / HTTP/1.1\r\n".utf8)
        #expect(readBody(bytes, .chunked) == expected)
        #expect(readBody(followed, .chunked) == expected)
        for cut in 0...bytes.count {
            #expect(readBody(followed, .chunked, cuts: [cut]) == expected, "cut at \(cut)")
        }
        #expect(readBody(followed, .chunked, cuts: Array(0..<followed.count)) == expected)
        for end in 0..<bytes.count {
            #expect(readBody(Array(bytes.prefix(end)), .chunked).outcome == .wantsMore)
        }
    }

    @Test(
        "what two recipients could read two ways is refused, however it is cut (RFC 9112 §7.1)",
        arguments: [
            ("\r\n", BodyError.chunkSizeMalformed), (" 5\r\nhello", .chunkSizeMalformed),
            ("g\r\n", .chunkSizeMalformed),
            ("-1\r\n", .chunkSizeMalformed), ("+1\r\n", .chunkSizeMalformed), ("0x5\r\n", .chunkSizeMalformed),
            ("5h\r\n", .chunkSizeMalformed), (";a\r\n", .chunkSizeMalformed), ("5,\r\n", .chunkSizeMalformed),
            ("5\u{0}\r\n", .chunkSizeMalformed), ("_\r\n", .chunkSizeMalformed), ("\"5\"\r\n", .chunkSizeMalformed),
            ("00000000000000005\r\n", .chunkSizeTooLarge), ("8000000000000000\r\n", .chunkSizeTooLarge),
            ("ffffffffffffffff\r\n", .chunkSizeTooLarge), ("10000000000000005\r\n", .chunkSizeTooLarge),
            ("5\n", .bareLF), ("5\rhello", .bareCR), ("5\r\r\nhello", .bareCR), ("\n", .bareLF), ("5;a\n", .bareLF),
            ("5;a\rb", .bareCR), ("5;a=\"\n", .bareLF),
            ("5 \r\nhello", .chunkExtensionMalformed), ("5\t\r\nhello", .chunkExtensionMalformed),
            ("5 5\r\n", .chunkExtensionMalformed), ("5;\r\n", .chunkExtensionMalformed),
            ("5;;a\r\n", .chunkExtensionMalformed),
            ("5;=a\r\n", .chunkExtensionMalformed), ("5;a=\r\n", .chunkExtensionMalformed),
            ("5;a=b=c\r\n", .chunkExtensionMalformed), ("5;a b\r\n", .chunkExtensionMalformed),
            ("5;a \r\n", .chunkExtensionMalformed), ("5;a=b \r\n", .chunkExtensionMalformed),
            ("5;a=\"b\r\n", .chunkExtensionMalformed), ("5;a=\"b\"c\r\n", .chunkExtensionMalformed),
            ("5;a=\"\\\r\n", .chunkExtensionMalformed), ("5;a=\"\u{1}\"\r\n", .chunkExtensionMalformed),
            ("5;a\u{0}\r\n", .chunkExtensionMalformed), ("5;ü\r\n", .chunkExtensionMalformed),
            ("1\r\nab", .chunkDataUnterminated), ("1\r\na\n", .bareLF), ("1\r\na\rb", .bareCR),
            ("1\r\na1\r\n", .chunkDataUnterminated),
            ("1\r\na\r\n\r\n", .chunkSizeMalformed),
            ("0\r\n\n", .bareLF), ("0\r\n\rX", .bareCR), ("0\r\n X: y\r\n", .trailerMalformed),
            ("0\r\n: y\r\n", .trailerMalformed),
            ("0\r\nX\r\n", .trailerMalformed), ("0\r\nX : y\r\n", .trailerMalformed), ("0\r\nX: y\n", .bareLF),
            ("0\r\nX: y\rZ", .bareCR),
            ("0\r\nX: \u{0}\r\n", .trailerMalformed), ("0\r\nX: y\r\n z\r\n", .trailerMalformed),
            ("0\r\nGET / HTTP/1.1\r\n", .trailerMalformed), ("0\r\nX\n: y", .bareLF),
        ])
    func refused(_ text: String, _ error: BodyError) {
        let bytes = Array(text.utf8)
        let expected = ReadBody.Outcome.refused(error)
        #expect(readBody(bytes, .chunked).outcome == expected)
        for cut in bytes.indices {
            #expect(readBody(bytes, .chunked, cuts: [cut]).outcome == expected, "cut at \(cut)")
        }
        #expect(readBody(bytes, .chunked, cuts: Array(bytes.indices)).outcome == expected)
    }

    @Test("a refused body stays refused")
    func staysRefused() {
        var decoder = BodyDecoder(.chunked)
        let bytes = Array("x".utf8)
        let good = Array("0\r\n\r\n".utf8)
        #expect(decoder.next(bytes.span) == .refused(.chunkSizeMalformed))
        #expect(decoder.next(good.span) == .refused(.chunkSizeMalformed))
        #expect(!decoder.isFinished)
        #expect(decoder.endOfStream() == false)
    }

    @Test("the greatest chunk is 2^63 - 1 bytes")
    func greatest() {
        let body = readBody("7fffffffffffffff\r\nabc")
        #expect(body.data == Array("abc".utf8) && body.outcome == .wantsMore)
    }

    @Test("extensions of one chunk: at the limit and over it")
    func extensionLimit() {
        func body(_ bytes: Int) -> String { "1;\(String(repeating: "a", count: bytes - 1))\r\nx\r\n0\r\n\r\n" }
        #expect(readBody(body(256)).outcome == .ended)
        #expect(readBody(body(257)).outcome == .refused(.chunkExtensionsTooLong))
        // Without an end in sight, too.
        #expect(readBody("1;" + String(repeating: " ", count: 256)).outcome == .refused(.chunkExtensionsTooLong))
    }

    @Test("extensions that exceed the data they come with end the body; those of big chunks never do")
    func extensionSum() {
        let small = "1;\(String(repeating: "a", count: 200))\r\nx\r\n"
        // Each is 204 bytes of line, of which 18 are paid for.
        #expect(readBody(String(repeating: small, count: 88)).outcome == .wantsMore)
        #expect(readBody(String(repeating: small, count: 89)).outcome == .refused(.chunkExtensionsTooLong))
        let big = "100;\(String(repeating: "a", count: 200))\r\n\(String(repeating: "x", count: 256))\r\n"
        #expect(readBody(String(repeating: big, count: 1000)).data.count == 256_000)
        let plain = "0000000000000001\r\nx\r\n"
        #expect(readBody(String(repeating: plain, count: 10000)).data.count == 10000)
    }

    @Test("trailers: at the limit and over it")
    func trailerLimit() {
        // "X:" and CRLF are four bytes of each line.
        func body(_ bytes: Int) -> String { "0\r\nX:\(String(repeating: "y", count: bytes - 4))\r\n\r\n" }
        #expect(readBody(body(8192)).outcome == .ended)
        #expect(readBody(body(8193)).outcome == .refused(.trailersTooLong))
        #expect(readBody("0\r\n" + String(repeating: "X:\r\n", count: 2049)).outcome == .refused(.trailersTooLong))
        #expect(readBody("0\r\n" + String(repeating: "X", count: 8193)).outcome == .refused(.trailersTooLong))
        let lines = String(repeating: "X:\r\n", count: 64)
        #expect(readBody("0\r\n\(lines)\r\n").trailers == Array(lines.utf8))
        #expect(readBody("0\r\n\(lines)\r\n").outcome == .ended)
        #expect(readBody("0\r\n\(lines)X").outcome == .refused(.trailersTooLong))
    }

    @Test("a chunk's data comes as one run for each piece of it")
    func runs() {
        var decoder = BodyDecoder(.chunked)
        let bytes = Array("5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\nGET".utf8)
        #expect(decoder.next(bytes.span) == .data(offset: 3, count: 5, consumed: 8))
        #expect(decoder.next(bytes.span.extracting(8..<13)) == .needMore(consumed: 5))
        #expect(decoder.next(bytes.span.extracting(13..<14)) == .data(offset: 0, count: 1, consumed: 1))
        #expect(decoder.next(bytes.span.extracting(14...)) == .data(offset: 0, count: 2, consumed: 2))
        #expect(decoder.next(bytes.span.extracting(16...)) == .end(consumed: 7))
        #expect(decoder.isFinished)
    }
}
