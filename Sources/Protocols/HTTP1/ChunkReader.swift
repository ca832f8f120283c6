import HTTP

/// Limits of a chunked body that protect against senders who send everything but data.
enum ChunkLimits {
    /// Digits of a chunk size, leading zeros counted.
    static let sizeDigits = 16

    /// Bytes of the extensions of one chunk, from the first behind the size to the CR.
    static let extensionBytes = 256

    /// Bytes that the lines of chunk sizes may have in sum beyond what their data pays for: 16 a chunk and two for
    /// each byte of data. Lines without extensions always stay under it, however small their chunks; so do the
    /// signatures that storage clients put into extensions of big chunks, for any length of body.
    static let unpaidLineBytes = 16384

    /// Bytes of all trailer lines, the last empty one not counted.
    static let trailerBytes = 8192

    /// Lines of a trailer section.
    static let trailerLines = 64
}

/// The state of a chunked body (RFC 9112 §7.1), byte by byte except in data.
///
/// Extensions are checked and dropped (§7.1.1 has recipients ignore those they do not know); trailers are checked and
/// handed out.
struct ChunkReader: Equatable, Sendable {
    private enum Expecting: UInt8 {
        /// `chunk-size`: its first digit; the digits after it.
        case size, sizeRest
        /// `chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`
        case semicolon, extensionName, extensionNameRest, equalsSign, extensionValue, extensionValueRest
        case quotedText, quotedPair, quoteClosed
        /// The LF that ends the line of a chunk size.
        case sizeLineFeed
        case data, dataCarriageReturn, dataLineFeed
        /// A trailer line or the empty line; the rest of a name; a value; the LF of a line; the LF of the empty line.
        case trailer, trailerName, trailerValue, trailerLineFeed, lastLineFeed
    }

    private enum Outcome {
        case moved(Expecting)
        case refused(BodyError)
    }

    private var expecting: Expecting = .size
    private var digits: UInt8 = 0
    private var extensionBytes: UInt16 = 0
    private var trailerBytes: UInt16 = 0
    private var trailerLines: UInt8 = 0
    private var unpaid: UInt32 = 0
    private var size: UInt64 = 0

    /// See `BodyDecoder.next`; not to be called after `.end` or `.refused`.
    mutating func next(_ bytes: Span<UInt8>) -> BodyDecoder.Step {
        var at = 0
        while at < bytes.count {
            if expecting == .data {
                let room = UInt64(bytes.count &- at)
                let run = size < room ? Int(size) : Int(room)
                size &-= UInt64(run)
                if size == 0 { expecting = .dataCarriageReturn }
                return .data(offset: at, count: run, consumed: at &+ run)
            }
            if expecting.rawValue >= Expecting.trailer.rawValue { return nextTrailer(bytes, from: at) }
            switch take(bytes[at]) {
            case .moved(let next): expecting = next
            case .refused(let error): return .refused(error)
            }
            at &+= 1
        }
        return .needMore(consumed: at)
    }

    /// Runs of the lines of the trailer section, then the end. The CRLF of the empty line belongs to no run.
    private mutating func nextTrailer(_ bytes: Span<UInt8>, from start: Int) -> BodyDecoder.Step {
        var at = start
        while at < bytes.count {
            let byte = bytes[at]
            if expecting == .lastLineFeed { return byte == .lineFeed ? .end(consumed: at &+ 1) : .refused(.bareCR) }
            if expecting == .trailer, byte == .carriageReturn, at > start { break }
            switch takeTrailer(byte) {
            case .moved(let next): expecting = next
            case .refused(let error): return .refused(error)
            }
            at &+= 1
        }
        if at == start || expecting == .lastLineFeed { return .needMore(consumed: at) }
        return .trailer(offset: start, count: at &- start, consumed: at)
    }

    @inline(__always)
    private mutating func take(_ byte: UInt8) -> Outcome {
        switch expecting {
        case .size: return takeSize(byte, isFirst: true)
        case .sizeRest: return takeSize(byte, isFirst: false)
        case .semicolon, .extensionName, .extensionNameRest, .equalsSign, .extensionValue, .extensionValueRest,
            .quotedText, .quotedPair, .quoteClosed:
            return takeExtension(byte)
        case .sizeLineFeed:
            return byte == .lineFeed ? sizeLineEnded() : .refused(.bareCR)
        case .dataCarriageReturn:
            if byte == .carriageReturn { return .moved(.dataLineFeed) }
            return .refused(byte == .lineFeed ? .bareLF : .chunkDataUnterminated)
        case .dataLineFeed:
            return byte == .lineFeed ? .moved(.size) : .refused(.bareCR)
        case .data, .trailer, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed:
            preconditionFailure("data and trailers are taken as runs, in next")
        }
    }

    @inline(__always)
    private mutating func takeSize(_ byte: UInt8, isFirst: Bool) -> Outcome {
        if let value = byte.hexValue {
            if isFirst { (size, digits, extensionBytes) = (0, 0, 0) }
            digits &+= 1
            // Four bits are free as long as the size stays below 2^60 before the shift; the digits bound that.
            if Int(digits) > ChunkLimits.sizeDigits { return .refused(.chunkSizeTooLarge) }
            size = size &<< 4 | UInt64(value)
            if size > UInt64(Int64.max) { return .refused(.chunkSizeTooLarge) }
            return .moved(.sizeRest)
        }
        if byte == .lineFeed { return .refused(.bareLF) }
        if isFirst { return .refused(.chunkSizeMalformed) }
        if byte == .carriageReturn { return .moved(.sizeLineFeed) }
        if byte.isOptionalWhitespace || byte == UInt8(ascii: ";") { return takeExtension(byte) }
        return .refused(.chunkSizeMalformed)
    }

