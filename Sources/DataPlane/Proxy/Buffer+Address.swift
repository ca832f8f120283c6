import Bytes
import Kernel

extension Buffer {
    /// An IPv6 address in the form of RFC 5952: lower case, no leading zeros, the longest run of two or more groups of
    /// zeros as `::`, of equally long ones the first. 39 bytes at most; the room for 55 is asked for.
    func append(ipv6 address: SocketAddress) {
        let (high, low) = address.ipv6
        func group(_ place: Int) -> UInt64 {
            (place < 4 ? high : low) >> UInt64(48 &- 16 &* (place & 3)) & 0xffff
        }
        var (gap, gapEnd) = (8, 8)
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, group(end) == 0 { end &+= 1 }
            if end &- start > max(1, gapEnd &- gap) { (gap, gapEnd) = (start, end) }
            start = end &+ 1
        }
        var place = 0
        while place < 8 {
            if place == gap {
                append("::")
                place = gapEnd
                continue
            }
            if place > 0, place != gapEnd { append(UInt8(ascii: ":")) }
            append(hexadecimal: group(place))
            place &+= 1
        }
    }
}
