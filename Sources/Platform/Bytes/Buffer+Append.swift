// How text is written into a buffer. Each append asks for room first: a caller that did not make room has a bug.

extension Buffer {
    @inlinable public func append(_ byte: UInt8) {
        precondition(room >= 1)
        unsafe bytes.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
        unsafe header.pointee.end += 1
    }

    @inlinable public func append(_ source: Span<UInt8>) {
        let count = source.count
        precondition(room >= count)
        unsafe source.withUnsafeBytes { source in
            if let base = source.baseAddress { unsafe (bytes + end).copyMemory(from: base, byteCount: count) }
        }
        unsafe header.pointee.end += UInt32(truncatingIfNeeded: count)
    }

    /// Inlined always: a constant of known length becomes a few stores.
    @inlinable @inline(__always) public func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        precondition(room >= count)
        unsafe (bytes + end).copyMemory(from: text.utf8Start, byteCount: count)
        unsafe header.pointee.end += UInt32(truncatingIfNeeded: count)
    }

    /// Appends a copy of bytes that are in this buffer already, by their places in the block.
    public func append(copying range: Range<Int>) {
        precondition(range.lowerBound >= start && range.upperBound <= end && room >= range.count)
        unsafe (bytes + end).copyMemory(from: bytes + range.lowerBound, byteCount: range.count)
        unsafe header.pointee.end += UInt32(truncatingIfNeeded: range.count)
    }

    /// Moves up to `limit` bytes from the start of `other` to the end of this one, as many as there is room for.
    @inlinable @discardableResult public func append(from other: Buffer, limit: Int) -> Int {
        let count = min(limit, min(room, other.count))
        unsafe (bytes + end).copyMemory(from: other.bytes + other.start, byteCount: count)
        unsafe header.pointee.end += UInt32(truncatingIfNeeded: count)
        other.consume(count)
        return count
    }

    /// Decimal digits, 20 at most.
    @inlinable public func append(decimal value: UInt64) {
        precondition(room >= 20)
        if value < 10 {
            put(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value), at: end)
            unsafe header.pointee.end &+= 1
        } else if value < 1_000 {
            appendThree(UInt32(truncatingIfNeeded: value))
        } else {
            appendMany(value)
        }
    }

    /// 10 to 999: the octets of addresses, status codes, small lengths.
    @usableFromInline func appendThree(_ value: UInt32) {
        var place = end
        if value >= 100 {
            put(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 100), at: place)
            place &+= 1
        }
        put(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10 % 10), at: place)
        put(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10), at: place &+ 1)
        unsafe header.pointee.end = UInt32(truncatingIfNeeded: place &+ 2)
    }

    @usableFromInline func appendMany(_ value: UInt64) {
        var (bound, digits): (UInt64, Int) = (10_000, 4)
        while digits < 20, value >= bound {
            digits &+= 1
            // 10^20 does not fit; 20 digits is all there can be.
            bound = digits == 20 ? .max : bound &* 10
        }
        var rest = value
        var place = end &+ digits
        for _ in 0..<digits {
            place &-= 1
            put(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10), at: place)
            rest /= 10
        }
        unsafe header.pointee.end &+= UInt32(digits)
    }

    /// Within the block: whoever calls has made sure of the room.
    @inlinable @inline(__always) func put(_ byte: UInt8, at place: Int) {
        unsafe bytes.storeBytes(of: byte, toByteOffset: place, as: UInt8.self)
    }

    /// Lower-case hexadecimal digits without leading zeros (at least one digit), 16 at most; or all `width` of them.
    public func append(hexadecimal value: UInt64, width: Int = 0) {
        precondition(room >= 16 && width <= 16)
        let digits = max(width, max(1, (67 - value.leadingZeroBitCount) / 4))
        var place = end &+ digits
        var rest = value
        for _ in 0..<digits {
            place &-= 1
            put(hexadecimalDigit(UInt8(truncatingIfNeeded: rest & 15)), at: place)
            rest >>= 4
        }
        unsafe header.pointee.end &+= UInt32(digits)
    }

    @inline(__always) private func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
        nibble &+ (nibble < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") &- 10)
    }

    /// The text between quotes in a log line of Apache's forms: quotes, backslashes, controls and bytes that are not
    /// ASCII as `\xHH`, so that nobody ends the quotes or the line but its writer. Text that would leave less than
    /// `reserve` bytes of room is cut.
    public func append(quotable text: Span<UInt8>, leaving reserve: Int) {
        var position = end
        let limit = capacity - reserve - 4
        for index in 0..<text.count where position <= limit {
            let byte = text[index]
            if byte >= 0x20, byte < 0x7f, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                put(byte, at: position)
                position += 1
            } else {
                put(UInt8(ascii: "\\"), at: position)
                put(UInt8(ascii: "x"), at: position + 1)
                put(hexadecimalDigit(byte >> 4), at: position + 2)
                put(hexadecimalDigit(byte & 15), at: position + 3)
                position += 4
            }
        }
        unsafe header.pointee.end = UInt32(truncatingIfNeeded: position)
    }

    /// The text inside a JSON string: quotes, backslashes and controls escaped, bytes that are not ASCII as `\u00XX`
    /// (a header's bytes are not always UTF-8, and a log line must always be JSON). Text that would leave less than
    /// `reserve` bytes of room is cut.
    public func append(json text: Span<UInt8>, leaving reserve: Int) {
        var position = end
        let limit = capacity - reserve - 6
        for index in 0..<text.count where position <= limit {
            let byte = text[index]
            if byte >= 0x20, byte < 0x7f, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                unsafe bytes.storeBytes(of: byte, toByteOffset: position, as: UInt8.self)
                position += 1
            } else {
                unsafe header.pointee.end = UInt32(truncatingIfNeeded: position)
                append("\\u00")
                append(hexadecimalDigit(byte >> 4))
                append(hexadecimalDigit(byte & 15))
                position = end
            }
        }
        unsafe header.pointee.end = UInt32(truncatingIfNeeded: position)
    }
}
