import ProxyProtocol
import TestKit
import Testing

private let headers: [[UInt8]] = [
    Array("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\nGET /".utf8),
    Array("PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n".utf8), Array("PROXY UNKNOWN x y\r\n\r\n".utf8),
    Array("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n".utf8), Array("PROXY TCP9 \r\n".utf8),
    version2(addresses4), version2(0x21, 0x21, addresses6 + tlv(1, [104, 50]) + tlv(4, [])) + [22, 3, 1],
    version2(0x20, 0x00, []), version2(0x21, 0x31, [UInt8](repeating: 0, count: 216)),
    version2(0x21, 0x12, addresses4), version2(0x25, 0x11, addresses4), version2(0x21, 0x11, [1, 2, 3]),
    version2(addresses4, length: 65_535), Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 65, count: 200),
    Array("GET / HTTP/1.1\r\n\r\n".utf8), Array("\r\n\r\nGET / HTTP/1.1\r\n\r\n".utf8), [22, 3, 1, 0, 5],
]

@Suite("PROXY protocol headers in pieces")
struct ProxyHeaderCutTests {
    @Test("a header reads the same whichever way the bytes are cut", arguments: headers)
    func cut(_ bytes: [UInt8]) {
        let whole = readHeader(bytes)
        #expect(whole != .incomplete)
        for cut in 0...bytes.count { #expect(readHeader(bytes, cuts: [cut]) == whole, "cut at \(cut)") }
        #expect(readHeader(bytes, cuts: Array(0..<bytes.count)) == whole)
        if case .complete(let header) = whole {
            #expect(readHeader(Array(bytes.prefix(header.byteCount))) == whole)
            #expect(readHeader(Array(bytes.prefix(header.byteCount - 1))) == .incomplete)
        }
    }

    @Test("random changes of headers never read differently when cut", arguments: 0..<40 as Range<UInt64>)
    func mutations(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for header in headers {
            var bytes = header
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let marked = Array("\r\n :.0189TCPUu".utf8) + [0x20, 0x21, 0x11, 3, 0xFF]
                bytes[Int.random(in: bytes.indices, using: &random)] =
                    Bool.random(using: &random)
                    ? marked.randomElement(using: &random)! : .random(in: 0...255, using: &random)
            }
            let whole = readHeader(bytes)
            #expect(readHeader(bytes, cuts: Array(0..<bytes.count)) == whole, "seed \(seed), \(bytes)")
            let cuts = (0..<4).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
            #expect(readHeader(bytes, cuts: cuts) == whole, "seed \(seed), cuts \(cuts), \(bytes)")
        }
    }

    @Test("whatever the bytes, nothing traps", arguments: 0..<20 as Range<UInt64>)
    func noise(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let bytes = version2(
                UInt8.random(in: 0x20...0x21, using: &random), UInt8.random(in: 0...0x33, using: &random),
                random.bytes(Int.random(in: 0...300, using: &random)))
            if case .complete(let header) = readHeader(bytes) { #expect(header.byteCount == bytes.count) }
        }
    }
}
