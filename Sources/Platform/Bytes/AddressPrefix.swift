/// An address, or the addresses that begin with the same bits (CIDR: RFC 4632, RFC 4291 §2.3), as it is written.
///
/// The one reading of such text: whose word is believed and who is let in must not depend on which list is asked.
public struct AddressPrefix: Equatable, Sendable {
    public let isIPv4: Bool

    /// The first address, in the low bits.
    public let first: UInt128

    /// 0 to 32 for IPv4, 0 to 128 for IPv6.
    public let length: Int

    /// Bits behind the prefix were written, as in `10.1.2.3/8`; they do not count.
    public let hasHostBits: Bool

    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address alone; `nil` for anything else. An IPv6 prefix inside
    /// `::ffff:0:0/96` is the one of IPv4 that it stands for (RFC 4291 §2.5.5.2), because that is how a socket for both
    /// tells of an IPv4 client.
    public init?(_ text: Span<UInt8>) {
        var slash = 0
        while slash < text.count, text[slash] != UInt8(ascii: "/") { slash &+= 1 }
        let host = text.extracting(0..<slash)
        var (isIPv4, address, width) = (true, UInt128(0), 32)
        if let number = host.ipv4Number() {
            address = UInt128(number)
        } else if let number = host.ipv6Number() {
            (isIPv4, address, width) = (false, number, 128)
        } else {
            return nil
        }
        var length = width
        if slash < text.count {
            // The grammar of a port, one to five digits without leading zeros, holds that of a length.
            guard let number = text.extracting((slash &+ 1)...).portNumber(), Int(number) <= width else { return nil }
            length = Int(number)
        }
        if !isIPv4, length >= 96, address >> 32 == 0xffff {
            (isIPv4, width, length) = (true, 32, length - 96)
            address &= 0xffff_ffff
        }
        let hostBits: UInt128 = (1 << (width - length)) &- 1
        self.isIPv4 = isIPv4
        self.length = length
        first = address & ~hostBits
        hasHostBits = address & hostBits != 0
    }

    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }

    /// The last address, in the low bits.
    public var last: UInt128 { first | ((1 << ((isIPv4 ? 32 : 128) - length)) &- 1) }
}
