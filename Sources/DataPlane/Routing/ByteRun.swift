/// Bytes somewhere in memory, read eight at a time; trivial. Whoever makes one sees to it that the bytes outlive it.
///
/// Words are little-endian whatever the machine: the first byte is the lowest. Beyond the end every byte reads as zero.
@safe
struct ByteRun: BitwiseCopyable {
    private let start: UnsafePointer<UInt8>
    let count: Int

    init(start: UnsafePointer<UInt8>, count: Int) {
        unsafe self.start = start
        self.count = count
    }

    subscript(index: Int) -> UInt8 { unsafe start[index] }

    /// The first `count` bytes; `count` is not more than there are.
    func first(_ count: Int) -> ByteRun { unsafe ByteRun(start: start, count: count) }

    /// All from `offset` on; `offset` is not beyond the end.
    func dropping(_ offset: Int) -> ByteRun { unsafe ByteRun(start: start + offset, count: count &- offset) }

    /// The eight bytes from `offset`, which is below `count`.
    @inline(__always)
    func word(at offset: Int) -> UInt64 {
        if offset &+ 8 <= count { return wholeWord(at: offset) }
        return lastWord(at: offset)
    }

    /// The eight bytes from `offset` where all of them may be read: at least eight are left, or zeros follow the end.
    @inline(__always)
    func wholeWord(at offset: Int) -> UInt64 {
        unsafe UInt64(littleEndian: UnsafeRawPointer(start + offset).loadUnaligned(as: UInt64.self))
    }

    /// One to seven bytes, read without touching what lies behind them.
    @inline(__always)
    private func lastWord(at offset: Int) -> UInt64 {
        let left = count &- offset
        if count >= 8 { return wholeWord(at: count &- 8) &>> UInt64(truncatingIfNeeded: 64 &- left &* 8) }
        if left >= 4 {
            let low = unsafe UnsafeRawPointer(start + offset).loadUnaligned(as: UInt32.self)
            let high = unsafe UnsafeRawPointer(start + (count &- 4)).loadUnaligned(as: UInt32.self)
            return UInt64(UInt32(littleEndian: low))
                | UInt64(UInt32(littleEndian: high)) &<< UInt64(truncatingIfNeeded: left &* 8 &- 32)
        }
        var word: UInt64 = 0
        var index = count
        while index > offset {
            index &-= 1
            word = word &<< 8 | UInt64(self[index])
        }
        return word
    }

    @inline(__always)
    func equals(_ other: ByteRun) -> Bool {
        guard count == other.count else { return false }
        var offset = 0
        while offset < count {
            guard word(at: offset) == other.word(at: offset) else { return false }
            offset &+= 8
        }
        return true
    }

    /// Equality of two runs with zeros behind them up to the next multiple of eight bytes from their starts.
    @inline(__always)
    func equals(padded other: ByteRun) -> Bool {
        guard count == other.count else { return false }
        var offset = 0
        while offset < count {
            guard wholeWord(at: offset) == other.wholeWord(at: offset) else { return false }
            offset &+= 8
        }
        return true
    }

    var string: String { unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self) }
    var array: [UInt8] { unsafe Array(UnsafeBufferPointer(start: start, count: count)) }
}

/// Room for bytes on the stack of whoever matches; trivial.
@safe
struct ByteRoom: BitwiseCopyable {
    private let start: UnsafeMutablePointer<UInt8>
    let capacity: Int

    init(start: UnsafeMutablePointer<UInt8>, capacity: Int) {
        unsafe self.start = start
        self.capacity = capacity
    }

    subscript(index: Int) -> UInt8 {
        get {
            assert(index < capacity)
            return unsafe start[index]
        }
        nonmutating set {
            assert(index < capacity)
            unsafe start[index] = newValue
        }
    }

    /// Writes eight bytes at `offset`; they must fit.
    @inline(__always)
    func put(_ word: UInt64, at offset: Int) {
        assert(offset + 8 <= capacity)
        unsafe UnsafeMutableRawPointer(start + offset).storeBytes(of: word.littleEndian, as: UInt64.self)
    }

    func first(_ count: Int) -> ByteRun { unsafe ByteRun(start: start, count: count) }
}

/// Runs `body` with `capacity` bytes of stack, not zeroed. `capacity` is at most 1,024, which the compiler keeps off
/// the heap.
@inline(__always)
func withRoom<R>(_ capacity: Int, _ body: (ByteRoom) -> R) -> R {
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { room in
        unsafe body(ByteRoom(start: room.baseAddress!, capacity: capacity))
    }
}

extension Span<UInt8> {
    @inline(__always)
    func withRun<R>(_ body: (ByteRun) -> R) -> R {
        unsafe withUnsafeBufferPointer { bytes in
            // The base of an empty span may be nil; nobody reads through the stand-in, an aligned address that is not
            // null.
            unsafe body(ByteRun(start: bytes.baseAddress ?? UnsafePointer(bitPattern: 8)!, count: bytes.count))
        }
    }
}

extension [UInt8] {
    func withRun<R>(_ body: (ByteRun) -> R) -> R { span.withRun(body) }
}
