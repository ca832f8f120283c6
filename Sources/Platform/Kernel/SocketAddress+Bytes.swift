import Bytes

extension SocketAddress {
    /// The sixteen bytes of an IPv6 address. One that stands for an IPv4 address (`::ffff:192.0.2.1`, RFC 4291
    /// §2.5.5.2) becomes that address: one peer has one name, whatever way it was written.
    public init(ipv6 number: UInt128, port: UInt16) {
        if number >> 32 == 0xffff {
            self.init(ipv4: UInt32(truncatingIfNeeded: number), port: port)
        } else {
            self.init(
                ipv6High: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number), port: port)
        }
    }

    /// The address as one number: 32 bits of IPv4 or 128 of IPv6. A mapped IPv4 address counts as IPv4.
    var number: (value: UInt128, isIPv4: Bool) {
        switch family {
        case .ipv4: return (UInt128(low), true)
        case .ipv6:
            let value = UInt128(high) << 64 | UInt128(low)
            return value >> 32 == 0xffff ? (UInt128(UInt32(truncatingIfNeeded: low)), true) : (value, false)
        }
    }

    /// Reads an address as proxies write it into `X-Forwarded-For`: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
    /// `[2001:db8::1]` or `[2001:db8::1]:80`; `nil` for anything else. The port is 0 where none is.
    public init?(forwarded bytes: Span<UInt8>) {
        guard let first = bytes.isEmpty ? nil : bytes[0] else { return nil }
        if first == UInt8(ascii: "[") {
            var close = 1
            while close < bytes.count, bytes[close] != UInt8(ascii: "]") { close &+= 1 }
            guard close < bytes.count, let number = bytes.extracting(1..<close).ipv6Number() else { return nil }
            guard let port = Self.port(bytes, from: close &+ 1) else { return nil }
            self.init(ipv6: number, port: port)
            return
        }
        var (colons, colon) = (0, bytes.count)
        for place in 0..<bytes.count where bytes[place] == UInt8(ascii: ":") {
            if colons == 0 { colon = place }
            colons &+= 1
        }
        if colons > 1 {
            guard let number = bytes.ipv6Number() else { return nil }
            self.init(ipv6: number, port: 0)
        } else {
            guard let number = bytes.extracting(0..<colon).ipv4Number(), let port = Self.port(bytes, from: colon) else {
                return nil
            }
            self.init(ipv4: number, port: port)
        }
    }

    /// `:port` at the end, or nothing.
    private static func port(_ bytes: Span<UInt8>, from start: Int) -> UInt16? {
        if start == bytes.count { return 0 }
        guard bytes[start] == UInt8(ascii: ":") else { return nil }
        return bytes.extracting((start &+ 1)..<bytes.count).portNumber()
    }
}
