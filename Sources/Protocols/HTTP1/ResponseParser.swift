public import HTTP

/// Reads one response head from the beginning of `bytes` into `head`.
///
/// - Parameters:
///   - bytes: All bytes of the head that have come so far, and perhaps more behind it.
///   - scanned: 0, or what `.incomplete` said for fewer of the same bytes.
///   - limits: What the head may cost.
///   - method: The method of the request that is answered: HEAD has no body whatever the fields say.
///   - head: Filled when the answer is `.complete`; otherwise its content means nothing.
/// - Returns: The same, however the bytes were cut on their way: a fault is told at the first byte that makes it one,
///   or, in a line that is not whole yet, no later than at the end of the line.
public func parseResponseHead(
    _ bytes: Span<UInt8>, resumingAt scanned: Int, limits: HeadLimits, to method: Method,
    into head: inout ResponseHead
) -> HeadProgress {
    guard deservesReading(bytes, resumingAt: scanned, limits: limits) else { return .incomplete(scanned: bytes.count) }
    let window = bytes.count > limits.headBytes ? bytes.extracting(first: max(limits.headBytes, 0)) : bytes
    switch head.parse(window, limits: limits, to: method) {
    case .upTo(let end):
        head.byteCount = end
        return .complete
    case .needMore:
        return bytes.count >= limits.headBytes ? .refused(.headTooLarge) : .incomplete(scanned: bytes.count)
    case .refused(let error):
        return .refused(error)
    }
}

extension ResponseHead {
    fileprivate mutating func parse(_ bytes: Span<UInt8>, limits: HeadLimits, to method: Method) -> Parsed {
        fields.removeAll()

        let lineStart: Int
        switch parseStatusLine(bytes) {
        case .upTo(let next): lineStart = next
        case .needMore: return .needMore
        case .refused(let error): return .refused(error)
        }

        var facts = FieldFacts(side: .response, version: version)
        let end: Int
        switch parseFields(bytes, from: lineStart, limits: limits, into: &fields, noting: &facts) {
        case .upTo(let next): end = next
        case .needMore: return .needMore
        case .refused(let error): return .refused(error)
        }

        keepAlive = facts.keepAlive
        namesTrailers = facts.namesTrailers
        wantsUpgrade = facts.wantsUpgrade
        upgradeStart = facts.upgradeStart
        upgradeEnd = facts.upgradeEnd
        decideFraming(facts, to: method)
        facts.options.markNamedLines(in: &fields, of: bytes)
        return .upTo(end)
    }

    /// RFC 9112 §6.3, in its order.
    private mutating func decideFraming(_ facts: FieldFacts, to method: Method) {
        if status < 200 || status == 204 {
            framing = .none
            // RFC 9110 §8.6 and RFC 9112 §6.1 forbid these fields here. A server that sends them may send a body too,
            // which would be taken for the next response: the connection is not used again.
            if facts.isChunked || facts.contentLength > 0 { keepAlive = false }
        } else if method == .head || status == 304 {
            framing = .none
        } else if facts.isChunked {
            framing = .chunked
        } else if facts.hasContentLength {
            framing = .length(facts.contentLength)
        } else {
            framing = .untilClose
            keepAlive = false
        }
    }

    /// `HTTP-version SP status-code [ SP reason-phrase ] CRLF` (RFC 9112 §4). The SP behind the code is required there
    /// even without a reason, but many servers leave both out.
    private mutating func parseStatusLine(_ bytes: Span<UInt8>) -> Parsed {
        switch parsedVersion(bytes, at: 0) {
        case .version(let found): version = found
        case .needMore: return .needMore
        case .refused(let error): return .refused(error)
        }
        guard bytes.count > 8 else { return .needMore }
        if bytes[8] != .space { return .refused(.badVersion) }

        var code = 0
        for at in 9..<12 {
            guard at < bytes.count else { return .needMore }
            guard bytes[at].isDigit else { return .refused(.badStatus) }
            code = code &* 10 &+ Int(bytes[at] &- 0x30)
            if code == 0 { return .refused(.badStatus) }
        }
        status = code

        guard bytes.count > 12 else { return .needMore }
        switch bytes[12] {
        case .space: reasonStart = 13
        case .carriageReturn: reasonStart = 12
        case .lineFeed: return .refused(.bareLF)
        default: return .refused(.badStatus)
        }
        reasonEnd = bytes.textEnd(from: reasonStart)
        guard reasonEnd < bytes.count else { return .needMore }
        switch bytes[reasonEnd] {
        case .carriageReturn: return lineEnd(bytes, at: reasonEnd)
        case .lineFeed: return .refused(.bareLF)
        default: return .refused(.badReason)
        }
    }
}
