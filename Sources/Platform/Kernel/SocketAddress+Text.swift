import Bytes

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
            guard host.last == "]" else { return nil }
            let bytes = Array(host.dropFirst().dropLast().utf8)
            guard let number = bytes.span.ipv6Number() else { return nil }
            self.init(
                ipv6High: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number), port: port)
        } else {
            let bytes = Array(host.utf8)
            guard let number = bytes.span.ipv4Number() else { return nil }
            self.init(ipv4: number, port: port)
        }
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
