import TestKit
import Testing

@testable import ProxyProtocol

@Suite("PROXY protocol headers")
struct ProxyHeaderTests {
    static let four = (
        ProxiedAddress.ipv4(0xC000_0201, port: 4711), ProxiedAddress.ipv4(0xC633_6401, port: 443)
    )
    static let six = (
        ProxiedAddress.ipv6(0x2001_0DB8 << 96 | 1, port: 4711), ProxiedAddress.ipv6(0x2001_0DB8 << 96 | 2, port: 443)
    )

    @Test("version 1 names source and destination (§2.1)")
    func version1() {
        let text4 = "PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\n"
        let text6 = "PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:0:2 4711 443\r\n"
        for (text, addresses) in [(text4, Self.four), (text6, Self.six)] {
            let wanted = ProxyHeader(
                byteCount: text.utf8.count, source: addresses.0, destination: addresses.1)
            #expect(readHeader(Array(text.utf8)) == .complete(wanted))
            #expect(readHeader(Array((text + "GET / HTTP/1.1\r\n").utf8)) == .complete(wanted))
        }
    }

    @Test(
        "version 1 without an address: whatever stands behind UNKNOWN is not read",
        arguments: [
            "PROXY UNKNOWN\r\n", "PROXY UNKNOWN \r\n", "PROXY UNKNOWN ffff:f...f:ffff x 65535 99999\r\n",
            "PROXY UNKNOWN  \r\n",
        ])
    func unknown(_ text: String) {
        #expect(readHeader(Array(text.utf8)) == .complete(ProxyHeader(byteCount: text.utf8.count)))
    }

