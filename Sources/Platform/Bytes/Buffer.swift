/// A block of bytes lent by a ``BufferPool``: bytes enter at the end and leave at the start.
///
/// A trivial handle, free of reference counting: whoever took it gives it back to the pool it came from, once, on the
/// same thread. Adding more than there is room for is our own bug and stops the process.
@safe
public struct Buffer: Equatable, BitwiseCopyable {
    @safe @usableFromInline struct Header {
        @usableFromInline var start: UInt32
        @usableFromInline var end: UInt32
        @usableFromInline let capacity: UInt32
        @usableFromInline let size: BufferSize
        /// The next vacant block while this one is in the pool.
        @usableFromInline var next: UnsafeMutablePointer<Header>?

        @usableFromInline init(size: BufferSize) {
            self.start = 0
            self.end = 0
            self.capacity = UInt32(size.rawValue)
            self.size = size
            unsafe self.next = nil
        }
    }

    @usableFromInline let header: UnsafeMutablePointer<Header>

    @inlinable init(header: UnsafeMutablePointer<Header>) { unsafe self.header = header }

    @inlinable var bytes: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(header + 1) }

    @inlinable public static func == (one: Buffer, other: Buffer) -> Bool { unsafe one.header == other.header }

    @inlinable public var capacity: Int { unsafe Int(header.pointee.capacity) }
    @inlinable public var start: Int { unsafe Int(header.pointee.start) }
    @inlinable public var end: Int { unsafe Int(header.pointee.end) }
    /// Bytes that were put in and not yet consumed.
    @inlinable public var count: Int { end - start }
    @inlinable public var isEmpty: Bool { start == end }
    /// Bytes that can be added without moving anything.
    @inlinable public var room: Int { capacity - end }

    /// The bytes that wait, valid until the buffer is changed.
    @inlinable public var readable: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let base = unsafe (bytes + start).assumingMemoryBound(to: UInt8.self)
            let span = unsafe Span(_unsafeStart: base, count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Forgets `amount` bytes at the start. When nothing is left the whole block is room again.
    @inlinable public func consume(_ amount: Int) {
        precondition(amount >= 0 && amount <= count)
        unsafe header.pointee.start += UInt32(truncatingIfNeeded: amount)
        if isEmpty { clear() }
    }

    /// Steps over `amount` bytes that were sent but may have to be sent again: ``rewind()`` brings them back.
    @inlinable public func advance(_ amount: Int) {
        precondition(amount >= 0 && amount <= count)
        unsafe header.pointee.start += UInt32(truncatingIfNeeded: amount)
    }

    /// Makes everything since the front readable again.
    @inlinable public func rewind() { unsafe header.pointee.start = 0 }

    @inlinable public func clear() {
        unsafe header.pointee.start = 0
        unsafe header.pointee.end = 0
    }

    /// Takes back bytes at the end.
    @inlinable public func drop(last amount: Int) {
        precondition(amount >= 0 && amount <= count)
        unsafe header.pointee.end -= UInt32(truncatingIfNeeded: amount)
    }

    /// Moves what waits to the front, so that all the free space is room.
    public func compact() {
        let (first, count) = (start, count)
        guard first > 0 else { return }
        unsafe bytes.copyMemory(from: bytes + first, byteCount: count)
        unsafe header.pointee.start = 0
        unsafe header.pointee.end = UInt32(count)
    }

    /// Lets `body` fill the room from its start; `body` answers how many bytes it filled, or a number below zero.
    @inlinable public func withRoom(_ body: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        let filled = unsafe body(UnsafeMutableRawBufferPointer(start: bytes + end, count: room))
        if filled > 0 {
            precondition(filled <= room)
            unsafe header.pointee.end += UInt32(truncatingIfNeeded: filled)
        }
        return filled
    }

    @inlinable public func withReadable<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        unsafe body(UnsafeRawBufferPointer(start: bytes + start, count: count))
    }
}

/// The sizes of block there are.
public enum BufferSize: UInt32, CaseIterable {
    /// An access record in the making.
    case small = 2_048
    /// A head, or a piece of a body.
    case normal = 16_384
    /// A head beyond the usual.
    case large = 65_536
    /// A piece of a long body: fewer system calls for each byte. There are few of them (``BufferPool/takeHuge()``).
    case huge = 262_144

    /// The smallest that holds `count` bytes, or `nil`; never a huge one.
    public static func holding(_ count: Int) -> BufferSize? {
        allCases.first { $0 != .huge && Int($0.rawValue) >= count }
    }
}
