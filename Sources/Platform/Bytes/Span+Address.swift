// IP addresses as text, read byte by byte without an allocation: strangers write them into heads.

extension Span where Element == UInt8 {
    /// Four decimal numbers without leading zeros (RFC 6943 §3.1.1: other forms are read differently by different
    /// programs); `nil` for anything else.
    public func ipv4Number() -> UInt32? {
        guard (7...15).contains(count) else { return nil }
        var (address, part, digits, dots): (UInt32, UInt32, Int, Int) = (0, 0, 0, 0)
        for place in 0..<count {
            let byte = self[place]
            if byte == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                address = address << 8 | part
                (part, digits, dots) = (0, 0, dots &+ 1)
            } else {
                guard (0x30...0x39).contains(byte), digits == 0 || part != 0 else { return nil }
                part = part &* 10 &+ UInt32(byte &- 0x30)
                digits &+= 1
                guard part <= 255 else { return nil }
            }
        }
        guard digits > 0, dots == 3 else { return nil }
        return address << 8 | part
    }

    /// RFC 4291 §2.2, without brackets and without a zone; `nil` for anything else.
    public func ipv6Number() -> UInt128? {
        guard (2...45).contains(count) else { return nil }
        var value: UInt128 = 0
        var groups = 0
        // How many groups stand before "::".
        var gap: Int?
        var place = 0
        if isColon(0), isColon(1) { (gap, place) = (0, 2) }
        while place < count {
            var end = place
            var isDotted = false
            while end < count, !isColon(end) {
                if self[end] == UInt8(ascii: ".") { isDotted = true }
                end &+= 1
            }
            if isDotted {
                guard end == count, groups <= 6, let four = extracting(place..<end).ipv4Number() else { return nil }
                value = value << 32 | UInt128(four)
                groups &+= 2
                break
            }
            guard groups < 8, let group = hexadecimalGroup(place, end) else { return nil }
            value = value << 16 | UInt128(group)
            groups &+= 1
            guard end < count else { break }
            place = end &+ 1
            guard place < count else { return nil }
            if isColon(place) {
                guard gap == nil else { return nil }
                gap = groups
                place &+= 1
            }
        }
        guard let gap else { return groups == 8 ? value : nil }
        guard groups < 8 else { return nil }
        let tailBits = 16 &* (groups &- gap)
        return (value >> tailBits) << (16 &* (8 &- gap)) | (value & (1 << tailBits &- 1))
    }

    private func isColon(_ place: Int) -> Bool { self[place] == UInt8(ascii: ":") }

    /// One to four hexadecimal digits.
    private func hexadecimalGroup(_ start: Int, _ end: Int) -> UInt32? {
        guard (1...4).contains(end &- start) else { return nil }
        var group: UInt32 = 0
        for place in start..<end {
            let byte = self[place]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte &- 0x30
            case 0x61...0x66: digit = byte &- 0x57
            case 0x41...0x46: digit = byte &- 0x37
            case _: return nil
            }
            group = group << 4 | UInt32(digit)
        }
        return group
    }

    /// One to five decimal digits without leading zeros, at most 65535; `nil` for anything else.
    public func portNumber() -> UInt16? {
        guard (1...5).contains(count), count == 1 || self[0] != 0x30 else { return nil }
        var port: UInt32 = 0
        for place in 0..<count {
            guard (0x30...0x39).contains(self[place]) else { return nil }
            port = port &* 10 &+ UInt32(self[place] &- 0x30)
        }
        return UInt16(exactly: port)
    }
}
