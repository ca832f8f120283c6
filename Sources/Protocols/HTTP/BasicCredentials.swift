public import Bytes

/// The name and password of an `Authorization` field with the scheme `Basic` (RFC 7617 §2), decoded.
public struct BasicCredentials: Equatable, Sendable, BitwiseCopyable {
    /// Bytes of a name, and of a password: bcrypt does not look at more than 72, so that more would be no part of it.
    public static let nameLimit = 128
    public static let passwordLimit = 72
    /// Bytes of both with the colon between them.
    public static let byteLimit = nameLimit + 1 + passwordLimit

    /// The name is what comes before the first colon.
    public let nameCount: Int

    /// Writes `name:password` into `text`, an empty buffer with room for ``byteLimit`` bytes.
    ///
    /// - Returns: `nil` for another scheme, and for what is malformed or too long; what `text` holds then means
    ///   nothing. Base 64 is read strictly (RFC 4648 §3.5, §4): padded, one way to write it; names and passwords have
    ///   no control characters, zero among them.
    public init?(_ value: Span<UInt8>, decodedInto text: Buffer) {
        guard value.count > 6, value.equalsIgnoringCase("basic", at: 0), value[5] == UInt8(ascii: " ") else {
            return nil
        }
        var start = 6
        while start < value.count, value[start] == UInt8(ascii: " ") { start &+= 1 }
        let count = value.count &- start
        guard count > 0, count & 3 == 0, count <= (Self.byteLimit + 2) / 3 * 4,
            decodeBase64(value.extracting(start..<value.count), into: text), text.count <= Self.byteLimit
        else { return nil }
        let bytes = text.readable
        var colon = -1
        for place in 0..<bytes.count {
            let byte = bytes[place]
            guard byte >= 0x20, byte != 0x7f else { return nil }
            if byte == UInt8(ascii: ":"), colon < 0 { colon = place }
        }
        guard (0...Self.nameLimit).contains(colon), bytes.count &- colon &- 1 <= Self.passwordLimit else { return nil }
        nameCount = colon
    }
}

/// Whole groups of four, of which the last may be padded. `false`: a byte that does not belong there.
private func decodeBase64(_ text: Span<UInt8>, into output: Buffer) -> Bool {
    var place = 0
    while place < text.count {
        let isLast = place &+ 4 == text.count
        let padding =
            !isLast || text[place &+ 3] != UInt8(ascii: "=") ? 0 : text[place &+ 2] == UInt8(ascii: "=") ? 2 : 1
        var group: UInt32 = 0
        for offset in 0..<4 {
            guard offset < 4 &- padding else {
                group &<<= 6
                continue
            }
            guard let digit = base64Digit(text[place &+ offset]) else { return false }
            group = group &<< 6 | UInt32(digit)
        }
        // RFC 4648 §3.5: bits that say nothing are zero, or there would be several ways to write one password.
        guard padding == 0 || group & (padding == 1 ? 0xff : 0xffff) == 0 else { return false }
        output.append(UInt8(truncatingIfNeeded: group &>> 16))
        if padding < 2 { output.append(UInt8(truncatingIfNeeded: group &>> 8)) }
        if padding < 1 { output.append(UInt8(truncatingIfNeeded: group)) }
        place &+= 4
    }
    return true
}

private func base64Digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte &- UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte &- UInt8(ascii: "a") &+ 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0") &+ 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    case _: nil
    }
}
