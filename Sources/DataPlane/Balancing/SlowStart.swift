/// How much of its weight an endpoint gets while it is new: caches are cold, code is not compiled yet.
public struct SlowStart: Sendable, BitwiseCopyable, Equatable {
    /// Nanoseconds from being ready to the whole weight; 0 is at once.
    public var window: UInt64
    /// What it begins with, in percent: 1 to 100.
    public var leastPercent: UInt8

    /// Steps in which the share grows: often enough to be smooth, seldom enough to need no attention.
    static let steps: UInt64 = 32

    public init(window: UInt64, leastPercent: UInt8 = 10) {
        self.window = window
        self.leastPercent = leastPercent
    }

    /// For ``EndpointLoad/share``: 1 to 256, growing in a straight line.
    ///
    /// - Parameter age: nanoseconds since the endpoint became ready.
    public func share(age: UInt64) -> UInt16 {
        guard age < window else { return EndpointLoad.wholeShare }
        let least = UInt64(EndpointLoad.wholeShare) * UInt64(min(max(leastPercent, 1), 100)) / 100
        let step = age / max(1, window / Self.steps)
        let grown = (UInt64(EndpointLoad.wholeShare) - least) * min(step, Self.steps) / Self.steps
        return UInt16(max(1, least + grown))
    }

    /// Nanoseconds until the share is another, or `nil` once it is whole.
    public func next(age: UInt64) -> UInt64? {
        guard age < window else { return nil }
        let length = max(1, window / Self.steps)
        return min(length - age % length, window - age)
    }
}
