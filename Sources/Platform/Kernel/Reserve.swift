import CLinux

/// Address space that takes memory only where it is touched: room for as many values as there can ever be, at
/// addresses that never move. Memory starts as zeros.
@safe
public struct Reserve<Value: BitwiseCopyable>: ~Copyable {
    @usableFromInline let base: UnsafeMutablePointer<Value>
    public let capacity: Int

    public init(capacity: Int) {
        let byteCount = max(1, capacity) * MemoryLayout<Value>.stride
        guard let memory = unsafe kl_reserve(byteCount) else {
            preconditionFailure("no address space for \(byteCount) bytes")
        }
        unsafe base = memory.bindMemory(to: Value.self, capacity: capacity)
        self.capacity = capacity
    }

    deinit { unsafe kl_release(base, max(1, capacity) * MemoryLayout<Value>.stride) }

    @inlinable public subscript(index: Int) -> Value {
        @inline(__always) unsafeAddress { unsafe address(index) }
        @inline(__always) nonmutating unsafeMutableAddress { unsafe mutableAddress(index) }
    }

    /// Where a value lies, for subscripts built on this one.
    @inlinable @unsafe public func address(_ index: Int) -> UnsafePointer<Value> {
        unsafe UnsafePointer(mutableAddress(index))
    }

    @inlinable @unsafe public func mutableAddress(_ index: Int) -> UnsafeMutablePointer<Value> {
        precondition(index >= 0 && index < capacity)
        return unsafe base + index
    }
}
