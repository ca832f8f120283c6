/// How long an endpoint takes to answer, smoothed: each answer counts for a sixteenth, so that one late answer makes
/// nobody slow. ``PeakLatency`` is for choosing and wants the opposite.
public struct MeanLatency: Sendable, BitwiseCopyable, Equatable {
    /// Answers that were counted; no more than ``UInt32/max``.
    public private(set) var count: UInt32 = 0
    /// Sixteen times the mean, nanoseconds.
    private var sum: UInt64 = 0

    /// Beyond it answers are as long as this: 18 minutes.
    static let limit: UInt64 = 1 << 40

    public init() {}

    public var nanoseconds: UInt64 { sum / 16 }

    public mutating func observe(_ nanoseconds: UInt64) {
        let sample = min(nanoseconds, Self.limit)
        sum = count == 0 ? sample * 16 : sum - sum / 16 + sample
        count = count == .max ? .max : count + 1
    }
}
