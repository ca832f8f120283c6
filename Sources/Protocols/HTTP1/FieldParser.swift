import HTTP

/// Reads field lines from `start` through the empty line that ends the head (RFC 9112 §5).
///
/// Every line ends with CRLF, has no whitespace around its name, and its value holds HTAB, SP, VCHAR and obs-text only.
func parseFields(
    _ bytes: Span<UInt8>, from start: Int, limits: HeadLimits, into fields: inout FieldTable,
    noting facts: inout FieldFacts
) -> Parsed {
    let minds = limits.underscores != .keep && facts.side == .request
    let lineLimit = min(limits.fieldCount, fields.capacity)
    var at = start
    while true {
        guard at < bytes.count else { return .needMore }
        if bytes[at] == .carriageReturn { return lineEnd(bytes, at: at) }
        if fields.count >= lineLimit { return .refused(.tooManyFields) }

        let nameStart = at
        var nameEnd = bytes.first(.colon, from: at, to: bytes.count)
        let known = nameEnd < bytes.count ? KnownField(naming: bytes, from: nameStart, to: nameEnd) : .other
        var hasUnderscore = false
        if known == .other {
            nameEnd = endOfOtherName(bytes, from: nameStart)
            guard nameEnd < bytes.count else { return .needMore }
            guard bytes[nameEnd] == .colon, nameEnd > nameStart else {
                return .refused(faultOfName(bytes[nameEnd], isFirst: nameEnd == nameStart))
            }
            if minds, bytes.first(UInt8(ascii: "_"), from: nameStart, to: nameEnd) < nameEnd {
                if limits.underscores == .refuse { return .refused(.underscoreInName) }
                hasUnderscore = true
            }
        }

        // The value, without the whitespace around it.
        var valueStart = nameEnd &+ 1
        while valueStart < bytes.count, bytes[valueStart].isOptionalWhitespace { valueStart &+= 1 }
        let textEnd = bytes.textEnd(from: valueStart)
        guard textEnd < bytes.count else { return .needMore }
        switch bytes[textEnd] {
        case .carriageReturn: break
        case .lineFeed: return .refused(.bareLF)
        default: return .refused(.badFieldValue)
        }
        switch lineEnd(bytes, at: textEnd) {
        case .upTo(let next): at = next
        case .needMore: return .needMore
        case .refused(let error): return .refused(error)
        }
        var valueEnd = textEnd
        while valueEnd > valueStart, bytes[valueEnd &- 1].isOptionalWhitespace { valueEnd &-= 1 }

        var line = FieldLine(
            nameStart: UInt32(truncatingIfNeeded: nameStart), nameEnd: UInt32(truncatingIfNeeded: nameEnd),
            valueStart: UInt32(truncatingIfNeeded: valueStart), valueEnd: UInt32(truncatingIfNeeded: valueEnd),
            known: known)
        if hasUnderscore { line.dropped = true }
        // There is room: `lineLimit` is at most the capacity.
        _ = fields.append(line)
        if known.decidesFraming, let error = facts.note(line, in: bytes) { return .refused(error) }
    }
}

/// The first byte at or behind `start` that is no token byte, or the end of the span.
///
/// Not inlined: its constants would crowd the loop over the lines, most of which have known names.
@inline(never)
private func endOfOtherName(_ bytes: Span<UInt8>, from start: Int) -> Int {
    let end = bytes.plainEnd(from: start)
    if end == bytes.count || bytes[end] == .colon { return end }
    return bytes.tokenEnd(from: end, to: bytes.count)
}

/// The CRLF at `at`, whose CR has been seen (RFC 9112 §2.2: a bare CR is an error).
@inline(__always)
func lineEnd(_ bytes: Span<UInt8>, at: Int) -> Parsed {
    guard at &+ 1 < bytes.count else { return .needMore }
    return bytes[at &+ 1] == .lineFeed ? .upTo(at &+ 2) : .refused(.bareCR)
}

/// What is wrong with a name that `byte` ends, or, if it is the first of its line, begins.
private func faultOfName(_ byte: UInt8, isFirst: Bool) -> HeadError {
    switch byte {
    // RFC 9112 §5.2: a line that begins with whitespace continues the one before; §5.1: none before the colon.
    case .space, .tab: isFirst ? .obsoleteFold : .whitespaceBeforeColon
    case .lineFeed: .bareLF
    default: .badFieldName
    }
}

extension KnownField {
    /// Whether `FieldFacts` wants to see the line.
    fileprivate var decidesFraming: Bool {
        switch self {
        case .host, .connection, .contentLength, .transferEncoding, .upgrade, .expect, .via, .maxForwards, .te,
            .trailer, .accept:
            true
        default: false
        }
    }
}
