/// Where one field line lies in the bytes of its head, and what is known about it.
///
/// All four positions are offsets from the first byte of the span that was parsed.
public struct FieldLine: Equatable, Sendable {
    public var nameStart: UInt32
    public var nameEnd: UInt32

    /// The value begins after the optional whitespace that follows the colon.
    public var valueStart: UInt32

    /// The value ends before the optional whitespace that precedes the CRLF; equal to `valueStart` when it is empty.
    public var valueEnd: UInt32

    public var known: KnownField

    /// Not to be forwarded: hop-by-hop by definition or named by `Connection` (RFC 9110 §7.6.1).
    public var dropped: Bool

    /// Makes a field line that is not dropped unless its name is that of a hop-by-hop field.
    @inlinable @inline(__always)
    public init(nameStart: UInt32, nameEnd: UInt32, valueStart: UInt32, valueEnd: UInt32, known: KnownField) {
        self.nameStart = nameStart
        self.nameEnd = nameEnd
        self.valueStart = valueStart
        self.valueEnd = valueEnd
        self.known = known
        dropped = known.isHopByHop
    }

    @inlinable public var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
    @inlinable public var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
}

/// Room for the field lines of one head, allocated once and used again for every head of a worker.
///
/// Used by one thread at a time; it is noncopyable, so there is one owner and one `deinit`.
@safe public struct FieldTable: ~Copyable {
    @usableFromInline let lines: UnsafeMutablePointer<FieldLine>

    /// How many lines fit.
    public let capacity: Int

    @usableFromInline var used = 0

    /// How many lines are in use.
    @inlinable public var count: Int { used }

    /// Allocates room for `capacity` lines, at least one.
    public init(capacity: Int) {
        self.capacity = max(capacity, 1)
        unsafe lines = .allocate(capacity: self.capacity)
    }

    deinit { unsafe lines.deallocate() }

    /// The line at `index`, in the order of the head. Stops the process at or beyond `count`.
    @inlinable
    public subscript(index: Int) -> FieldLine {
        @inline(__always) get {
            precondition(index >= 0 && index < count)
            // Initialized: `append` stored every line under `count`, and FieldLine is trivial.
            return unsafe lines[index]
        }
        @inline(__always) set {
            precondition(index >= 0 && index < count)
            unsafe lines[index] = newValue
        }
    }

    /// Forgets all lines.
    @inlinable @inline(__always)
    public mutating func removeAll() { used = 0 }

    /// Adds a line behind the last; says whether there was room.
    @inlinable @inline(__always)
    public mutating func append(_ line: FieldLine) -> Bool {
        guard count < capacity else { return false }
        unsafe (lines + count).initialize(to: line)
        used &+= 1
        return true
    }
}
