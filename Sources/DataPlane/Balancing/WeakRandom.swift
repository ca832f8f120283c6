/// Random numbers for choosing among endpoints (SplitMix64): the same again for the same seed, a handful of
/// instructions each, and of no use where somebody must not guess them.
public struct WeakRandom: RandomNumberGenerator, Sendable, BitwiseCopyable {
    private var state: UInt64

    /// Workers with different seeds choose differently.
    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return mixed(state)
    }
}

/// Spreads what differs between two words over all bits (the finaliser of SplitMix64); a bijection.
@inline(__always)
func mixed(_ word: UInt64) -> UInt64 {
    var word = word
    word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word &>> 31)
}
