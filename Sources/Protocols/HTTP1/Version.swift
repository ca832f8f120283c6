import HTTP

enum ParsedVersion {
    case version(HTTPVersion)
    case needMore
    case refused(HeadError)
}

/// The eight bytes of `HTTP-version` at `start` (RFC 9112 §2.3), case-sensitive.
///
/// 1.2 to 1.9 are refused like 2 and above: they do not exist, and reading them as 1.1 serves only attackers.
@inline(__always)
func parsedVersion(_ bytes: Span<UInt8>, at start: Int) -> ParsedVersion {
    if start &+ 8 <= bytes.count, bytes.equals("HTTP/1.1", at: start) { return .version(.http11) }
    return parsedOtherVersion(bytes, at: start)
}

@inline(never)
private func parsedOtherVersion(_ bytes: Span<UInt8>, at start: Int) -> ParsedVersion {
    for offset in 0..<8 {
        guard start &+ offset < bytes.count else { return .needMore }
        let byte = bytes[start &+ offset]
        let fits =
            switch offset {
            case 0: byte == UInt8(ascii: "H")
            case 1, 2: byte == UInt8(ascii: "T")
            case 3: byte == UInt8(ascii: "P")
            case 4: byte == .slash
            case 6: byte == UInt8(ascii: ".")
            default: byte.isDigit
            }
        if !fits { return .refused(.badVersion) }
    }
    if bytes.equals("HTTP/1.0", at: start) { return .version(.http10) }
    return bytes.equals("HTTP/1.1", at: start) ? .version(.http11) : .refused(.unsupportedVersion)
}
