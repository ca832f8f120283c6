import CLinux

/// The one owner of an open file descriptor; closes it when it goes.
///
/// Descriptors are small integers that the kernel reuses at once, so a stale copy is a use after free with another
/// peer's bytes behind it. The path of a request keeps raw numbers in slab slots instead, with one idempotent close.
public struct Descriptor: ~Copyable, Sendable {
    public let raw: CInt

    public init(owning raw: CInt) { self.raw = raw }

    deinit { _ = kl_close(raw) }

    /// Gives the number up to whoever will close it.
    public consuming func release() -> CInt {
        let raw = raw
        discard self
        return raw
    }
}
