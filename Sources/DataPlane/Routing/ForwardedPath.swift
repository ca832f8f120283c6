public import Bytes

// The path as an upstream gets it where a rule changes it, and as a redirect names it: the one that was matched, still
// encoded. A client that writes its path in another way gets no further than one that writes it plainly.

/// Bytes that ``appendForwarded(path:to:)`` needs at most.
public func roomForForwarded(path: Span<UInt8>) -> Int { 3 * path.count + 1 }

/// Appends a request's path in its normal form: slashes merged, dot segments resolved, letters that need no encoding
/// decoded, and all that RFC 3986 §3.3 does not allow in a path encoded. A slash at the end stays, and comes where the
/// path ended in a dot segment (RFC 3986 §5.2.4). Empty stands for `/`.
///
/// - Returns: `false` when matching would refuse the path.
public func appendForwarded(path: Span<UInt8>, to output: Buffer) -> Bool {
    let base = output.count
    guard path.count > 0 else {
        output.append(UInt8(ascii: "/"))
        return true
    }
    guard path[0] == UInt8(ascii: "/") else { return false }
    var endsOpen = true
    var index = 1
    while index < path.count {
        let start = output.count
        output.append(UInt8(ascii: "/"))
        var (count, dots) = (0, 0)
        while index < path.count, path[index] != UInt8(ascii: "/") {
            var byte = path[index]
            var isEncoded = !isPathByte(byte)
            if byte == UInt8(ascii: "%") {
                guard path.count &- index > 2, let high = hexadecimal(path[index &+ 1]),
                    let low = hexadecimal(path[index &+ 2])
                else { return false }
                byte = high &<< 4 | low
                guard byte != 0 else { return false }
                isEncoded = !isUnreserved(byte)
                index &+= 2
            }
            index &+= 1
            count &+= 1
            if byte == UInt8(ascii: ".") { dots &+= 1 }
            if isEncoded { append(encoded: byte, to: output) } else { output.append(byte) }
        }
        index &+= 1
        endsOpen = count == 0 || dots == count && count <= 2
        guard endsOpen else { continue }
        output.drop(last: output.count - start)
        guard dots == 2 else { continue }
        guard output.count > base else { return false }
        dropSegment(of: output)
    }
    if endsOpen || path[path.count &- 1] == UInt8(ascii: "/") || output.count == base {
        output.append(UInt8(ascii: "/"))
    }
    return true
}

private func dropSegment(of output: Buffer) {
    let bytes = output.readable
    var count = bytes.count
    repeat { count &-= 1 } while bytes[count] != UInt8(ascii: "/")
    output.drop(last: bytes.count &- count)
}

/// How many bytes at the front of a forwarded path spell `prefix`, which is in the form that is matched; `nil` when
/// the path does not begin with its segments.
public func byteCount(of prefix: Span<UInt8>, inFrontOf path: Span<UInt8>) -> Int? {
    var index = 0
    for place in 0..<prefix.count {
        guard index < path.count else { return nil }
        var byte = path[index]
        index &+= 1
        if byte == UInt8(ascii: "%"), index &+ 1 < path.count, let high = hexadecimal(path[index]),
            let low = hexadecimal(path[index &+ 1])
        {
            // What the matched form keeps encoded is compared as it is written.
            let decoded = high &<< 4 | low
            if decoded != UInt8(ascii: "/"), decoded != UInt8(ascii: "\\"), decoded != UInt8(ascii: "%") {
                byte = decoded
                index &+= 2
            }
        }
        guard byte == prefix[place] else { return nil }
    }
    return index == path.count || path[index] == UInt8(ascii: "/") ? index : nil
}

private func append(encoded byte: UInt8, to output: Buffer) {
    output.append(UInt8(ascii: "%"))
    for nibble in [byte &>> 4, byte & 15] {
        output.append(nibble < 10 ? UInt8(ascii: "0") &+ nibble : UInt8(ascii: "A") &+ nibble &- 10)
    }
}

/// RFC 3986 §2.3.
private func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        true
    default: false
    }
}

/// RFC 3986 §3.3, without the percent sign.
private func isPathByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("),
        UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"),
        UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "@"):
        true
    default: isUnreserved(byte)
    }
}
