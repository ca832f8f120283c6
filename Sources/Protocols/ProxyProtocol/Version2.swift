/// The binary form (§2.2): signature, version and command, family and transport, length; then addresses and extensions
/// of that length. The signature was compared already. Each byte of the fixed part is judged as soon as it is here.
func parseVersion2(_ bytes: Span<UInt8>, _ carrier: ProxyTransport = .stream) -> ProxyHeaderProgress {
    guard bytes.count > 12 else { return .incomplete }
    guard bytes[12] >> 4 == 2 else { return .refused(.badVersion) }
    guard let command = Command(rawValue: bytes[12] & 15) else { return .refused(.badCommand) }
    guard bytes.count > 13 else { return .incomplete }
    var family = Family.unspecified
    switch command {
    // "The receiver must discard the protocol block including the family": a check by the proxy itself.
    case .local: break
    case .proxy:
        guard let told = Family(rawValue: bytes[13] >> 4), let transport = Transport(rawValue: bytes[13] & 15) else {
            return .refused(.badFamily)
        }
        switch transport {
        case .datagram:
            guard carrier == .datagram else { return .refused(.datagrams) }
            family = told
        case .stream:
            guard carrier == .stream else { return .refused(.stream) }
            family = told
        case .unspecified: break
        }
    }
    guard bytes.count >= fixedCount else { return .incomplete }
    let byteCount = fixedCount &+ (Int(bytes[14]) << 8 | Int(bytes[15]))
    guard byteCount <= ProxyHeaderLimit.version2 else { return .refused(.tooLong) }
    guard byteCount >= fixedCount &+ family.addressBytes else { return .refused(.badLength) }
    guard bytes.count >= byteCount else { return .incomplete }
    let header = bytes.extracting(0..<byteCount)
    // What a family without addresses has behind the fixed part is for nobody to read.
    if family != .unspecified, let error = checkExtensions(header, from: fixedCount &+ family.addressBytes) {
        return .refused(error)
    }
    switch family {
    case .unspecified, .unix: return .complete(ProxyHeader(byteCount: byteCount))
    case .ipv4:
        func address(_ at: Int, _ portAt: Int) -> ProxiedAddress {
            .ipv4(UInt32(truncatingIfNeeded: header.number(at, 4)), port: header.port(portAt))
        }
        return .complete(ProxyHeader(byteCount: byteCount, source: address(16, 24), destination: address(20, 26)))
    case .ipv6:
        func address(_ at: Int, _ portAt: Int) -> ProxiedAddress {
            .ipv6(header.number(at, 16), port: header.port(portAt))
        }
        return .complete(ProxyHeader(byteCount: byteCount, source: address(16, 48), destination: address(32, 50)))
    }
}

private let fixedCount = 16

private enum Command: UInt8 { case local, proxy }

private enum Transport: UInt8 { case unspecified, stream, datagram }

private enum Family: UInt8 {
    case unspecified, ipv4, ipv6, unix

    /// Two addresses, with their ports where there are ports.
    var addressBytes: Int {
        switch self {
        case .unspecified: 0
        case .ipv4: 12
        case .ipv6: 36
        case .unix: 216
        }
    }
}

/// Each extension has a type, a length of two bytes and that many bytes (§2.2.1). None is used, but where one carries
/// the checksum of the header, the header must have it (§2.2.3).
private func checkExtensions(_ header: Span<UInt8>, from start: Int) -> ProxyHeaderError? {
    var at = start
    var isChecked = false
    while at < header.count {
        guard at &+ 3 <= header.count else { return .badExtension }
        let count = Int(header.number(at &+ 1, 2))
        let value = at &+ 3
        guard value &+ count <= header.count else { return .badExtension }
        if header[at] == checksumType {
            // Once: a header full of checksums would cost more than it is worth.
            guard count == 4, !isChecked else { return .badExtension }
            isChecked = true
            guard checksum(header, leavingOut: value) == UInt32(truncatingIfNeeded: header.number(value, 4)) else {
                return .badChecksum
            }
        }
        at = value &+ count
    }
    return nil
}

/// PP2_TYPE_CRC32C
private let checksumType: UInt8 = 0x03

/// CRC-32C (Castagnoli) of the header, with zeros in place of the four bytes that hold it. Bit by bit: a header is
/// short and comes once a connection.
func checksum(_ header: Span<UInt8>, leavingOut hole: Int) -> UInt32 {
    var sum = UInt32.max
    for place in 0..<header.count {
        if place < hole || place >= hole &+ 4 { sum ^= UInt32(header[place]) }
        for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
    return ~sum
}

extension Span where Element == UInt8 {
    /// Big-endian.
    fileprivate func number(_ start: Int, _ size: Int) -> UInt128 {
        var number: UInt128 = 0
        for place in start..<(start &+ size) { number = number << 8 | UInt128(self[place]) }
        return number
    }

    fileprivate func port(_ start: Int) -> UInt16 { UInt16(truncatingIfNeeded: number(start, 2)) }
}
