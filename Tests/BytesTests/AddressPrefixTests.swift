import Bytes
import Testing

@Suite("Prefixes of addresses")
struct AddressPrefixTests {
    @Test(
        "are read with their first and last address, and with what was written behind them",
        arguments: [
            ("10.0.0.0/8", true, 0x0a00_0000, 0x0aff_ffff, 8, false),
            ("10.1.2.3/8", true, 0x0a00_0000, 0x0aff_ffff, 8, true),
            ("10.1.2.3", true, 0x0a01_0203, 0x0a01_0203, 32, false), ("0.0.0.0/0", true, 0, 0xffff_ffff, 0, false),
            ("::ffff:10.0.0.0/104", true, 0x0a00_0000, 0x0aff_ffff, 8, false),
            ("::FFFF:0:0/96", true, 0, 0xffff_ffff, 0, false), ("::1", false, 1, 1, 128, false),
            ("::/0", false, 0, UInt128.max, 0, false), ("::1/0", false, 0, UInt128.max, 0, true),
            ("::ffff:0:0/95", false, 0xfffe_0000_0000, 0xffff_ffff_ffff, 95, true),
        ] as [(String, Bool, UInt128, UInt128, Int, Bool)])
    func read(_ text: String, _ isIPv4: Bool, _ first: UInt128, _ last: UInt128, _ length: Int, _ hasBits: Bool) throws
    {
        let prefix = try #require(AddressPrefix(text))
        #expect(prefix.isIPv4 == isIPv4 && prefix.first == first && prefix.last == last)
        #expect(prefix.length == length && prefix.hasHostBits == hasBits)
    }

    @Test(
        "what is none is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/08", "::/129", "10/8", "0x7f.1",
            "127.1",
            "[::1]", "::1%lo", "10.0.0.0 /8", "10.0.0.0/8/8", "10.0.0.0/8 ", "010.0.0.1", "2130706433", "::ffff:1.2.3",
        ])
    func refused(_ text: String) { #expect(AddressPrefix(text) == nil) }
}
