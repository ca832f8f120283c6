import Bytes
import TestKit
import Testing

@testable import Kernel

@Suite("Addresses in ranges")
struct AddressSetTests {
    private func address(_ text: String) throws -> SocketAddress {
        let bytes = Array(text.utf8)
        let address = SocketAddress(forwarded: bytes.span)
        return try #require(address, "\(text)")
    }

    @Test(
        "a range holds its first and last address and not their neighbours",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"),
            ("192.0.2.7/32", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"),
            ("192.0.2.9/29", "192.0.2.8", "192.0.2.15", "192.0.2.7", "192.0.2.16"),
            ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7::", "2001:db9::"),
            ("::1/128", "::1", "::1", "::", "::2"), ("fe80::/10", "fe80::1", "febf::", "fe7f::", "fec0::"),
            ("::ffff:10.0.0.0/104", "10.0.0.0", "::ffff:10.255.255.255", "9.255.255.255", "11.0.0.0"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::", "2001:db8::1"),
            ("::/0", "::", "ffff::", "1.2.3.4", "::ffff:1.2.3.4"),
        ])
    func bounds(_ range: String, _ first: String, _ last: String, _ before: String, _ behind: String) throws {
        let set = AddressSet([try #require(AddressPrefix(range))])
        for text in [first, last] { #expect(set.contains(try address(text)), "\(text)") }
        for text in [before, behind] { #expect(!set.contains(try address(text)), "\(text)") }
    }

    @Test(
        "what is no range is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/08", "::/129", "10/8",
            "10.0.0/8", "name", "[::1]", "::1%lo", "10.0.0.0 /8", "10.0.0.0:80", "::g/1", "10.0.0.0/99999",
        ])
    func refused(_ text: String) { #expect(AddressPrefix(text) == nil) }

    @Test("nobody is in an empty set")
    func empty() throws {
        #expect(AddressSet().isEmpty && AddressSet([]) == AddressSet())
        for text in ["0.0.0.0", "::", "127.0.0.1"] { #expect(!AddressSet().contains(try address(text))) }
    }

    @Test("many ranges answer as each of them alone", arguments: 1...20 as ClosedRange<UInt64>)
    func many(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        func number() -> UInt32 { 0x0a00_0000 | UInt32.random(in: 0...4_095, using: &generator) }
        let texts = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
            let host = SocketAddress(ipv4: number(), port: 0).host
            let mapped = Bool.random(using: &generator)
            let length = Int.random(in: 24...32, using: &generator)
            return mapped ? "::ffff:\(host)/\(length + 96)" : "\(host)/\(length)"
        }
        let ranges = try texts.map { try #require(AddressPrefix($0)) }
        let set = AddressSet(ranges)
        let alone = ranges.map { AddressSet([$0]) }
        for _ in 0..<500 {
            let address = SocketAddress(ipv4: number(), port: 1)
            #expect(set.contains(address) == alone.contains { $0.contains(address) }, "\(address) in \(texts)")
        }
        #expect(AddressSet(ranges.reversed()) == set)
    }

    @Test(
        "entries of X-Forwarded-For are read as proxies write them",
        arguments: [
            ("192.0.2.1", "192.0.2.1:0"), ("192.0.2.1:80", "192.0.2.1:80"), ("2001:db8::1", "[2001:db8::1]:0"),
            ("[2001:db8::1]", "[2001:db8::1]:0"), ("[2001:db8::1]:80", "[2001:db8::1]:80"),
            ("::ffff:192.0.2.1", "192.0.2.1:0"), ("[::ffff:c000:201]:65535", "192.0.2.1:65535"), ("::", "[::]:0"),
        ])
    func forwarded(_ text: String, _ wanted: String) throws { #expect(try address(text).description == wanted) }

    @Test(
        "what is no address is refused",
        arguments: [
            "", "unknown", "_hidden", "192.0.2", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:08", "192.0.2.1 ", "[]",
            "[::1", "[::1]80", "[::1]:", "[::1]x", "[192.0.2.1]", ":", "::1]", "\"[::1]\"", "fe80::1%eth0", "1:2:3",
            "192.0.2.1:80:80", "\u{0}",
        ])
    func notForwarded(_ text: String) {
        let bytes = Array(text.utf8)
        let address = SocketAddress(forwarded: bytes.span)
        #expect(address == nil)
    }
}
