import HTTP

extension RequestHead {
    /// Splits the target in `targetStart..<targetEnd`, whose bytes have been checked (RFC 9112 §3.2).
    ///
    /// Accepts origin-form, absolute-form with `http` or `https`, and asterisk-form with OPTIONS; says whether it was
    /// one of them.
    mutating func splitTarget(_ bytes: Span<UInt8>) -> Bool {
        guard targetStart < targetEnd else { return false }
        switch bytes[targetStart] {
        case .slash:
            splitPath(bytes, from: targetStart)
            return true
        case UInt8(ascii: "*"):
            // §3.2.4: for a server as a whole, and only with OPTIONS.
            isAsterisk = true
            pathStart = targetStart
            pathEnd = targetStart
            queryStart = targetEnd
            queryEnd = targetEnd
            return method == .options && targetEnd &- targetStart == 1
        default:
            return splitAbsolute(bytes)
        }
    }

    /// §3.2.2: `http://authority/path?query`. Authority-form, the only form left, is for CONNECT alone.
    private mutating func splitAbsolute(_ bytes: Span<UInt8>) -> Bool {
        let length = targetEnd &- targetStart
        let authority: Int
        if length > 7, bytes.equalsIgnoringCase("http://", at: targetStart) {
            authority = targetStart &+ 7
        } else if length > 8, bytes.equalsIgnoringCase("https://", at: targetStart) {
            authority = targetStart &+ 8
            isAbsoluteHTTPS = true
        } else {
            return false
        }
        isAbsolute = true
        var end = authority
        while end < targetEnd, bytes[end] != .slash, bytes[end] != UInt8(ascii: "?") { end &+= 1 }
        hostStart = authority
        hostEnd = end
        splitPath(bytes, from: end)
        return isAuthority(bytes, from: authority, to: end)
    }

    private mutating func splitPath(_ bytes: Span<UInt8>, from start: Int) {
        let mark = bytes.first(UInt8(ascii: "?"), from: start, to: targetEnd)
        pathStart = start
        pathEnd = mark
        queryStart = min(mark &+ 1, targetEnd)
        queryEnd = targetEnd
    }
}
