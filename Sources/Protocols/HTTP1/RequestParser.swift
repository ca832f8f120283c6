public import HTTP

/// Reads one request head from the beginning of `bytes` into `head`.
///
/// - Parameters:
///   - bytes: All bytes of the head that have come so far, and perhaps more behind it.
///   - scanned: 0, or what `.incomplete` said for fewer of the same bytes.
///   - limits: What the head may cost.
///   - head: Filled when the answer is `.complete`; otherwise its content means nothing.
/// - Returns: The same, however the bytes were cut on their way: a fault is told at the first byte that makes it one,
///   or, in a line that is not whole yet, no later than at the end of the line.
public func parseRequestHead(
    _ bytes: Span<UInt8>, resumingAt scanned: Int, limits: HeadLimits, into head: inout RequestHead
) -> HeadProgress {
    guard deservesReading(bytes, resumingAt: scanned, limits: limits) else { return .incomplete(scanned: bytes.count) }
    // What lies behind the limit is not looked at, so that the answer does not depend on it.
    let window = bytes.count > limits.headBytes ? bytes.extracting(first: max(limits.headBytes, 0)) : bytes
    switch head.parse(window, limits: limits) {
    case .upTo(let end):
        head.byteCount = end
        return .complete
    case .needMore:
        return bytes.count >= limits.headBytes ? .refused(.headTooLarge) : .incomplete(scanned: bytes.count)
    case .refused(let error):
        return .refused(error)
    }
}

/// Empty lines before a request line that are skipped (RFC 9112 §2.2: at least one should be).
private let emptyLinesLimit = 2

extension RequestHead {
    fileprivate mutating func parse(_ bytes: Span<UInt8>, limits: HeadLimits) -> Parsed {
        fields.removeAll()
        isAsterisk = false
        isAbsolute = false
        isAbsoluteHTTPS = false

        let lineStart: Int
        switch parseRequestLine(bytes, limits: limits) {
        case .upTo(let next): lineStart = next
        case .needMore: return .needMore
        case .refused(let error): return .refused(error)
        }

        var facts = FieldFacts(side: .request, version: version)
        let end: Int
        switch parseFields(bytes, from: lineStart, limits: limits, into: &fields, noting: &facts) {
        case .upTo(let next): end = next
        case .needMore: return .needMore
        case .refused(let error): return .refused(error)
        }

        if !isAbsolute {
            hostStart = facts.hostStart
            hostEnd = facts.hostEnd
        }
        // RFC 9112 §3.2: 400 for HTTP/1.1 without Host, even if the target has an authority.
        if version == .http11, !facts.hasHost { return .refused(.missingHost) }
        if facts.isChunked {
            framing = .chunked
        } else if facts.hasContentLength {
            framing = .length(facts.contentLength)
        } else {
            framing = .none
        }
        keepAlive = facts.keepAlive
        expectsContinue = facts.expectsContinue
        countsHops = facts.countsHops
        takesTrailers = facts.takesTrailers
        namesTrailers = facts.namesTrailers
        takesPages = facts.takesPages
        wantsUpgrade = facts.wantsUpgrade
        upgradeStart = facts.upgradeStart
        upgradeEnd = facts.upgradeEnd
        facts.options.markNamedLines(in: &fields, of: bytes)
        return .upTo(end)
    }

    /// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3), with one SP each.
    private mutating func parseRequestLine(_ bytes: Span<UInt8>, limits: HeadLimits) -> Parsed {
        var at = 0
        var emptyLines = 0
        while emptyLines < emptyLinesLimit, at < bytes.count, bytes[at] == .carriageReturn {
            switch lineEnd(bytes, at: at) {
            case .upTo(let next): at = next
            case .needMore: return .needMore
            case .refused(let error): return .refused(error)
            }
            emptyLines &+= 1
        }

        methodStart = at
        if at &+ 4 <= bytes.count, bytes.equals("GET ", at: at) {
            methodEnd = at &+ 3
            method = .get
        } else {
            let last = min(at &+ Method.nameBytesLimit &+ 1, bytes.count)
            let end = bytes.tokenEnd(from: at, to: last)
            if end &- at > Method.nameBytesLimit { return .refused(.badMethod) }
            guard end < bytes.count else { return .needMore }
            if bytes[end] != .space || end == at {
                return .refused(bytes[end] == .lineFeed ? .bareLF : .badMethod)
            }
            methodEnd = end
            method = Method(spelledBy: bytes, from: at, to: end)
            // A reverse proxy has no tunnels to offer (RFC 9110 §9.3.6).
            if method == .connect { return .refused(.connectUnsupported) }
        }

        targetStart = methodEnd &+ 1
        targetEnd = bytes.targetEnd(from: targetStart)
        if targetEnd &- targetStart > limits.targetBytes { return .refused(.targetTooLong) }
        guard targetEnd < bytes.count else { return .needMore }
        switch bytes[targetEnd] {
        case .space: break
        case .lineFeed: return .refused(.bareLF)
        // HTTP/0.9, which had no version.
        case .carriageReturn: return .refused(.badVersion)
        default: return .refused(.badTarget)
        }
        guard splitTarget(bytes) else { return .refused(.badTarget) }
        return parseVersion(bytes, at: targetEnd &+ 1)
    }

    private mutating func parseVersion(_ bytes: Span<UInt8>, at start: Int) -> Parsed {
        switch parsedVersion(bytes, at: start) {
        case .version(let found): version = found
        case .needMore: return .needMore
        case .refused(let error): return .refused(error)
        }
        let end = start &+ 8
        guard end < bytes.count else { return .needMore }
        switch bytes[end] {
        case .carriageReturn: return lineEnd(bytes, at: end)
        case .lineFeed: return .refused(.bareLF)
        default: return .refused(.badVersion)
        }
    }
}
