public import Synchronization

/// A number that grows, written by one thread and read by any.
///
/// One writer means no locked instruction: a relaxed load and a relaxed store.
public struct Counter: ~Copyable, Sendable {
    @usableFromInline let value = Atomic<UInt64>(0)

    @inlinable public init() {}

    /// On the writing thread only.
    @inlinable public func add(_ amount: UInt64 = 1) {
        value.store(value.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// For a quantity that also shrinks (open connections). On the writing thread only.
    @inlinable public func subtract(_ amount: UInt64 = 1) {
        value.store(value.load(ordering: .relaxed) &- amount, ordering: .relaxed)
    }

    /// From any thread; as fresh as the other core's last store.
    @inlinable public var current: UInt64 { value.load(ordering: .relaxed) }
}
