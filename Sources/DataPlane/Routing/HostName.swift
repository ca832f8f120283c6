/// Lengths that matching and compiling agree on.
enum HostLimits {
    /// A host name of a request, bytes, without port and trailing dot. Longer ones match nothing.
    static let nameBytes = 255
    /// Room for the name and the zeros behind it.
    static let room = 264
}

/// A request's host in the form that is compared: lower case, no port, no trailing dot.
enum HostReading: BitwiseCopyable {
    /// Written to the room, zeros behind it; `hash` as of an exact host.
    case name(ByteRun, hash: UInt64)
    /// The request named no host.
    case absent
    case tooLong
    case malformed
}

/// Reads `authority` as it was received (RFC 9110 §7.2: `uri-host [ ":" port ]`). Bytes that no name has are found
/// out only by ``labelCount(of:)``, which a name that some rule has does not need.
@inline(__always)
func readHost(_ authority: ByteRun, into room: ByteRoom, hashing: Hashing) -> HostReading {
    guard authority.count > 0 else { return .absent }
    var count = authority.count
    if authority[count &- 1] &- UInt8(ascii: "0") < 10 || authority[count &- 1] == UInt8(ascii: ":") {
        count = countWithoutPort(authority)
    }
    // RFC 1034 §3.1: a name that ends in a dot is the same name, said to be complete.
    if count > 0, authority[count &- 1] == UInt8(ascii: ".") { count &-= 1 }
    guard count > 0 else { return .malformed }
    guard count <= HostLimits.nameBytes else { return .tooLong }
    if authority[0] == UInt8(ascii: "[") { return readLiteral(authority.first(count), into: room, hashing: hashing) }
    let raw = authority.first(count)
    var hash = hashing.exact
    var offset = 0
    while offset &+ 8 <= count {
        let word = raw.wholeWord(at: offset).lowercased
        room.put(word, at: offset)
        hash = hashing.fold(hash, word)
        offset &+= 8
    }
    if offset < count {
        let word = raw.word(at: offset).lowercased
        room.put(word, at: offset)
        hash = hashing.fold(hash, word)
        offset &+= 8
    }
    // A suffix of the name is read in words too, from places that are no multiples of eight.
    room.put(0, at: offset)
    return .name(room.first(count), hash: hashing.finish(hash, count: count))
}

/// RFC 3986 §3.2.3: the port may be empty. More than five digits are left in place, and make the name malformed.
private func countWithoutPort(_ authority: ByteRun) -> Int {
    var index = authority.count
    while index > 0, authority[index &- 1] &- UInt8(ascii: "0") < 10 { index &-= 1 }
    guard index > 0, authority[index &- 1] == UInt8(ascii: ":"), authority.count &- index <= 5 else {
        return authority.count
    }
    return index &- 1
}

/// `[IPv6]`: the many ways to write an address become one (RFC 5952).
private func readLiteral(_ literal: ByteRun, into room: ByteRoom, hashing: Hashing) -> HostReading {
    guard literal[literal.count &- 1] == UInt8(ascii: "]"),
        let (high, low) = parseIPv6(literal.first(literal.count &- 1).dropping(1))
    else { return .malformed }
    var count = 0
    var word: UInt64 = 0
    for byte in literalText(high: high, low: low) {
        word |= UInt64(byte) &<< UInt64(truncatingIfNeeded: (count & 7) &* 8)
        count &+= 1
        guard count & 7 == 0 else { continue }
        room.put(word, at: count &- 8)
        word = 0
    }
    room.put(word, at: count & ~7)
    room.put(0, at: count & ~7 &+ 8)
    let name = room.first(count)
    return .name(name, hash: hashing.hash(padded: name, from: hashing.exact))
}

/// The number of labels of a name, or `nil` when it has an empty label or a byte that host names do not have.
///
/// Letters, digits, `-` and `_` pass (RFC 1123 §2.1, and what is in use), and `~` (RFC 3986 unreserved).
/// Percent-encoding, which RFC 3986 allows in a host, does not: nobody needs it, and it would let one name be written
/// in many ways.
func labelCount(of name: ByteRun) -> Int? {
    if name[0] == UInt8(ascii: "[") { return 1 }
    var labels = 1
    var length = 0
    for index in 0..<name.count {
        switch name[index] {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            length &+= 1
        case UInt8(ascii: "."):
            guard length > 0 else { return nil }
            length = 0
            labels &+= 1
        default: return nil
        }
    }
    return length > 0 ? labels : nil
}
