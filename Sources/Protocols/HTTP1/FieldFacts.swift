import HTTP

/// What the field lines of one head say about the message as a whole.
struct FieldFacts {
    enum Side { case request, response }

    let side: Side
    let version: HTTPVersion

    var hostStart = 0
    var hostEnd = 0
    var hasHost = false

    var contentLength: UInt64 = 0
    var hasContentLength = false
    var isChunked = false

    var options = ConnectionOptions()

    var upgradeStart = 0
    var upgradeEnd = 0
    var hasUpgrade = false

    var expectsContinue = false
    var countsHops = false
    var takesTrailers = false
    var namesTrailers = false
    var takesPages = false

    init(side: Side, version: HTTPVersion) {
        self.side = side
        self.version = version
    }

    /// The connection outlives this message (RFC 9112 §9.3).
    var keepAlive: Bool {
        switch version {
        case .http11: !options.close
        case .http10: options.keepAlive && !options.close
        }
    }

    /// RFC 9110 §7.8: the option and the field are both needed, and HTTP/1.0 has no upgrade.
    var wantsUpgrade: Bool { hasUpgrade && options.upgrade && version == .http11 }

    /// Takes in a line whose name the message's framing or its connection depends on; returns its fault, if any.
    mutating func note(_ line: FieldLine, in bytes: Span<UInt8>) -> HeadError? {
        let start = Int(line.valueStart)
        let end = Int(line.valueEnd)
        switch line.known {
        case .host where side == .request:
            // RFC 9112 §3.2: more than one line, or an invalid value: 400.
            if hasHost { return .repeatedHost }
            guard isAuthority(bytes, from: start, to: end) else { return .badHost }
            (hasHost, hostStart, hostEnd) = (true, start, end)
        case .contentLength:
            if hasContentLength { return .contentLengthRepeated }
            guard let length = parsedLength(bytes, from: start, to: end) else { return .contentLengthMalformed }
            // RFC 9112 §6.3: both together are how requests are smuggled.
            if isChunked { return .contentLengthWithTransferEncoding }
            (hasContentLength, contentLength) = (true, length)
        case .transferEncoding:
            // RFC 9112 §6.1: HTTP/1.0 has no transfer codings, so the sender's framing is faulty.
            if version == .http10 { return .transferEncodingInHTTP10 }
            if let fault = noteCodings(bytes, from: start, to: end) { return fault }
            if hasContentLength { return .contentLengthWithTransferEncoding }
        case .connection:
            if !options.note(bytes, from: start, to: end) { return .tooManyConnectionOptions }
        case .upgrade:
            if !hasUpgrade, start < end { (hasUpgrade, upgradeStart, upgradeEnd) = (true, start, end) }
        case .expect where side == .request:
            // RFC 9110 §10.1.1: other expectations may be ignored, and in HTTP/1.0 this one must be.
            if version == .http11, end &- start == 12, bytes.equalsIgnoringCase("100-continue", at: start) {
                expectsContinue = true
            }
        case .via, .maxForwards: countsHops = true
        case .te where side == .request:
            if version == .http11, namesTrailers(bytes, from: start, to: end) { takesTrailers = true }
        case .trailer: namesTrailers = true
        case .accept where side == .request:
            // `*/*` and the like are too short to name them.
            if end &- start >= 9, bytes.namesPages(from: start, to: end) { takesPages = true }
        default: break
        }
        return nil
    }

    /// Whether one TE line has the element `trailers` (RFC 9110 §10.1.4).
    private func namesTrailers(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> Bool {
        var at = start
        while at < end {
            let comma = bytes.first(.comma, from: at, to: end)
            let coding = bytes.trimmed(from: at, to: comma)
            if coding.count == 8, bytes.equalsIgnoringCase("trailers", at: coding.lowerBound) { return true }
            at = comma &+ 1
        }
        return false
    }

    /// Reads one Transfer-Encoding line. What is accepted, over all lines together, is `chunked` and nothing else.
    private mutating func noteCodings(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> HeadError? {
        var at = start
        while true {
            let comma = bytes.first(.comma, from: at, to: end)
            let coding = bytes.trimmed(from: at, to: comma)
            // RFC 9110 §5.6.1.2 has empty elements ignored; here they are refused, like all that can be read two ways.
            if coding.isEmpty || bytes.tokenEnd(from: coding.lowerBound, to: coding.upperBound) < coding.upperBound {
                return .transferEncodingMalformed
            }
            let isThisChunked =
                coding.count == 7 && bytes.equalsIgnoringCase("chunked", at: coding.lowerBound)
            // RFC 9112 §6.1: chunked at most once; §6.3: nothing after it.
            if isChunked { return isThisChunked ? .transferEncodingRepeated : .transferEncodingNotLast }
            if !isThisChunked { return .transferEncodingUnknown }
            isChunked = true
            if comma == end { return nil }
            at = comma &+ 1
        }
    }
}

/// `1*DIGIT` up to 2^63 - 1 (RFC 9110 §8.6), or `nil`. A list of equal numbers, which may be repaired, is not.
private func parsedLength(_ bytes: Span<UInt8>, from start: Int, to end: Int) -> UInt64? {
    // 19 digits cannot overflow 64 bits.
    guard start < end, end &- start <= 19 else { return nil }
    var length: UInt64 = 0
    for at in start..<end {
        guard bytes[at].isDigit else { return nil }
        length = length &* 10 &+ UInt64(bytes[at] &- 0x30)
    }
    return length <= UInt64(Int64.max) ? length : nil
}

extension Span where Element == UInt8 {
    /// `start..<end` without optional whitespace at either side.
    @inline(__always)
    func trimmed(from start: Int, to end: Int) -> Range<Int> {
        var first = start
        var last = end
        while first < last, self[first].isOptionalWhitespace { first &+= 1 }
        while last > first, self[last &- 1].isOptionalWhitespace { last &-= 1 }
        return first..<last
    }
}
