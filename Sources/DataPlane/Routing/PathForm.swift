/// Lengths that matching and compiling agree on.
public enum PathLimits {
    /// A rule's path in the form that is matched, bytes. Longer ones are refused when they are compiled. What a
    /// request has beyond this length cannot decide which rule it meets.
    public static let ruleBytes = 1_024
}

/// The form of a path that is matched: percent-decoded, slashes merged, dot segments resolved (RFC 3986 §6.2.2,
/// §5.2.4), no slash at the end; the root is empty.
///
/// - `%2F`, `%5C` and `%25` stay encoded, in upper case: decoded they could not be told from a separator, from what
///   some upstreams take for one, and from the encoding itself.
/// - Slashes are merged before dots are resolved, as upstreams that merge at all do: `/a//../b` is `/b`.
///
/// - Returns: how many bytes were written to `room`, all of them whole segments. Segments that no longer fit are left
///   out, with all that follow them. `nil` when the path does not start with `/`, climbs above the root, or has a `%`
///   that is followed by anything but two hexadecimal digits or by `00`.
func resolve(path: ByteRun, into room: ByteRoom) -> Int? {
    guard path.count > 0, path[0] == UInt8(ascii: "/") else { return nil }
    var written = 0
    // Segments that did not fit, or came after one that did not.
    var beyond = 0
    var offset = 1
    while offset < path.count {
        guard let segment = readSegment(path, from: offset, into: room, at: written) else { return nil }
        offset = segment.end &+ 1
        switch segment.kind {
        case .empty, .here: continue
        case .parent:
            if beyond > 0 {
                beyond &-= 1
            } else {
                guard written > 0 else { return nil }
                repeat { written &-= 1 } while room[written] != UInt8(ascii: "/")
            }
        case .name:
            if beyond == 0, segment.written <= room.capacity {
                written = segment.written
            } else {
                beyond &+= 1
            }
        }
    }
    return written
}

private struct Segment: BitwiseCopyable {
    enum Kind: BitwiseCopyable { case empty, here, parent, name }

    var kind: Kind
    /// Where the slash behind it is, or the end of the path.
    var end: Int
    /// Where the next segment would be written; beyond the room's capacity when this one did not fit.
    var written: Int
}

/// Decodes one segment to `room`, a slash before it, as far as there is room. `nil`: malformed.
private func readSegment(_ path: ByteRun, from start: Int, into room: ByteRoom, at place: Int) -> Segment? {
    var place = place
    var dots = 0
    var count = 0
    func put(_ byte: UInt8) {
        if place < room.capacity { room[place] = byte }
        place &+= 1
    }
    put(UInt8(ascii: "/"))
    var index = start
    while index < path.count, path[index] != UInt8(ascii: "/") {
        var byte = path[index]
        index &+= 1
        count &+= 1
        if byte == UInt8(ascii: "%") {
            guard path.count &- index >= 2, let high = digit(path[index]), let low = digit(path[index &+ 1]) else {
                return nil
            }
            index &+= 2
            byte = high &<< 4 | low
            switch byte {
            // No path means this, and what is behind it is lost in upstreams that hold strings as C does.
            case 0: return nil
            case UInt8(ascii: "/"), UInt8(ascii: "\\"), UInt8(ascii: "%"):
                put(UInt8(ascii: "%"))
                put(UInt8(ascii: "0") &+ high)
                put(low < 10 ? UInt8(ascii: "0") &+ low : UInt8(ascii: "A") &+ low &- 10)
                continue
            default: break
            }
        }
        if byte == UInt8(ascii: ".") { dots &+= 1 }
        put(byte)
    }
    let kind: Segment.Kind =
        count == 0 ? .empty : dots != count || count > 2 ? .name : count == 1 ? .here : .parent
    return Segment(kind: kind, end: index, written: place)
}

private func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- UInt8(ascii: "a") &+ 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- UInt8(ascii: "A") &+ 10
    default: nil
    }
}
