// Many bytes at a time out of a span, and comparisons with names known at compile time.
//
// All functions are inlined into their callers: parsers look at every byte of every head through them.

/// Sixteen bytes, compared at once.
public typealias Block = SIMD16<UInt8>

/// Which of sixteen bytes have a property.
public typealias BlockMask = SIMDMask<SIMD16<Int8>>

extension Span where Element == UInt8 {
    /// The sixteen bytes from `offset` on, the first in lane 0. Stops the process outside the span.
    @inlinable @inline(__always)
    public func block(at offset: Int) -> Block {
        // Spelled like the loops' own conditions, so that the compiler keeps one of the two.
        precondition(count >= 16 && UInt(bitPattern: offset) <= UInt(bitPattern: count &- 16))
        // Sound: the precondition keeps all sixteen bytes inside the span, and any bits are a vector of bytes.
        return unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Block.self)
    }

    /// The eight bytes from `offset` on, the first in the lowest bits. Stops the process outside the span.
    @inlinable @inline(__always)
    public func word(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset &+ 8 <= count)
        // Sound: the precondition keeps all eight bytes inside the span, and any bits are a UInt64.
        return unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
    }

    /// The four bytes from `offset` on, the first in the lowest bits. Stops the process outside the span.
    @inlinable @inline(__always)
    public func halfWord(at offset: Int) -> UInt32 {
        precondition(offset >= 0 && offset &+ 4 <= count)
        // Sound for the same reason as `word(at:)`.
        return unsafe UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt32.self))
    }

    /// Whether the bytes from `offset` on begin with `text`. Stops the process when they end before it does.
    @inlinable @inline(__always)
    public func equals(_ text: StaticString, at offset: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        if length >= 8 {
            var position = 0
            while position &+ 8 < length {
                if word(at: offset &+ position) != text.word(at: position) { return false }
                position &+= 8
            }
            // The last word overlaps the one before it, so that no byte outside the text is read.
            return word(at: offset &+ length &- 8) == text.word(at: length &- 8)
        }
        if length >= 4 {
            return halfWord(at: offset) == text.halfWord(at: 0)
                && halfWord(at: offset &+ length &- 4) == text.halfWord(at: length &- 4)
        }
        var position = 0
        while position < length {
            if self[offset &+ position] != text.byte(at: position) { return false }
            position &+= 1
        }
        return true
    }

    /// Whether the bytes from `offset` on begin with `text`, ASCII letters in either case.
    ///
    /// `text` is lower case, of letters, digits, `-`, `:` and `/`. Stops the process when the bytes end before it does.
    @inlinable @inline(__always)
    public func equalsIgnoringCase(_ text: StaticString, at offset: Int) -> Bool {
        let length = text.utf8CodeUnitCount
        if length >= 8 {
            var position = 0
            while position &+ 8 < length {
                if !matches(word(at: offset &+ position), text.word(at: position)) { return false }
                position &+= 8
            }
            return matches(word(at: offset &+ length &- 8), text.word(at: length &- 8))
        }
        if length >= 4 {
            return matches(UInt64(halfWord(at: offset)), UInt64(text.halfWord(at: 0)))
                && matches(UInt64(halfWord(at: offset &+ length &- 4)), UInt64(text.halfWord(at: length &- 4)))
        }
        var position = 0
        while position < length {
            if !matches(UInt64(self[offset &+ position]), UInt64(text.byte(at: position))) { return false }
            position &+= 1
        }
        return true
    }

    /// Compares up to eight bytes with a lower-case word. Only where the wanted byte is a letter (its bit 0x40 is set)
    /// is the case bit of the other ignored: ignoring it everywhere would take a CR for a `-`.
    @inlinable @inline(__always)
    func matches(_ found: UInt64, _ wanted: UInt64) -> Bool {
        found | (wanted &>> 1) & 0x2020_2020_2020_2020 == wanted
    }
}

extension BlockMask {
    /// The first lane at or behind `lane` (0 to 15) that is set, or 16.
    @inlinable @inline(__always)
    public func firstLane(from lane: Int = 0) -> Int {
        // Sound: a mask is sixteen bytes, each all ones or all zeros.
        let halves = unsafe unsafeBitCast(self, to: SIMD2<UInt64>.self)
        var low = UInt64(littleEndian: halves[0])
        var high = UInt64(littleEndian: halves[1])
        if lane > 0 {
            let bits = UInt64(truncatingIfNeeded: lane) &* 8
            low = lane < 8 ? low & (~0 &<< bits) : 0
            high = lane < 8 ? high : high & (~0 &<< (bits &- 64))
        }
        if low != 0 { return low.trailingZeroBitCount &>> 3 }
        // Zero has 64 trailing zero bits, which makes 16.
        return 8 &+ (high.trailingZeroBitCount &>> 3)
    }
}

extension StaticString {
    // The compiler folds these loads: the text is a literal at every call. The bounds are the callers' loops above,
    // which stay under `utf8CodeUnitCount`; every text is ASCII with a pointer representation.

    @inlinable @inline(__always)
    func word(at offset: Int) -> UInt64 {
        unsafe UInt64(littleEndian: UnsafeRawPointer(utf8Start).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inlinable @inline(__always)
    func halfWord(at offset: Int) -> UInt32 {
        unsafe UInt32(littleEndian: UnsafeRawPointer(utf8Start).loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inlinable @inline(__always)
    func byte(at offset: Int) -> UInt8 {
        unsafe utf8Start[offset]
    }
}
