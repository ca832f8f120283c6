/// How many more times a pool's requests may be sent than there are requests.
///
/// When an endpoint is slow or broken, each request that fails there and is sent again adds load to the others; without
/// a bound a pool that is merely slow is buried under its own retries. So each request earns a part of a retry, and a
/// retry costs a whole one: retries are a fixed part of recent requests, and "recent" is what the bucket holds. Beside
/// that, one retry a second is free, so that a site with few visitors is not refused what can harm nobody.
///
/// A pure value: the caller says what time it is. One for each route and worker; so the part holds for all workers
/// together as well.
public struct RetryBudget: Sendable, BitwiseCopyable {
    /// What one retry costs, in the unit in which requests earn: hundredths.
    public static let cost: UInt32 = 100
    /// Retries that can be saved up: the requests in flight when an endpoint dies are refused all at once.
    public static let capacity: UInt32 = 100
    /// Retries that are there before the first request.
    public static let start: UInt32 = 10
    /// Nanoseconds from one free retry to the next.
    public static let freeInterval: UInt64 = 1_000_000_000

    @usableFromInline var saved = RetryBudget.start * RetryBudget.cost
    private var nextFree: UInt64 = 0

    public init() {}

    /// A request came.
    /// - Parameter percent: retries for each hundred requests, 0 to 100; larger numbers count as 100.
    @inlinable @inline(__always) public mutating func earn(percent: UInt8) {
        saved = min(saved &+ min(UInt32(percent), Self.cost), Self.capacity &* Self.cost)
    }

    /// Pays for a retry, if it can be paid for.
    /// - Parameter now: nanoseconds of a clock that does not go back.
    public mutating func pay(now: UInt64) -> Bool {
        if saved >= Self.cost {
            saved -= Self.cost
            return true
        }
        guard now >= nextFree else { return false }
        nextFree = now &+ Self.freeInterval
        return true
    }
}
