public import Kernel

/// Places for values, named by tokens that go stale safely. One thread only.
///
/// An odd generation marks a taken place, an even one a vacant place. A place that was retired is handed out again only
/// after ``reclaim()``, which runs between batches of events: within a batch an index means one tenant.
public struct Slab<Value: BitwiseCopyable>: ~Copyable {
    @usableFromInline let values: Reserve<Value>
    @usableFromInline let generations: Reserve<UInt32>
    @usableFromInline var vacant: [UInt32] = []
    @usableFromInline var retired: [UInt32] = []
    @usableFromInline var untouched: UInt32 = 0
    public private(set) var count = 0

    public init(capacity: Int) {
        values = Reserve(capacity: capacity)
        generations = Reserve(capacity: capacity)
    }

    public var isFull: Bool { vacant.isEmpty && Int(untouched) == values.capacity }

    /// Moves `value` in, or answers `nil` when every place is taken.
    public mutating func admit(_ value: Value) -> Token? {
        let index: UInt32
        if let place = vacant.popLast() {
            index = place
        } else {
            guard Int(untouched) < values.capacity else { return nil }
            index = untouched
            untouched += 1
        }
        count += 1
        generations[Int(index)] &+= 1
        values[Int(index)] = value
        return Token(index: index, generation: generations[Int(index)])
    }

    /// Ends a tenancy: the token is stale at once, the place is vacant after the next ``reclaim()``.
    public mutating func retire(_ index: UInt32) {
        precondition(generations[Int(index)] & 1 == 1, "a place was retired twice")
        generations[Int(index)] &+= 1
        count -= 1
        retired.append(index)
    }

    public mutating func reclaim() {
        guard !retired.isEmpty else { return }
        vacant.append(contentsOf: retired)
        retired.removeAll(keepingCapacity: true)
    }

    @inlinable public func holds(_ token: Token) -> Bool {
        Int(token.index) < values.capacity && generations[Int(token.index)] == token.generation
    }

    @inlinable public func isTaken(_ index: UInt32) -> Bool { generations[Int(index)] & 1 == 1 }

    public func token(_ index: UInt32) -> Token { Token(index: index, generation: generations[Int(index)]) }

    /// Places handed out so far, taken or not: the bound for a walk over all.
    public var extent: UInt32 { untouched }

    @inlinable public subscript(index: UInt32) -> Value {
        @inline(__always) unsafeAddress { unsafe values.address(Int(index)) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe values.mutableAddress(Int(index)) }
    }
}
