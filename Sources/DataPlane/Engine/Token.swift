/// Names a place in a slab and the tenant it was given to: `generation << 32 | index`. The kernel carries it with each
/// event, and a stale one finds nobody.
public struct Token: Equatable, Hashable, Sendable, BitwiseCopyable {
    public let raw: UInt64

    @inlinable public init(raw: UInt64) { self.raw = raw }
    @inlinable public init(index: UInt32, generation: UInt32) { raw = UInt64(generation) << 32 | UInt64(index) }

    @inlinable public var index: UInt32 { UInt32(truncatingIfNeeded: raw) }
    @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) }
}
