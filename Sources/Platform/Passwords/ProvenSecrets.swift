/// Digests of passwords that were verified lately, so that a client which sends its password with every request pays
/// for it once. One thread only.
///
/// Only what was right is kept, as a digest under the process's key, for ``lifetime``; memory is fixed, and is taken
/// when there is something to keep. A password that changes has another hash, so another digest: nothing need be
/// forgotten for that.
public struct ProvenSecrets {
    /// Nanoseconds: five minutes.
    public static let lifetime: UInt64 = 300 * 1_000_000_000
    /// Digests kept; 24 bytes each.
    public static let capacity = 1_024
    /// Places that one digest may be in, side by side.
    private static let ways = 8

    private struct Place: BitwiseCopyable {
        var digest = KeyedDigest.Value(low: 0, high: 0)
        /// Nanoseconds of the monotonic clock; 0 for a place that is vacant.
        var endsAt: UInt64 = 0
    }

    private var places: [Place] = []

    public init() {}

    public func contains(_ digest: KeyedDigest.Value, now: UInt64) -> Bool {
        guard !places.isEmpty else { return false }
        let first = Self.first(digest)
        for index in first..<first + Self.ways where places[index].digest == digest {
            return places[index].endsAt > now
        }
        return false
    }

    /// Where all places of a digest are taken, the one that ends soonest goes.
    public mutating func insert(_ digest: KeyedDigest.Value, now: UInt64) {
        if places.isEmpty { places = Array(repeating: Place(), count: Self.capacity) }
        let first = Self.first(digest)
        var soonest = first
        for index in first..<first + Self.ways {
            if places[index].digest == digest {
                soonest = index
                break
            }
            if places[index].endsAt < places[soonest].endsAt { soonest = index }
        }
        places[soonest] = Place(digest: digest, endsAt: now &+ Self.lifetime)
    }

    private static func first(_ digest: KeyedDigest.Value) -> Int {
        Int(truncatingIfNeeded: digest.low) & (capacity - 1) & ~(ways - 1)
    }
}
