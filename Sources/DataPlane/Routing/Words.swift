// Arithmetic on eight bytes at once, the first byte lowest.

/// Secret numbers of this process, so that nobody outside can choose names that collide.
struct Hashing: BitwiseCopyable {
    let exact: UInt64
    let suffix: UInt64
    let path: UInt64
    let factor: UInt64

    init(seed: UInt64) {
        // SplitMix64: each draw differs from the others in about half of its bits.
        var state = seed
        func draw() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
            return word ^ (word &>> 31)
        }
        exact = draw()
        suffix = draw()
        path = draw()
        factor = draw() | 1
    }

    /// The whole product of the two, folded: one multiplication spreads every bit.
    @inline(__always)
    func fold(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word).multipliedFullWidth(by: factor)
        return product.high ^ product.low
    }

    /// The hash of a name, its length mixed in last.
    @inline(__always)
    func hash(_ name: ByteRun, from seed: UInt64) -> UInt64 {
        var state = seed
        var offset = 0
        while offset < name.count {
            state = fold(state, name.word(at: offset))
            offset &+= 8
        }
        return finish(state, count: name.count)
    }

    @inline(__always)
    func finish(_ state: UInt64, count: Int) -> UInt64 { fold(state, UInt64(truncatingIfNeeded: count)) }

    /// The hash of the first `count` bytes of a path of one host: `state` has folded the whole words before, `rest` holds the
    /// bytes of the word that was begun, zeros above.
    @inline(__always)
    func finish(path state: UInt64, rest: UInt64, count: Int, host: UInt32) -> UInt64 {
        fold(fold(state, rest), UInt64(truncatingIfNeeded: count) | UInt64(host) &<< 32)
    }
}

extension UInt64 {
    static let highBits: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func repeating(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

    /// The high bit of every byte that is `byte`, and of no other.
    @inline(__always)
    func places(of byte: UInt8) -> UInt64 {
        let other = self ^ .repeating(byte)
        return ~(((other & ~.highBits) &+ ~.highBits) | other) & .highBits
    }

    /// The eight bytes with ASCII's upper-case letters made lower.
    @inline(__always)
    var lowercased: UInt64 {
        let low = self & ~.highBits
        let atLeastA = low &+ .repeating(0x80 - 0x41)
        let beyondZ = low &+ .repeating(0x80 - 0x5b)
        return self | ((atLeastA & ~beyondZ & ~self & .highBits) &>> 2)
    }

    /// The lowest `count` bytes, 0 to 7; the others zero.
    @inline(__always)
    func keeping(_ count: Int) -> UInt64 { self & ((1 &<< UInt64(truncatingIfNeeded: count &* 8)) &- 1) }
}

/// Whether a path starts with `/` and already is in the form that is matched: no `%`, no `//`, no `/.`.
@inline(__always)
func isPlain(path: ByteRun) -> Bool {
    guard path.count > 0, path[0] == UInt8(ascii: "/") else { return false }
    var offset = 0
    var odd: UInt64 = 0
    // The high bit of the lowest byte is set when the byte before this word is a slash.
    var carry: UInt64 = 0
    while offset < path.count {
        let word = path.word(at: offset)
        let slashes = word.places(of: UInt8(ascii: "/"))
        odd |= word.places(of: UInt8(ascii: "%"))
        odd |= (slashes &<< 8 | carry) & (slashes | word.places(of: UInt8(ascii: ".")))
        carry = slashes &>> 56
        offset &+= 8
    }
    return odd == 0
}
