import HTTP
import HTTP1
import Testing

/// A head that two recipients could read two ways, and the rule by which it is refused.
struct SmugglingVector: CustomTestStringConvertible {
    var section: String
    var text: String
    var error: HeadError

    init(_ section: String, _ text: String, _ error: HeadError) {
        (self.section, self.text, self.error) = (section, text, error)
    }

    var testDescription: String { "\(section): \(error.name): \(text.debugDescription)" }

    /// `lines` in an otherwise faultless request.
    static func lines(_ section: String, _ lines: String, _ error: HeadError) -> SmugglingVector {
        SmugglingVector(section, "POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n", error)
    }
}

private let vectors: [SmugglingVector] = [
    // Two lengths.
    .lines("9112 §6.3", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", .contentLengthWithTransferEncoding),
    .lines("9112 §6.3", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", .contentLengthWithTransferEncoding),
    .lines("9112 §6.3", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", .contentLengthWithTransferEncoding),
    .lines(
        "9112 §6.3", "content-length: 5\r\nX: y\r\ntransfer-encoding:chunked\r\n", .contentLengthWithTransferEncoding),
    .lines("9110 §8.6", "Content-Length: 5\r\nContent-Length: 6\r\n", .contentLengthRepeated),
    .lines("9110 §8.6", "Content-Length: 5\r\nContent-Length: 5\r\n", .contentLengthRepeated),
    .lines("9110 §8.6", "Content-Length: 0\r\nX: y\r\ncontent-length: 44\r\n", .contentLengthRepeated),
    .lines("9110 §8.6", "Content-Length: 5, 5\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: 5,6\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length:\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: +5\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: -5\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: 0x5\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: 5 5\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: 5.0\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: 5;\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: ５\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: 9223372036854775808\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: 18446744073709551621\r\n", .contentLengthMalformed),
    .lines("9110 §8.6", "Content-Length: 00000000000000000005\r\n", .contentLengthMalformed),
    // Codings that one recipient sees and another does not.
    .lines("9112 §6.1", "Transfer-Encoding: gzip, chunked\r\n", .transferEncodingUnknown),
    .lines("9112 §6.1", "Transfer-Encoding: gzip\r\n", .transferEncodingUnknown),
    .lines("9112 §6.1", "Transfer-Encoding: identity\r\n", .transferEncodingUnknown),
    .lines("9112 §6.1", "Transfer-Encoding: xchunked\r\n", .transferEncodingUnknown),
    .lines("9112 §6.1", "Transfer-Encoding: chunke\r\n", .transferEncodingUnknown),
    .lines("9112 §6.1", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", .transferEncodingUnknown),
    .lines("9112 §6.3", "Transfer-Encoding: chunked, gzip\r\n", .transferEncodingNotLast),
    .lines("9112 §6.3", "Transfer-Encoding: chunked, identity\r\n", .transferEncodingNotLast),
    .lines("9112 §6.3", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", .transferEncodingNotLast),
    .lines("9112 §6.1", "Transfer-Encoding: chunked, chunked\r\n", .transferEncodingRepeated),
    .lines("9112 §6.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", .transferEncodingRepeated),
    .lines("9112 §7", "Transfer-Encoding: \"chunked\"\r\n", .transferEncodingMalformed),
    .lines("9112 §7", "Transfer-Encoding: chunked;q=1\r\n", .transferEncodingMalformed),
    .lines("9112 §7", "Transfer-Encoding: chunked foo\r\n", .transferEncodingMalformed),
    .lines("9110 §5.6.1", "Transfer-Encoding: , chunked\r\n", .transferEncodingMalformed),
    .lines("9110 §5.6.1", "Transfer-Encoding: chunked,\r\n", .transferEncodingMalformed),
    .lines("9112 §7", "Transfer-Encoding:\r\n", .transferEncodingMalformed),
    .lines("9110 §5.5", "Transfer-Encoding: \u{0B}chunked\r\n", .badFieldValue),
    .lines("9110 §5.5", "Transfer-Encoding: chunked\u{0C}\r\n", .badFieldValue),
    SmugglingVector(
        "9112 §6.1", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
    SmugglingVector(
        "9112 §6.1", "POST / HTTP/1.0\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        .transferEncodingInHTTP10),
    // Names that one recipient trims and another does not.
    .lines("9112 §5.1", "Transfer-Encoding : chunked\r\n", .whitespaceBeforeColon),
    .lines("9112 §5.1", "Content-Length\t: 5\r\n", .whitespaceBeforeColon),
    .lines("9112 §5.2", " Transfer-Encoding: chunked\r\n", .obsoleteFold),
    .lines("9112 §5.2", "X: y\r\n\tContent-Length: 5\r\n", .obsoleteFold),
    .lines("9112 §5.2", "Transfer-Encoding:\r\n chunked\r\n", .transferEncodingMalformed),
    .lines("9112 §5.2", "X:\r\n chunked\r\n", .obsoleteFold),
    SmugglingVector("9112 §2.2", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", .obsoleteFold),
    .lines("9110 §5.1", "Transfer_Encoding\u{0}: chunked\r\n", .badFieldName),
    .lines("9110 §5.1", "\u{0}Transfer-Encoding: chunked\r\n", .badFieldName),
    .lines("9110 §5.1", ": 5\r\n", .badFieldName),
    .lines("9110 §5.1", "Content-Length\r\n", .badFieldName),
    .lines("9110 §5.1", "Content-Length 5\r\n", .whitespaceBeforeColon),
    .lines("9110 §5.1", "Cöntent: 5\r\n", .badFieldName),
    .lines("9110 §5.1", "(X): 5\r\n", .badFieldName),
    .lines("9110 §5.1", "X@Y: 5\r\n", .badFieldName),
    .lines("9110 §5.1", "X[]: 5\r\n", .badFieldName),
    // Lines that end where only some recipients see an end.
    .lines("9112 §2.2", "X: y\nContent-Length: 5\r\n", .bareLF),
    .lines("9112 §2.2", "X: y\rContent-Length: 5\r\n", .bareCR),
    .lines("9112 §2.2", "X: y\r\r\nContent-Length: 5\r\n", .bareCR),
    .lines("9112 §2.2", "X: y\n\r\n", .bareLF),
    .lines("9112 §2.2", "\nX: y\r\n", .bareLF),
    .lines("9112 §2.2", "X\n: y\r\n", .bareLF),
    .lines("9112 §2.2", "X\r\n: y\r\n", .badFieldName),
    .lines("9112 §2.2", "X: y\r\n\rX: y\r\n", .bareCR),
    .lines("9110 §5.5", "X: a\u{0}b\r\n", .badFieldValue),
    .lines("9110 §5.5", "X: a\u{7F}b\r\n", .badFieldValue),
    .lines("9110 §5.5", "X: \u{1}\r\n", .badFieldValue),
    SmugglingVector("9112 §2.2", "GET / HTTP/1.1\nHost: a\n\n", .bareLF),
    SmugglingVector("9112 §2.2", "GET / HTTP/1.1\r\nHost: a\n\n", .bareLF),
    SmugglingVector("9112 §2.2", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .bareLF),
    SmugglingVector("9112 §2.2", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", .bareCR),
    SmugglingVector("9112 §2.2", "GET / HTTP/1.1\rHost: a\r\n\r\n", .bareCR),
    // Request lines that are split at different spaces.
    SmugglingVector("9112 §3", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", .badMethod),
    SmugglingVector("9112 §3", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", .badMethod),
    SmugglingVector("9112 §3", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    SmugglingVector("9112 §3", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §3", "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §3", "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    SmugglingVector("9112 §3", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §3", "GET / HTTP/1.1HTTP/1.1\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §3", "GET /\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §3", "GET\r\nHost: a\r\n\r\n", .badMethod),
    SmugglingVector("9112 §3", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n", .badMethod),
    SmugglingVector("9112 §3", "GET\u{0} / HTTP/1.1\r\nHost: a\r\n\r\n", .badMethod),
    SmugglingVector("9112 §3", "\u{16}\u{3}\u{1}\u{2}\r\n\r\n", .badMethod),
    // Versions.
    SmugglingVector("9112 §2.3", "GET / http/1.1\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §2.3", "GET / HTTP/1.1.1\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §2.3", "GET / HTTP/11.1\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §2.3", "GET / HTTP/1,1\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9112 §2.3", "GET / XTTP/1.1\r\nHost: a\r\n\r\n", .badVersion),
    SmugglingVector("9110 §15.6.6", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
    SmugglingVector("9110 §15.6.6", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", .unsupportedVersion),
    SmugglingVector("9110 §15.6.6", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", .unsupportedVersion),
    SmugglingVector("9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .badTarget),
    // Whom the request is for.
    SmugglingVector("9112 §3.2", "GET / HTTP/1.1\r\n\r\n", .missingHost),
    SmugglingVector("9112 §3.2", "GET http://a/ HTTP/1.1\r\n\r\n", .missingHost),
    SmugglingVector("9112 §3.2", "GET http://a/ HTTP/1.1\r\nHost: \r\n\r\n", .badHost),
    SmugglingVector("9112 §3.2", "GET / HTTP/1.0\r\nHost: \r\n\r\n", .badHost),
    .lines("9112 §3.2", "Host: a\r\n", .repeatedHost),
    .lines("9112 §3.2", "hOsT: b\r\n", .repeatedHost),
    SmugglingVector("9112 §3.2.3", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    SmugglingVector("9110 §9.3.6", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", .connectUnsupported),
    SmugglingVector("9110 §9.3.6", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", .connectUnsupported),
]

@Suite("Request smuggling")
struct SmugglingTests {
    @Test("what two proxies could read two ways is refused, however it is cut", arguments: vectors)
    func refused(_ vector: SmugglingVector) {
        let bytes = Array(vector.text.utf8)
        #expect(readRequest(bytes) == .refused(vector.error))
        #expect(readRequest(bytes, cuts: Array(0..<bytes.count)) == .refused(vector.error))
        for cut in bytes.indices {
            #expect(readRequest(bytes, cuts: [cut]) == .refused(vector.error), "cut at \(cut)")
        }
        #expect([400, 501, 505].contains(vector.error.status))
    }

    @Test("every byte is either allowed in a field name or refused, at any position")
    func namesByteByByte() {
        let others = Set("!#$%&'*+-.^_`|~:".utf8)
        for byte in UInt8.min...UInt8.max {
            let isLetterOrDigit =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            for position in [1, 7, 8, 15, 16, 30] {
                var bytes = Array("GET / HTTP/1.1\r\nHost: h\r\n".utf8)
                var name = [UInt8](repeating: 0x61, count: 32)
                name[position] = byte
                bytes += name + Array(": v\r\n\r\n".utf8)
                #expect((readRequest(bytes).head != nil) == (isLetterOrDigit || others.contains(byte)))
            }
        }
    }

    @Test("every byte is either allowed in a field value or refused, at any position")
    func valuesByteByByte() {
        for byte in UInt8.min...UInt8.max {
            let isAllowed = byte >= 0x20 && byte != 0x7F || byte == 0x09
            for position in [0, 7, 8, 15, 16, 31] {
                var bytes = Array("GET / HTTP/1.1\r\nHost: h\r\nX: ".utf8)
                var value = [UInt8](repeating: 0x61, count: 32)
                value[position] = byte
                bytes += value + Array("\r\n\r\n".utf8)
                #expect((readRequest(bytes).head != nil) == isAllowed)
            }
        }
    }

    @Test("every fault has a status and a name of its own")
    func names() {
        #expect(Set(HeadError.allCases.map { "\($0.name)" }).count == HeadError.allCases.count)
        #expect(HeadError.allCases.allSatisfy { (400...505).contains($0.status) })
        #expect(Set(BodyError.allCases.map { "\($0.name)" }).count == BodyError.allCases.count)
        #expect(BodyError.allCases.allSatisfy { (400...431).contains($0.status) })
    }
}
