import Bytes
import Testing

@Suite("Prefixes of addresses")
struct AddressPrefixTests {
    @Test(
        "are read with their first and last address, and with what was written behind them",
        arguments: [
            "10.0.0.0/8 v4 a000000 affffff 8", "10.1.2.3/8 v4 a000000 affffff 8 bits",
            "10.1.2.3 v4 a010203 a010203 32", "0.0.0.0/0 v4 0 ffffffff 0",
            "::ffff:10.0.0.0/104 v4 a000000 affffff 8", "::FFFF:0:0/96 v4 0 ffffffff 0", "::1 v6 1 1 128",
            "::/0 v6 0 ffffffffffffffffffffffffffffffff 0", "::1/0 v6 0 ffffffffffffffffffffffffffffffff 0 bits",
            "::ffff:0:0/95 v6 fffe00000000 ffffffffffff 95 bits",
        ])
    func read(_ line: String) throws {
        let words = line.split(separator: " ")
        let prefix = try #require(AddressPrefix(String(words[0])))
        let read = [
            prefix.isIPv4 ? "v4" : "v6", String(prefix.first, radix: 16), String(prefix.last, radix: 16),
            String(prefix.length),
        ]
        #expect(read + (prefix.hasHostBits ? ["bits"] : []) == words.dropFirst().map { String($0) })
    }

    @Test(
        "what is none is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/08", "::/129", "10/8", "0x7f.1",
            "127.1", "[::1]", "::1%lo", "10.0.0.0 /8", "10.0.0.0/8/8", "10.0.0.0/8 ", "010.0.0.1", "2130706433",
            "::ffff:1.2.3",
        ])
    func refused(_ text: String) { #expect(AddressPrefix(text) == nil) }
}
