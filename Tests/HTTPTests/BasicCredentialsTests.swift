import Bytes
import Testing

@testable import HTTP

@Suite("Names and passwords of an Authorization field")
struct BasicCredentialsTests {
    private func read(_ value: String) -> [String]? {
        var pool = BufferPool()
        let text = pool.take(.small)
        defer { pool.give(text) }
        guard let credentials = BasicCredentials(Array(value.utf8).span, decodedInto: text) else { return nil }
        let bytes = [UInt8](copying: text.readable)
        return [
            String(decoding: bytes.prefix(credentials.nameCount), as: UTF8.self),
            String(decoding: bytes.dropFirst(credentials.nameCount + 1), as: UTF8.self),
        ]
    }

    /// Base 64 of the tests' own.
    private func encoded(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let piece = bytes[start..<min(start + 3, bytes.count)]
            let group = (0..<3).reduce(0) { $0 << 8 | ($1 < piece.count ? Int(piece[start + $1]) : 0) }
            for digit in 0..<4 {
                text.append(digit <= piece.count ? digits[group >> (18 - 6 * digit) & 63] : "=")
            }
        }
        return text
    }

    @Test("are read, of the scheme in any case, split at the first colon")
    func right() {
        // RFC 7617 §2, §2.1.
        #expect(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == ["Aladdin", "open sesame"])
        #expect(read("bAsIc   dGVzdDoxMjPCow==") == ["test", "123£"])
        #expect(read("Basic " + encoded(Array("a:b:c".utf8))) == ["a", "b:c"])
        #expect(read("Basic " + encoded(Array(":".utf8))) == ["", ""])
        #expect(read("Basic " + encoded(Array("ab:".utf8))) == ["ab", ""])
        #expect(read("Basic " + encoded(Array("ab:cd".utf8))) == ["ab", "cd"])
    }

    @Test(
        "are nothing when malformed",
        arguments: [
            "", "Basic", "Basic ", "Basic  ", "Basi QTpi", "BasicQTpi", "Bearer QTpi", "Basic\tQTpi", "Basic QTpi ",
            "Basic QTpi,", "Basic QTp", "Basic QTp=", "Basic =Tpi", "Basic Q===", "Basic ====", "Basic QTpi====",
            "Basic QTo=QTpi", "Basic QT-_", "Basic Q\u{0}pi", "Basic QTpi\r\nX: y", "Basic QTpi QTpi", "Basic \"QTpi\"",
            // No colon; bits behind the end that say something.
            "Basic QUJD", "Basic QTq=",
        ])
    func malformed(_ value: String) { #expect(read(value) == nil) }

    @Test("have no control characters", arguments: [UInt8](0..<0x20) + [0x7f])
    func controls(_ byte: UInt8) {
        #expect(read("Basic " + encoded(Array("a:b".utf8) + [byte])) == nil)
        #expect(read("Basic " + encoded([byte] + Array("a:b".utf8))) == nil)
    }

    @Test("are bounded")
    func limits() {
        func pair(_ name: Int, _ password: Int) -> [String]? {
            read(
                "Basic "
                    + encoded([UInt8](repeating: 110, count: name) + [58] + [UInt8](repeating: 112, count: password)))
        }
        #expect(pair(128, 72)?.map(\.count) == [128, 72])
        #expect(pair(129, 72) == nil)
        #expect(pair(129, 1) == nil)
        #expect(pair(128, 73) == nil)
        #expect(pair(1, 73) == nil)
        #expect(pair(30_000, 30_000) == nil)
    }

    @Test("any bytes are read or refused, and what is read is what was written")
    func random() {
        var seed: UInt64 = 11
        for _ in 0..<2_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let count = Int(seed >> 33 % 40)
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: (seed >> UInt64($0 % 50)) &* 2_654_435_761 >> 7) }
            let readable = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f } && bytes.contains(58)
            let pair = read("Basic " + encoded(bytes))
            #expect((pair != nil) == readable)
            if let pair { #expect(pair.joined(separator: ":") == String(decoding: bytes, as: UTF8.self)) }
        }
    }
}
