/// Reads a header of either version at the front of `bytes`.
///
/// Pure: the same bytes always give the same answer, and the answer to a longer piece of the same connection never
/// contradicts one that was final. Looks at ``ProxyHeaderLimit/any`` bytes at most.
public func parseProxyHeader(_ bytes: Span<UInt8>) -> ProxyHeaderProgress {
    guard !bytes.isEmpty else { return .incomplete }
    switch bytes[0] {
    case signature1[0]:
        guard bytes.agrees(with: signature1) else { return .absent }
        return bytes.count < signature1.count ? .incomplete : parseVersion1(bytes)
    case signature2[0]:
        guard bytes.agrees(with: signature2) else { return .absent }
        return bytes.count < signature2.count ? .incomplete : parseVersion2(bytes)
    case _: return .absent
    }
}

/// Reads the header of version 2 at the front of one datagram, which has all of it or is refused. A datagram without
/// one is ``ProxyHeaderProgress/absent``; version 1 is for connections alone (§2.1).
///
/// Pure, as ``parseProxyHeader(_:)`` is; never ``ProxyHeaderProgress/incomplete``.
public func parseProxyDatagram(_ bytes: Span<UInt8>) -> ProxyHeaderProgress {
    guard bytes.count >= signature2.count, bytes.agrees(with: signature2) else { return .absent }
    let progress = parseVersion2(bytes, .datagram)
    return progress == .incomplete ? .refused(.badLength) : progress
}

/// `PROXY `
let signature1: InlineArray<6, UInt8> = [0x50, 0x52, 0x4F, 0x58, 0x59, 0x20]

/// No HTTP, TLS or other known protocol begins like this (§2.2).
let signature2: InlineArray<12, UInt8> = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

extension Span where Element == UInt8 {
    /// Whether the bytes are the beginning of `other`, or `other` that of the bytes.
    func agrees<let size: Int>(with other: InlineArray<size, UInt8>) -> Bool {
        for place in 0..<Swift.min(count, size) where self[place] != other[place] { return false }
        return true
    }

    func equals<let size: Int>(_ other: InlineArray<size, UInt8>) -> Bool {
        count == size && agrees(with: other)
    }
}
