/// Several buffers in a row: filled at the end, read from the front, and read again when that is asked for.
///
/// A trivial handle like the buffers themselves, which are linked where vacant ones are: whoever filled it gives each
/// of them back, once.
@safe
public struct BufferChain: BitwiseCopyable {
    private var first: Buffer?
    /// Where bytes can be added, if it has room.
    public private(set) var last: Buffer?
    /// What is read now.
    private var current: Buffer?

    public init() {}

    public var isEmpty: Bool { first == nil }

    /// Puts a buffer at the end. It must be in no other chain, and in no pool.
    public mutating func append(_ buffer: Buffer) {
        unsafe buffer.header.pointee.next = nil
        if let last { unsafe last.header.pointee.next = buffer.header } else { first = buffer }
        if current == nil { current = buffer }
        last = buffer
    }

    /// The first buffer with bytes that were not stepped over (``Buffer/advance(_:)``), or `nil`.
    public mutating func unread() -> Buffer? {
        while let buffer = current {
            guard buffer.isEmpty, let next = Self.next(buffer) else { return buffer.isEmpty ? nil : buffer }
            current = next
        }
        return nil
    }

    /// Makes every byte readable again.
    public mutating func rewind() {
        var buffer = first
        while let each = buffer {
            each.rewind()
            buffer = Self.next(each)
        }
        current = first
    }

    /// Takes the front buffer out, or answers `nil` when the chain is empty.
    public mutating func removeFirst() -> Buffer? {
        guard let buffer = first else { return nil }
        let next = Self.next(buffer)
        if current == buffer { current = next }
        first = next
        if next == nil { last = nil }
        return buffer
    }

    private static func next(_ buffer: Buffer) -> Buffer? {
        guard let next = unsafe buffer.header.pointee.next else { return nil }
        return unsafe Buffer(header: next)
    }
}
