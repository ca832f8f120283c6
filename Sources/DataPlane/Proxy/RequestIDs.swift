import Bytes
import Kernel

/// Makes request IDs: 32 hexadecimal digits, unique in this process and unlike the next process's.
///
/// The text is kept and its last half rewritten for each request, which is cheaper than making it whole.
struct RequestIDs {
    /// The worker's, given back when the worker ends.
    let text: Buffer
    private(set) var number: UInt64

    init(_ buffer: Buffer) {
        text = buffer
        number = System.random64() >> 16
        text.append(hexadecimal: System.random64(), width: 16)
        text.append(hexadecimal: number, width: 16)
    }

    /// Moves on to the next.
    mutating func advance() {
        number &+= 1
        text.drop(last: 16)
        text.append(hexadecimal: number, width: 16)
    }

    /// Makes an earlier one the current one again, by its number; the next is new all the same.
    mutating func recall(_ number: UInt64) {
        text.drop(last: 16)
        text.append(hexadecimal: number, width: 16)
    }

    /// The current one, good until the next.
    var current: Span<UInt8> {
        @_lifetime(borrow self)
        get { text.readable }
    }
}
