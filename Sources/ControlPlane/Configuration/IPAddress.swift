/// An IP address, read and written without the system's help.
enum IPAddress: Hashable {
    case v4([UInt8])
    /// Eight groups.
    case v6([UInt16])

    /// Four decimal numbers (RFC 6943 §3.1.1, the strict form: no octal, no short forms), or RFC 4291 §2.2 without a
    /// zone.
    init?(_ text: some StringProtocol) {
        if let bytes = Self.parseV4(text) {
            self = .v4(bytes)
        } else if let groups = Self.parseV6(text) {
            self = .v6(groups)
        } else {
            return nil
        }
    }

    private static func parseV4(_ text: some StringProtocol) -> [UInt8]? {
        guard (7...15).contains(text.utf8.count) else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var value = 0
            for digit in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
                value = value * 10 + Int(digit - UInt8(ascii: "0"))
            }
            guard let byte = UInt8(exactly: value) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func parseV6(_ text: some StringProtocol) -> [UInt16]? {
        guard (2...45).contains(text.utf8.count), text.utf8.contains(UInt8(ascii: ":")) else { return nil }
        let bytes = Array(text.utf8)
        let colon = UInt8(ascii: ":")
        var gap: Int?
        for index in 1..<bytes.count where bytes[index] == colon && bytes[index - 1] == colon {
            guard gap == nil else { return nil }
            gap = index - 1
        }
        guard let gap else {
            guard let groups = groups(in: bytes[...], embedsV4: true), groups.count == 8 else { return nil }
            return groups
        }
        guard let head = groups(in: bytes[..<gap], embedsV4: false),
            let tail = groups(in: bytes[(gap + 2)...], embedsV4: true), head.count + tail.count <= 7
        else { return nil }
        return head + [UInt16](repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func groups(in bytes: ArraySlice<UInt8>, embedsV4: Bool) -> [UInt16]? {
        guard !bytes.isEmpty else { return [] }
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if embedsV4, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let last = parseV4(String(decoding: part, as: UTF8.self)) else { return nil }
                groups.append(UInt16(last[0]) << 8 | UInt16(last[1]))
                groups.append(UInt16(last[2]) << 8 | UInt16(last[3]))
                continue
            }
            guard (1...4).contains(part.count), part.allSatisfy(isHexDigit),
                let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    /// RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups as `::`.
    var canonical: String {
        switch self {
        case .v4(let bytes): return bytes.map { String($0) }.joined(separator: ".")
        case .v6(let groups):
            var longest = 0..<0
            var index = 0
            while index < groups.count {
                var end = index
                while end < groups.count, groups[end] == 0 { end += 1 }
                if end - index > max(1, longest.count) { longest = index..<end }
                index = max(end, index + 1)
            }
            func text(_ part: some Sequence<UInt16>) -> String {
                part.map { String($0, radix: 16) }.joined(separator: ":")
            }
            if longest.isEmpty { return text(groups) }
            return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
        }
    }

    /// Bits of an address of this family.
    var width: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    /// The address with only its first `length` bits (0 to `width`) left.
    func network(_ length: Int) -> IPAddress {
        func kept<Part: FixedWidthInteger>(_ parts: [Part]) -> [Part] {
            parts.enumerated().map { index, part in
                let bits = min(max(length - index * Part.bitWidth, 0), Part.bitWidth)
                return part & (Part.max << (Part.bitWidth - bits))
            }
        }
        switch self {
        case .v4(let bytes): return .v4(kept(bytes))
        case .v6(let groups): return .v6(kept(groups))
        }
    }

    func canonical(port: Int) -> String {
        switch self {
        case .v4: "\(canonical):\(port)"
        case .v6: "[\(canonical)]:\(port)"
        }
    }
}
