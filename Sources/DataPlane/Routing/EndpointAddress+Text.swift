extension EndpointAddress {
    /// Reads `1.2.3.4:80` or `[2001:db8::1]:80`; `nil` for anything else. Names are not resolved here, port 0 is none.
    public init?(text: String) {
        let bytes = Array(text.utf8)
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), colon > 0 else { return nil }
        guard let port = parseDecimal(bytes[(colon + 1)...], digits: 5), let port = UInt16(exactly: port), port > 0
        else { return nil }
        let address: EndpointAddress? = bytes.withRun { run in
            let host = run.first(colon)
            guard host[0] == UInt8(ascii: "[") else {
                return parseIPv4(host).map { EndpointAddress(ipv4: $0, port: port) }
            }
            guard host.count > 2, host[host.count - 1] == UInt8(ascii: "]") else { return nil }
            return parseIPv6(host.first(host.count - 1).dropping(1)).map {
                EndpointAddress(ipv6High: $0.high, low: $0.low, port: port)
            }
        }
        guard let address else { return nil }
        self = address
    }

    /// The one text of this address, IPv6 in the form of RFC 5952. At most 47 bytes.
    public var text: String {
        switch family {
        case .ipv4:
            "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255):\(port)"
        case .ipv6: "\(String(decoding: literalText(high: high, low: low), as: UTF8.self)):\(port)"
        }
    }
}

private func parseDecimal(_ bytes: ArraySlice<UInt8>, digits: Int) -> Int? {
    guard (1...digits).contains(bytes.count) else { return nil }
    var number = 0
    for byte in bytes {
        guard byte &- UInt8(ascii: "0") < 10 else { return nil }
        number = number * 10 + Int(byte &- UInt8(ascii: "0"))
    }
    return number
}

/// Four decimal numbers without leading zeros (RFC 6943 §3.1.1: other forms are read differently by different
/// programs).
func parseIPv4(_ text: ByteRun) -> UInt32? {
    var address: UInt32 = 0
    var parts = 0
    var index = 0
    while true {
        let start = index
        var number: UInt32 = 0
        while index < text.count, text[index] &- UInt8(ascii: "0") < 10, index &- start < 3 {
            number = number &* 10 &+ UInt32(text[index] &- UInt8(ascii: "0"))
            index &+= 1
        }
        guard index > start, number < 256, index &- start == 1 || text[start] != UInt8(ascii: "0") else { return nil }
        address = address &<< 8 | number
        parts &+= 1
        if parts == 4 { return index == text.count ? address : nil }
        guard index < text.count, text[index] == UInt8(ascii: ".") else { return nil }
        index &+= 1
    }
}

/// RFC 4291 §2.2, without a zone.
func parseIPv6(_ text: ByteRun) -> (high: UInt64, low: UInt64)? {
    var groups: [8 of UInt16] = .init(repeating: 0)
    var count = 0
    var gap = -1
    var index = 0
    if text.count >= 2, text[0] == UInt8(ascii: ":"), text[1] == UInt8(ascii: ":") {
        gap = 0
        index = 2
    }
    while index < text.count {
        let start = index
        var number: UInt16 = 0
        while index < text.count, index &- start < 4, let digit = hexadecimal(text[index]) {
            number = number &<< 4 | UInt16(digit)
            index &+= 1
        }
        if index < text.count, text[index] == UInt8(ascii: ".") {
            guard count <= 6, let four = parseIPv4(text.dropping(start)) else { return nil }
            groups[count] = UInt16(truncatingIfNeeded: four &>> 16)
            groups[count &+ 1] = UInt16(truncatingIfNeeded: four)
            count &+= 2
            break
        }
        guard index > start, count < 8 else { return nil }
        groups[count] = number
        count &+= 1
        guard index < text.count else { break }
        guard text[index] == UInt8(ascii: ":") else { return nil }
        index &+= 1
        guard index < text.count else { return nil }
        if text[index] == UInt8(ascii: ":") {
            guard gap < 0 else { return nil }
            gap = count
            index &+= 1
        }
    }
    guard gap < 0 ? count == 8 : count < 8 else { return nil }
    var words: (high: UInt64, low: UInt64) = (0, 0)
    for place in 0..<8 {
        let behind = count &- (8 &- place)
        let group = gap < 0 || place < gap ? groups[place] : behind >= gap ? groups[behind] : 0
        if place < 4 {
            words.high = words.high &<< 16 | UInt64(group)
        } else {
            words.low = words.low &<< 16 | UInt64(group)
        }
    }
    return words
}

func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- UInt8(ascii: "a") &+ 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- UInt8(ascii: "A") &+ 10
    default: nil
    }
}

/// `[…]` as RFC 5952 wants it: lower case, no leading zeros, the first longest run of two or more zero groups
/// left out.
func literalText(high: UInt64, low: UInt64) -> [UInt8] {
    let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> (48 - 16 * ($0 & 3))) }
    var best = 0..<0
    var start = 0
    while start < 8 {
        let end = groups[start...].firstIndex { $0 != 0 } ?? 8
        if end - start > max(best.count, 1) { best = start..<end }
        start = max(end, start + 1)
    }
    let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
    let inside =
        best.isEmpty ? text(groups[...]) : text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    return Array("[\(inside)]".utf8)
}
