import Kernel

/// SipHash-2-4 with 128 bits (Aumasson, Bernstein 2012) under a key of this process's own: who does not know the key
/// can neither find a text that has a given digest nor tell from a digest what it was made of.
public struct KeyedDigest: Sendable {
    public struct Value: Equatable, Sendable, BitwiseCopyable {
        public var low: UInt64
        public var high: UInt64

        public init(low: UInt64, high: UInt64) {
            self.low = low
            self.high = high
        }

        /// Whether the two are equal, found out in a time that does not tell where they differ.
        public func matches(_ other: Value) -> Bool { (low ^ other.low) | (high ^ other.high) == 0 }
    }

    private let key: (UInt64, UInt64)

    /// With a key that nobody knows.
    public init() { key = (System.random64(), System.random64()) }

    init(key: (UInt64, UInt64)) { self.key = key }

    /// With the first 16 bytes of a secret, of which there must be as many.
    public init(secret: [UInt8]) {
        precondition(secret.count >= 16, "a key is 16 bytes")
        func word(_ start: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(secret[start + $1]) << UInt64(8 * $1) }
        }
        key = (word(0), word(8))
    }

    /// Of two numbers, as of their 16 bytes, the least significant first.
    public func callAsFunction(_ one: UInt64, _ other: UInt64) -> Value {
        var state = State(key)
        state.take(one)
        state.take(other)
        state.take(16 &<< 56)
        return state.finish()
    }

    public func callAsFunction(_ bytes: Span<UInt8>) -> Value {
        var state = State(key)
        var word: UInt64 = 0
        for place in 0..<bytes.count {
            word |= UInt64(bytes[place]) &<< UInt64(truncatingIfNeeded: place & 7 &* 8)
            guard place & 7 == 7 else { continue }
            state.take(word)
            word = 0
        }
        state.take(word | UInt64(truncatingIfNeeded: bytes.count) &<< 56)
        return state.finish()
    }

    private struct State {
        private var (v0, v1, v2, v3): (UInt64, UInt64, UInt64, UInt64)

        init(_ key: (UInt64, UInt64)) {
            v0 = key.0 ^ 0x736f_6d65_7073_6575
            v1 = key.1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
            v2 = key.0 ^ 0x6c79_6765_6e65_7261
            v3 = key.1 ^ 0x7465_6462_7974_6573
        }

        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish() -> Value {
            v2 ^= 0xee
            for _ in 0..<4 { round() }
            let low = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xdd
            for _ in 0..<4 { round() }
            return Value(low: low, high: v0 ^ v1 ^ v2 ^ v3)
        }

        private mutating func round() {
            v0 &+= v1
            v1 = Self.turned(v1, 13) ^ v0
            v0 = Self.turned(v0, 32)
            v2 &+= v3
            v3 = Self.turned(v3, 16) ^ v2
            v0 &+= v3
            v3 = Self.turned(v3, 21) ^ v0
            v2 &+= v1
            v1 = Self.turned(v1, 17) ^ v2
            v2 = Self.turned(v2, 32)
        }

        private static func turned(_ word: UInt64, _ count: UInt64) -> UInt64 {
            word &<< count | word &>> (64 &- count)
        }
    }
}