    /// The line of a size is whole: data or the trailers follow, if the sender has not sent too much besides data.
    private mutating func sizeLineEnded() -> Outcome {
        if size == 0 { return .moved(.trailer) }
        let spent = UInt64(unpaid) &+ UInt64(digits) &+ UInt64(extensionBytes) &+ 2
        // A size of 2^62 and more doubles beyond 64 bits; a smaller part of it pays for any line.
        let paid = 16 &+ 2 &* min(size, 1 << 32)
        let owed = spent > paid ? spent &- paid : 0
        if owed > UInt64(ChunkLimits.unpaidLineBytes) { return .refused(.chunkExtensionsTooLong) }
        unpaid = UInt32(truncatingIfNeeded: owed)
        return .moved(.data)
    }

    private mutating func takeExtension(_ byte: UInt8) -> Outcome {
        if byte == .lineFeed { return .refused(.bareLF) }
        if byte != .carriageReturn {
            extensionBytes &+= 1
            if Int(extensionBytes) > ChunkLimits.extensionBytes { return .refused(.chunkExtensionsTooLong) }
        }
        let isBlank = byte.isOptionalWhitespace
        let isToken = ByteSet.token.contains(byte)
        switch expecting {
        // Behind a size or a value: the next extension, after whitespace or not. A CR ends the line only where the
        // extension is whole and no whitespace follows it, which the grammar does not have.
        case .sizeRest, .semicolon:
            if byte == UInt8(ascii: ";") { return .moved(.extensionName) }
            if isBlank { return .moved(.semicolon) }
        case .extensionName:
            if isToken { return .moved(.extensionNameRest) }
            if isBlank { return .moved(.extensionName) }
        case .extensionNameRest:
            if isToken { return .moved(.extensionNameRest) }
            if byte == UInt8(ascii: "=") { return .moved(.extensionValue) }
            if byte == UInt8(ascii: ";") { return .moved(.extensionName) }
            if byte == .carriageReturn { return .moved(.sizeLineFeed) }
            if isBlank { return .moved(.equalsSign) }
        case .equalsSign:
            if byte == UInt8(ascii: "=") { return .moved(.extensionValue) }
            if byte == UInt8(ascii: ";") { return .moved(.extensionName) }
            if isBlank { return .moved(.equalsSign) }
        case .extensionValue:
            if isToken { return .moved(.extensionValueRest) }
            if byte == UInt8(ascii: "\"") { return .moved(.quotedText) }
            if isBlank { return .moved(.extensionValue) }
        case .extensionValueRest:
            if isToken { return .moved(.extensionValueRest) }
            if byte == UInt8(ascii: ";") { return .moved(.extensionName) }
            if byte == .carriageReturn { return .moved(.sizeLineFeed) }
            if isBlank { return .moved(.semicolon) }
        case .quotedText:
            if byte == UInt8(ascii: "\"") { return .moved(.quoteClosed) }
            if byte == UInt8(ascii: "\\") { return .moved(.quotedPair) }
            if byte.isText { return .moved(.quotedText) }
        case .quotedPair:
            if byte.isText { return .moved(.quotedText) }
        case .quoteClosed:
            if byte == UInt8(ascii: ";") { return .moved(.extensionName) }
            if byte == .carriageReturn { return .moved(.sizeLineFeed) }
            if isBlank { return .moved(.semicolon) }
        case .size, .sizeLineFeed, .data, .dataCarriageReturn, .dataLineFeed, .trailer, .trailerName, .trailerValue,
            .trailerLineFeed, .lastLineFeed:
            preconditionFailure("no extension is read here: `take` calls this for the states above only")
        }
        return .refused(.chunkExtensionMalformed)
    }

    private mutating func takeTrailer(_ byte: UInt8) -> Outcome {
        if expecting == .trailerLineFeed {
            return byte == .lineFeed ? countedTrailer(.trailer) : .refused(.bareCR)
        }
        if byte == .lineFeed { return .refused(.bareLF) }
        if byte == .carriageReturn {
            if expecting == .trailer { return .moved(.lastLineFeed) }
            return expecting == .trailerValue ? countedTrailer(.trailerLineFeed) : .refused(.trailerMalformed)
        }
        if expecting == .trailerValue {
            return byte.isText ? countedTrailer(.trailerValue) : .refused(.trailerMalformed)
        }
        // A name: at least one token byte, then the colon.
        if ByteSet.token.contains(byte) {
            if expecting == .trailer {
                trailerLines &+= 1
                if Int(trailerLines) > ChunkLimits.trailerLines { return .refused(.trailersTooLong) }
            }
            return countedTrailer(.trailerName)
        }
        if byte == .colon, expecting == .trailerName { return countedTrailer(.trailerValue) }
        return .refused(.trailerMalformed)
    }

    private mutating func countedTrailer(_ next: Expecting) -> Outcome {
        trailerBytes &+= 1
        return Int(trailerBytes) > ChunkLimits.trailerBytes ? .refused(.trailersTooLong) : .moved(next)
    }
}
