import HTTP

/// Whether `bytes[start..<end]` is `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2).
///
/// Stricter than the grammar where it permits what only attacks use: the host may not be empty, nor the port after a
/// colon; the port is at most 65535; user information, commas, IPvFuture and zone identifiers are refused.
func isAuthority(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
    guard start < end else { return false }
    var at = start
    if bytes[at] == UInt8(ascii: "[") {
        let close = bytes.first(UInt8(ascii: "]"), from: at, to: end)
        guard close < end, isIPv6(bytes, from: at &+ 1, to: close) else { return false }
        at = close &+ 1
    } else {
        at = min(bytes.plainEnd(from: at), end)
        while at < end {
            let byte = bytes[at]
            if ByteSet.regName.contains(byte) {
                at &+= 1
            } else if byte == UInt8(ascii: "%") {
                guard at &+ 2 < end, ByteSet.hexDigit.contains(bytes[at &+ 1]),
                    ByteSet.hexDigit.contains(bytes[at &+ 2])
                else { return false }
                at &+= 3
            } else {
                break
            }
        }
        if at == start { return false }
    }
    return at == end || bytes[at] == .colon && isPort(bytes, from: at &+ 1, to: end)
}

/// One to five digits, at most 65535.
private func isPort(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
    guard start < end, end &- start <= 5 else { return false }
    var port = 0
    for at in start..<end {
        guard bytes[at].isDigit else { return false }
        port = port &* 10 &+ Int(bytes[at] &- 0x30)
    }
    return port <= 65535
}

/// `IPv6address` of RFC 3986 §3.2.2, without its brackets.
private func isIPv6(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
    // Eight groups of sixteen bits; one run of them may be left out as "::"; the last two may be an IPv4 address.
    var groups = 0
    var elided = false
    var at = start
    if end &- start >= 2, bytes[at] == .colon, bytes[at &+ 1] == .colon {
        elided = true
        at &+= 2
    }
    while at < end {
        let groupStart = at
        while at < end, ByteSet.hexDigit.contains(bytes[at]) { at &+= 1 }
        if at < end, bytes[at] == UInt8(ascii: ".") {
            guard isIPv4(bytes, from: groupStart, to: end) else { return false }
            groups &+= 2
            return elided ? groups <= 7 : groups == 8
        }
        guard at > groupStart, at &- groupStart <= 4 else { return false }
        groups &+= 1
        if at == end { break }
        guard bytes[at] == .colon else { return false }
        at &+= 1
        if at < end, bytes[at] == .colon {
            if elided { return false }
            elided = true
            at &+= 1
        } else if at == end {
            // A single colon ends no address.
            return false
        }
    }
    return elided ? groups <= 7 : groups == 8
}

/// Four decimal numbers up to 255 without leading zeros, with dots between.
private func isIPv4(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
    var at = start
    for part in 0..<4 {
        if part > 0 {
            guard at < end, bytes[at] == UInt8(ascii: ".") else { return false }
            at &+= 1
        }
        let partStart = at
        var value = 0
        while at < end, bytes[at].isDigit, at &- partStart < 3 {
            value = value &* 10 &+ Int(bytes[at] &- 0x30)
            at &+= 1
        }
        guard at > partStart, value <= 255 else { return false }
        if at &- partStart > 1, bytes[partStart] == 0x30 { return false }
    }
    return at == end
}
