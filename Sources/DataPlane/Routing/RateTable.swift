import Synchronization

/// Every client's bucket at every rule with a rate limit, shared by all workers without a lock.
///
/// A bucket is one number, the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371
/// Annex A: the same as a token bucket, without counting). Memory is fixed: where a new client finds no vacant place,
/// the bucket that is full soonest goes, mostly one that is full already and says nothing any more.
///
/// A place is two atomics, whose it is and until when. Two workers that give one place to two clients at the same
/// instant may charge one of them for the other: by a token, once.
@safe public final class RateTable: @unchecked Sendable {
    // Unchecked: the memory is of atomics only, made before and freed after anybody else can see it.

    /// Buckets, a power of two.
    public static let capacity = 1 << 16
    /// Places that one client may be in, side by side: two cache lines.
    private static let ways = 8

    private let places: UnsafeMutablePointer<Place>
    private let hashing: Hashing

    struct Place: ~Copyable {
        let owner = Atomic<UInt64>(0)
        /// Nanoseconds of the monotonic clock.
        let fullAt = Atomic<UInt64>(0)
    }

    init(hashing: Hashing) {
        self.hashing = hashing
        unsafe places = .allocate(capacity: Self.capacity)
        for index in 0..<Self.capacity { unsafe (places + index).initialize(to: Place()) }
    }

    deinit {
        unsafe places.deinitialize(count: Self.capacity)
        unsafe places.deallocate()
    }

    /// Takes a token from a client's bucket. From any thread.
    ///
    /// - Parameters:
    ///   - high, low: the client's address, IPv4 as `::ffff:a.b.c.d`. Of IPv6 the first 64 bits count: whoever has
    ///     one address of such a network has all of them.
    ///   - now: nanoseconds of the monotonic clock.
    /// - Returns: 0 when there was a token; otherwise the nanoseconds until there is one.
    public func take(_ options: RouteOptions, high: UInt64, low: UInt64, now: UInt64) -> UInt64 {
        let limit = BucketLimit(key: options.rateKey, tokenTime: options.tokenTime, bucketTime: options.bucketTime)
        return take(limit, high: high, low: low, now: now)
    }

    func take(_ limit: BucketLimit, high: UInt64, low: UInt64, now: UInt64) -> UInt64 {
        let place = place(of: client(limit, high: high, low: low), now: now)
        var before = unsafe places[place].fullAt.load(ordering: .relaxed)
        while true {
            // A limit that was made smaller since does not make anybody wait for more than a whole bucket.
            let from = min(max(before, now), now &+ limit.bucketTime)
            let after = from &+ limit.tokenTime
            guard after &- now <= limit.bucketTime else { return after &- now &- limit.bucketTime }
            let (exchanged, found) = unsafe places[place].fullAt.compareExchange(
                expected: before, desired: after, ordering: .relaxed)
            if exchanged { return 0 }
            before = found
        }
    }

    /// Puts a token back that was taken.
    func giveBack(_ limit: BucketLimit, high: UInt64, low: UInt64, now: UInt64) {
        let place = place(of: client(limit, high: high, low: low), now: now)
        var before = unsafe places[place].fullAt.load(ordering: .relaxed)
        // One that is full has no room for it.
        while before > now {
            let (exchanged, found) = unsafe places[place].fullAt.compareExchange(
                expected: before, desired: before &- min(before, limit.tokenTime), ordering: .relaxed)
            if exchanged { return }
            before = found
        }
    }

    private func client(_ limit: BucketLimit, high: UInt64, low: UInt64) -> UInt64 {
        let isIPv4 = high == 0 && low &>> 32 == 0xffff
        let client = hashing.fold(hashing.fold(limit.key, high), isIPv4 ? low : 0)
        // Zero stands for a place that nobody has had.
        return client == 0 ? 1 : client
    }

    private func place(of client: UInt64, now: UInt64) -> Int {
        let first = Int(truncatingIfNeeded: client &>> 1) & (Self.capacity - 1) & ~(Self.ways - 1)
        var (oldest, oldestTime) = (first, UInt64.max)
        for index in first..<first + Self.ways {
            let owner = unsafe places[index].owner.load(ordering: .relaxed)
            if owner == client { return index }
            let time = owner == 0 ? 0 : unsafe places[index].fullAt.load(ordering: .relaxed)
            if time < oldestTime { (oldest, oldestTime) = (index, time) }
        }
        unsafe places[oldest].owner.store(client, ordering: .relaxed)
        // A new client's bucket is full.
        unsafe places[oldest].fullAt.store(now, ordering: .relaxed)
        return oldest
    }
}

/// Which bucket, and how large.
struct BucketLimit: BitwiseCopyable {
    /// Of the rule.
    var key: UInt64
    /// Nanoseconds in which one token comes back, and those for a whole bucket of them.
    var tokenTime: UInt64
    var bucketTime: UInt64
}
