extension SocketAddress {
    /// Reads `1.2.3.4:80` or `[2001:db8::1]:80`; `nil` for anything else. Names are not resolved.
    public init?(text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = UInt16(digits)
        else { return nil }
        let host = text[..<colon]
        if host.first == "[" {
            guard host.last == "]", let (high, low) = Self.ipv6(host.dropFirst().dropLast()) else { return nil }
            self.init(ipv6High: high, low: low, port: port)
        } else {
            guard let address = Self.ipv4(host) else { return nil }
            self.init(ipv4: address, port: port)
        }
    }

    /// Four decimal numbers without leading zeros (RFC 6943 §3.1.1: other forms are read differently by different
    /// programs).
    static func ipv4(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (48...57).contains($0) }),
                part.utf8.count == 1 || part.first != "0", let number = UInt8(part)
            else { return nil }
            address = address << 8 | UInt32(number)
        }
        return address
    }

    /// RFC 4291 §2.2, without a zone.
    static func ipv6(_ text: some StringProtocol) -> (UInt64, UInt64)? {
        guard text.utf8.count <= 45 else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var rest = Substring(text)
        if rest.hasPrefix("::") {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let part = rest.prefix { $0 != ":" }
            rest = rest.dropFirst(part.count)
            if part.contains(".") {
                guard rest.isEmpty, let four = ipv4(part) else { return nil }
                groups += [UInt16(four >> 16), UInt16(four & 0xffff)]
                break
            }
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(\.isHexadecimal),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
            guard !rest.isEmpty else { break }
            rest = rest.dropFirst()
            guard !rest.isEmpty else { return nil }
            if rest.first == ":" {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        let number = { (range: Range<Int>) in groups[range].reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
        return (number(0..<4), number(4..<8))
    }
}

extension UInt8 {
    fileprivate var isHexadecimal: Bool {
        (48...57).contains(self) || (97...102).contains(self) || (65...70).contains(self)
    }
}

extension SocketAddress: CustomStringConvertible {
    /// `1.2.3.4:80`, `[2001:db8::1]:80`
    public var description: String { family == .ipv4 ? "\(host):\(port)" : "[\(host)]:\(port)" }

    /// The address without the port, IPv6 in the form of RFC 5952.
    public var host: String {
        switch family {
        case .ipv4: return [24, 16, 8, 0].map { "\(ipv4 >> $0 & 255)" }.joined(separator: ".")
        case .ipv6:
            let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> (48 - 16 * ($0 & 3))) }
            var best = 0..<0
            var start = 0
            while start < 8 {
                let end = groups[start...].firstIndex { $0 != 0 } ?? 8
                if end - start > max(best.count, 1) { best = start..<end }
                start = max(end, start + 1)
            }
            let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
            return best.isEmpty
                ? text(groups[...]) : text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
        }
    }
}
