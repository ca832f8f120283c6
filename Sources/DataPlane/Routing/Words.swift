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

    /// The hash of a name with zeros behind it, its length mixed in last.
    @inline(__always)
    func hash(padded name: ByteRun, from seed: UInt64) -> UInt64 {
        var state = seed
        var offset = 0
        while offset < name.count {
            state = fold(state, name.wholeWord(at: offset))
            offset &+= 8
        }
        return finish(state, count: name.count)
    }

    @inline(__always)
    func finish(_ state: UInt64, count: Int) -> UInt64 { fold(state, UInt64(truncatingIfNeeded: count)) }

    /// The hash of the first `count` bytes of a path of one host: `state` has folded the whole words before, `rest`
    /// holds the bytes of the word that was begun, zeros above.
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

extension UInt64 {
    /// Not zero when some byte is `byte`, and perhaps when none is: the high bit of each that is, with such bits
    /// above one that is in doubt. Cheaper than ``places(of:)`` where a doubt only costs time.
    @inline(__always)
    func perhaps(_ byte: UInt8) -> UInt64 {
        let other = self ^ .repeating(byte)
        return (other &- .repeating(1)) & ~other
    }
}

/// Whether a path starts with `/` and already is in the form that is matched: no `%`, no `//`, no `/.`. May take a
/// path that is for one that is not.
@inline(__always)
func isPlain(path: ByteRun) -> Bool {
    guard path.count > 0, path[0] == UInt8(ascii: "/") else { return false }
    guard path.count >= 8 else { return path.count == 1 || isPlainWord(path.word(at: 0)) }
    var odd: UInt64 = 0
    var offset = 0
    // Words overlap by a byte, so that every pair of bytes lies within one of them.
    let last = path.count &- 8
    while offset < last {
        odd |= oddity(of: path.wholeWord(at: offset))
        offset &+= 7
    }
    odd |= oddity(of: path.wholeWord(at: last))
    return odd & .highBits == 0
}

@inline(__always)
private func isPlainWord(_ word: UInt64) -> Bool { oddity(of: word) & .highBits == 0 }

/// High bits set where a `%` is, or the second byte of a `//` or `/.`; the other bits mean nothing.
@inline(__always)
private func oddity(of word: UInt64) -> UInt64 {
    let slashes = word.perhaps(UInt8(ascii: "/"))
    return word.perhaps(UInt8(ascii: "%")) | (slashes &<< 8) & (slashes | word.perhaps(UInt8(ascii: ".")))
}