    @Test(
        "version 1 is refused for what is wrong with it",
        arguments: [
            ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\n", ProxyHeaderError.badLine),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\r\n", .badLine),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443 \r\n", .badLine),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 443 1\r\n", .badLine),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 4711\r\n", .badLine), ("PROXY \r\n", .badLine),
            ("PROXY  TCP4 192.0.2.1 198.51.100.1 4711 443\r\n", .badLine),
            ("PROXY TCP4  192.0.2.1 198.51.100.1 4711 443\r\n", .badLine),
            ("PROXY TCP4\t192.0.2.1 198.51.100.1 4711 443\r\n", .badLine), ("PROXY TCP4\r\n", .badLine),
            ("PROXY UNKNOWN \u{0}\r\n", .badLine), ("PROXY UNKNOWN \u{e9}\r\n", .badLine),
            ("PROXY TCP5 192.0.2.1 198.51.100.1 4711 443\r\n", .badFamily),
            ("PROXY UDP4 192.0.2.1 198.51.100.1 4711 443\r\n", .badFamily),
            ("PROXY tcp4 192.0.2.1 198.51.100.1 4711 443\r\n", .badFamily),
            ("PROXY UNKNOWNS\r\n", .badFamily), ("PROXY / HTTP/1.1\r\n", .badFamily),
            ("PROXY TCP4 192.0.2.01 198.51.100.1 4711 443\r\n", .badAddress),
            ("PROXY TCP4 192.0.2.1 198.51.100.256 4711 443\r\n", .badAddress),
            ("PROXY TCP4 2001:db8::1 2001:db8::2 4711 443\r\n", .badAddress),
            ("PROXY TCP6 192.0.2.1 198.51.100.1 4711 443\r\n", .badAddress),
            ("PROXY TCP6 [::1] ::1 4711 443\r\n", .badAddress), ("PROXY TCP6 ::1%lo ::1 1 2\r\n", .badAddress),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 04711 443\r\n", .badPort),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 4711 65536\r\n", .badPort),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 -1 443\r\n", .badPort),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n", .badPort),
        ])
    func refused1(_ text: String, _ error: ProxyHeaderError) {
        #expect(readHeader(Array(text.utf8)) == .refused(error))
    }

    @Test("version 1 has 107 bytes at most, with its CRLF (§2.1)")
    func limit1() {
        func line(_ count: Int) -> [UInt8] {
            Array("PROXY UNKNOWN ".utf8) + [UInt8](repeating: 0x78, count: count - 16) + [13, 10]
        }
        #expect(readHeader(line(106)) == .complete(ProxyHeader(byteCount: 106)))
        #expect(readHeader(line(107)) == .complete(ProxyHeader(byteCount: 107)))
        #expect(readHeader(line(108)) == .refused(.tooLong))
        let endless = [UInt8](line(400).dropLast(2))
        #expect(readHeader(Array(endless.prefix(105))) == .incomplete)
        #expect(readHeader(Array(endless.prefix(106))) == .refused(.tooLong))
        #expect(readHeader(endless) == .refused(.tooLong))
    }

    @Test("version 2 names source and destination (§2.2)")
    func version2() {
        let four = ProxyHeader(byteCount: 28, source: Self.four.0, destination: Self.four.1)
        #expect(readHeader(ProxyProtocolTests.version2(addresses4)) == .complete(four))
        #expect(readHeader(ProxyProtocolTests.version2(addresses4) + [1, 2, 3]) == .complete(four))
        let six = ProxyHeader(byteCount: 52, source: Self.six.0, destination: Self.six.1)
        #expect(readHeader(ProxyProtocolTests.version2(0x21, 0x21, addresses6)) == .complete(six))
    }

    @Test("version 2 without an address that counts: LOCAL, UNSPEC and UNIX")
    func addressless() {
        let path = [UInt8](repeating: 0x2F, count: 216)
        for (command, family, rest) in [
            (0x20, 0x00, []), (0x20, 0x11, addresses4), (0x20, 0x12, addresses4), (0x20, 0xFF, []), (0x21, 0x00, []),
            (0x21, 0x01, [9]), (0x21, 0x10, []), (0x21, 0x31, path), (0x21, 0x31, path + tlv(4, [])),
        ] as [(UInt8, UInt8, [UInt8])] {
            let bytes = ProxyProtocolTests.version2(command, family, rest)
            #expect(readHeader(bytes) == .complete(ProxyHeader(byteCount: bytes.count)), "\(command) \(family)")
        }
    }

    @Test("version 2 is refused for what is wrong with it")
    func refused2() {
        for (command, family, rest, error) in [
            (0x11, 0x11, addresses4, .badVersion), (0x31, 0x11, addresses4, .badVersion),
            (0x22, 0x11, addresses4, .badCommand), (0x2F, 0x11, addresses4, .badCommand),
            (0x21, 0x12, addresses4, .datagrams), (0x21, 0x22, addresses6, .datagrams), (0x21, 0x02, [], .datagrams),
            (0x21, 0x13, addresses4, .badFamily), (0x21, 0x41, addresses4, .badFamily),
            (0x21, 0x11, [UInt8](addresses4.dropLast()), .badLength), (0x21, 0x21, addresses4, .badLength),
            (0x21, 0x31, addresses6, .badLength), (0x21, 0x11, addresses4 + [4], .badExtension),
            (0x21, 0x11, addresses4 + [4, 0, 1], .badExtension),
            (0x21, 0x11, addresses4 + tlv(3, [1, 2, 3]), .badExtension),
            (0x21, 0x11, addresses4 + tlv(3, [1, 2, 3, 4]), .badChecksum),
        ] as [(UInt8, UInt8, [UInt8], ProxyHeaderError)] {
            let bytes = ProxyProtocolTests.version2(command, family, rest)
            #expect(readHeader(bytes) == .refused(error), "\(command) \(family) \(rest.count)")
        }
    }

    @Test("in front of a datagram version 2 is whole, and says so")
    func datagrams() {
        for (command, family, rest, wanted) in [
            (
                0x21, 0x12, addresses4,
                .complete(ProxyHeader(byteCount: 28, source: Self.four.0, destination: Self.four.1))
            ),
            (0x20, 0x00, [], .complete(ProxyHeader(byteCount: 16))),
            (0x21, 0x00, [], .complete(ProxyHeader(byteCount: 16))),
            (0x21, 0x11, addresses4, .refused(.stream)), (0x21, 0x21, addresses6, .refused(.stream)),
            (0x21, 0x22, addresses4, .refused(.badLength)), (0x31, 0x12, addresses4, .refused(.badVersion)),
        ] as [(UInt8, UInt8, [UInt8], ProxyHeaderProgress)] {
            let bytes = ProxyProtocolTests.version2(command, family, rest)
            #expect(parseProxyDatagram(bytes.span) == wanted, "\(command) \(family)")
            #expect(parseProxyDatagram((bytes + [1, 2, 3]).span) == wanted)
            // Nothing more will come: a part of a header is none.
            for count in 0..<12 { #expect(parseProxyDatagram(bytes.span.extracting(first: count)) == .absent) }
            for count in 12..<bytes.count {
                guard case .refused = parseProxyDatagram(bytes.span.extracting(first: count)) else {
                    Issue.record("\(count) bytes of \(command) \(family)")
                    continue
                }
            }
        }
        #expect(parseProxyDatagram(Array("PROXY UNKNOWN\r\n".utf8).span) == .absent)
    }

    @Test("version 2 has 4,096 bytes at most, and says so before they have come")
    func limit2() {
        for (count, fits) in [(4_095, true), (4_096, true), (4_097, false), (65_551, false)] {
            let rest = addresses4 + tlv(4, [UInt8](repeating: 0, count: count - 16 - 12 - 3))
            let bytes = ProxyProtocolTests.version2(rest)
            #expect(bytes.count == count)
            let wanted = ProxyHeader(byteCount: count, source: Self.four.0, destination: Self.four.1)
            #expect(readHeader(bytes) == (fits ? .complete(wanted) : .refused(.tooLong)))
            #expect(readHeader(Array(bytes.prefix(16))) == (fits ? .incomplete : .refused(.tooLong)))
        }
    }

    @Test("extensions are stepped over, and a checksum among them is checked (§2.2.3)")
    func extensions() {
        // RFC 3720 §B.4: CRC-32C of 32 zeros; and the check value every table of CRCs gives.
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(checksum(zeros.span, leavingOut: 32) == 0x8A91_36AA)
        let digits = Array("123456789".utf8)
        #expect(checksum(digits.span, leavingOut: 9) == 0xE306_9283)

        let before = tlv(2, Array("site.test".utf8)) + tlv(0xEA, [])
        var bytes = ProxyProtocolTests.version2(addresses4 + before + tlv(3, [0, 0, 0, 0]) + tlv(4, [0, 0]))
        let hole = 16 + 12 + before.count + 3
        let sum = checksum(bytes.span, leavingOut: hole)
        for place in 0..<4 { bytes[hole + place] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * place)) }
        let wanted = ProxyHeader(byteCount: bytes.count, source: Self.four.0, destination: Self.four.1)
        #expect(readHeader(bytes) == .complete(wanted))
        for place in bytes.indices.dropFirst(16) where place != hole - 3 {
            var changed = bytes
            changed[place] ^= 1
            #expect(readHeader(changed) != .complete(wanted), "byte \(place)")
        }
        let twice = ProxyProtocolTests.version2(addresses4 + tlv(3, [0, 0, 0, 0]) + tlv(3, [0, 0, 0, 0]))
        #expect(readHeader(twice) == .refused(.badChecksum))
    }

    @Test(
        "what begins otherwise is no header, as soon as that is sure",
        arguments: [
            "GET / HTTP/1.1\r\n", "POST", "PRI * HTTP/2.0", "P R", "proxy ", "PROXX", "\u{16}\u{3}\u{1}", "\r\nGET",
            "\r\n\r\nGET", "\r\n\r\n\u{0}\r\nQUIT\r", "\n", " PROXY ",
        ])
    func absent(_ text: String) { #expect(readHeader(Array(text.utf8)) == .absent) }
}
