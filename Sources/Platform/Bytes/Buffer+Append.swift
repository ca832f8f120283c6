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

    @inlinable public func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        precondition(room >= count)
        unsafe (bytes + end).copyMemory(from: text.utf8Start, byteCount: count)
        unsafe header.pointee.end += UInt32(truncatingIfNeeded: count)
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
    public func append(decimal value: UInt64) {
        precondition(room >= 20)
        var (rest, digits) = (value, 1)
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        rest = value
        for place in stride(from: end + digits - 1, through: end, by: -1) {
            unsafe bytes.storeBytes(
                of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: place, as: UInt8.self)
            rest /= 10
        }
        unsafe header.pointee.end += UInt32(digits)
    }

    /// Lower-case hexadecimal digits without leading zeros (at least one digit), 16 at most; or all `width` of them.
    public func append(hexadecimal value: UInt64, width: Int = 0) {
        precondition(room >= 16)
        let digits = max(width, max(1, (67 - value.leadingZeroBitCount) / 4))
        for place in 0..<digits {
            let nibble = UInt8(truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - place))) & 15
            append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") - 10 + nibble)
        }
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
                append(hexadecimal: UInt64(byte), width: 2)
                position = end
            }
        }
        unsafe header.pointee.end = UInt32(truncatingIfNeeded: position)
    }
}
