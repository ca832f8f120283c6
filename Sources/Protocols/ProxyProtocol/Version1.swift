import Bytes

/// One line of text (§2.1): `PROXY TCP4 192.0.2.1 198.51.100.1 4711 443` with a CRLF; also `TCP6`, and `UNKNOWN` with
/// anything behind it. The signature was compared already.
///
/// Nothing is judged before the line has ended, but a control byte or a length that no line can have.
func parseVersion1(_ bytes: Span<UInt8>) -> ProxyHeaderProgress {
    let limit = ProxyHeaderLimit.version1
    // The CR is the last byte but one at the latest.
    var end = signature1.count
    while end < bytes.count, end < limit &- 1, bytes[end] != 0x0D {
        guard bytes[end] >= 0x20, bytes[end] < 0x7F else { return .refused(.badLine) }
        end &+= 1
    }
    guard end < limit &- 1 else { return .refused(.tooLong) }
    guard end &+ 1 < bytes.count else { return .incomplete }
    guard bytes[end &+ 1] == 0x0A else { return .refused(.badLine) }
    return parseLine(bytes.extracting(0..<end), byteCount: end &+ 2)
}

private func parseLine(_ line: Span<UInt8>, byteCount: Int) -> ProxyHeaderProgress {
    var words = Words(place: signature1.count)
    guard let family = words.next(in: line) else { return .refused(.badLine) }
    // Whatever follows is for nobody to read (§2.1).
    if line.extracting(family).equals(unknown) { return .complete(ProxyHeader(byteCount: byteCount)) }
    let isIPv6 = line.extracting(family).equals(tcp6)
    guard isIPv6 || line.extracting(family).equals(tcp4) else { return .refused(.badFamily) }
    guard let first = words.next(in: line), let second = words.next(in: line), let third = words.next(in: line),
        let fourth = words.next(in: line), words.isAtEnd(of: line)
    else { return .refused(.badLine) }
    guard let sourcePort = line.extracting(third).portNumber(),
        let destinationPort = line.extracting(fourth).portNumber()
    else { return .refused(.badPort) }
    guard let source = address(line.extracting(first), isIPv6, sourcePort),
        let destination = address(line.extracting(second), isIPv6, destinationPort)
    else { return .refused(.badAddress) }
    return .complete(ProxyHeader(byteCount: byteCount, source: source, destination: destination))
}

/// `TCP4`, `TCP6`, `UNKNOWN`
private let tcp4: InlineArray<4, UInt8> = [0x54, 0x43, 0x50, 0x34]
private let tcp6: InlineArray<4, UInt8> = [0x54, 0x43, 0x50, 0x36]
private let unknown: InlineArray<7, UInt8> = [0x55, 0x4E, 0x4B, 0x4E, 0x4F, 0x57, 0x4E]

private func address(_ text: Span<UInt8>, _ isIPv6: Bool, _ port: UInt16) -> ProxiedAddress? {
    if isIPv6 { return text.ipv6Number().map { .ipv6($0, port: port) } }
    return text.ipv4Number().map { .ipv4($0, port: port) }
}

/// Words with exactly one space between them.
private struct Words {
    var place: Int

    /// The next word, which is not empty; `nil` at the end and for a second space.
    mutating func next(in line: Span<UInt8>) -> Range<Int>? {
        guard place < line.count else { return nil }
        let start = place
        while place < line.count, line[place] != 0x20 { place &+= 1 }
        let word = start..<place
        place &+= 1
        return word.isEmpty ? nil : word
    }

    /// The last word ended with the line, not with a space.
    func isAtEnd(of line: Span<UInt8>) -> Bool { place == line.count &+ 1 }
}
