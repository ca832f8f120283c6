/// Takes an endpoint out of its pool for a while when its answers say that it is worse than its neighbours.
///
///     admitted ──too many failures, and the cap allows it──► ejected(until) ──due──► admitted
///
/// Each ejection lasts twice as long as the one before; for each `base` time that an endpoint then does well, one is
/// forgotten. One of these for each endpoint and worker.
public struct OutlierEjection: Sendable, BitwiseCopyable, Equatable {
    public struct Policy: Sendable, BitwiseCopyable, Equatable {
        /// Failures in a row that eject; 0: none do.
        public var consecutive: UInt32
        /// Percent of failures in a window that eject; 0: none do.
        public var ratioPercent: UInt32
        /// Exchanges in the window without which its ratio says nothing.
        public var minimum: UInt32
        /// Nanoseconds.
        public var window: UInt64
        /// Nanoseconds of the first ejection, 1 and more.
        public var base: UInt64
        /// Nanoseconds of the longest.
        public var longest: UInt64
        /// How much of a pool may be ejected at once. One endpoint may always be, unless it is the only one.
        public var capPercent: UInt32
        /// Percent of its neighbours' median time that makes an endpoint slow; who is slow for a window is ejected. 0:
        /// nobody is.
        public var latencyPercent: UInt32

        public init(
            consecutive: UInt32 = 5, ratioPercent: UInt32 = 50, minimum: UInt32 = 20,
            window: UInt64 = 10_000_000_000,
            base: UInt64 = 10_000_000_000, longest: UInt64 = 300_000_000_000, capPercent: UInt32 = 50,
            latencyPercent: UInt32 = 0
        ) {
            self.consecutive = consecutive
            self.ratioPercent = ratioPercent
            self.minimum = minimum
            self.window = window
            self.base = base
            self.longest = longest
            self.capPercent = capPercent
            self.latencyPercent = latencyPercent
        }

        /// Whether times are so far apart that one is slow beside the other. Nanoseconds; what is less than a
        /// millisecond apart is noise.
        public func isSlow(_ own: UInt64, beside other: UInt64) -> Bool {
            guard latencyPercent > 0, own > other, own - other >= 1_000_000 else { return false }
            let (ownHigh, ownLow) = own.multipliedFullWidth(by: 100)
            let (high, low) = other.multipliedFullWidth(by: UInt64(latencyPercent))
            return ownHigh > high || ownHigh == high && ownLow >= low
        }

        /// Whether one more of a pool may be ejected.
        public func allows(ejected: Int, of count: Int) -> Bool {
            guard count > 1, ejected >= 0 else { return false }
            return ejected == 0 || (ejected + 1) * 100 <= count * Int(min(capPercent, 100))
        }
    }

    public enum Phase: Sendable, BitwiseCopyable, Equatable {
        case admitted(since: UInt64)
        case ejected(until: UInt64)
    }

    public enum Event: Sendable, BitwiseCopyable, CaseIterable {
        /// An exchange was answered as it should be, or failed.
        case answered, failed
        /// Compared with its neighbours it is slow; or it is not, or there is nobody to compare it with.
        case slow, level
        /// Time has passed.
        case due
    }

    public enum Effect: Sendable, BitwiseCopyable, Equatable {
        case none
        /// Set ``EndpointLoad/Bars/ejected``, and come again then.
        case eject(until: UInt64)
        /// Take it away.
        case admit
    }

    public private(set) var phase = Phase.admitted(since: 0)
    /// Ejections that are not forgotten yet.
    public private(set) var times: UInt8 = 0
    private var inRow: UInt32 = 0
    /// Since when each comparison found it slow; 0: the last did not.
    private var slowSince: UInt64 = 0
    private var window = FailureWindow()

    public init() {}

    /// - Parameters:
    ///   - ejected: endpoints of the pool that are ejected now.
    ///   - count: endpoints of the pool.
    public mutating func receive(
        _ event: Event, now: UInt64, policy: Policy, ejected: Int, of count: Int
    ) -> Effect {
        switch (phase, event) {
        case (.admitted, .answered):
            inRow = 0
            window.count(failed: false, window: policy.window, now: now)
            return .none
        case (.admitted(let since), .failed):
            inRow = inRow == .max ? .max : inRow + 1
            window.count(failed: true, window: policy.window, now: now)
            guard isOutlier(policy, now), policy.allows(ejected: ejected, of: count) else { return .none }
            return eject(policy, well: now - min(since, now), now: now)
        case (.admitted(let since), .slow):
            if slowSince == 0 { slowSince = max(1, now) }
            guard policy.latencyPercent > 0, now >= slowSince, now - slowSince >= policy.window,
                policy.allows(ejected: ejected, of: count)
            else { return .none }
            // It has done well until it became slow.
            return eject(policy, well: slowSince - min(since, slowSince), now: now)
        case (.admitted, .level):
            slowSince = 0
            return .none
        case (.ejected(let until), .due):
            guard now >= until else { return .none }
            phase = .admitted(since: now)
            inRow = 0
            slowSince = 0
            window.clear()
            return .admit
        case (.admitted, .due):
            return .none
        case (.ejected, .answered), (.ejected, .failed), (.ejected, .slow), (.ejected, .level):
            // Of exchanges that began before: they have nothing to add.
            return .none
        }
    }

    /// Whether an endpoint that is slow beside so many of its neighbours is slow beside their median, the upper of two.
    public static func isOutlier(slowerThan slower: Int, of compared: Int) -> Bool { slower * 2 > compared }

    private mutating func isOutlier(_ policy: Policy, _ now: UInt64) -> Bool {
        if policy.consecutive > 0, inRow >= policy.consecutive { return true }
        return policy.ratioPercent > 0
            && window.exceeds(
                percent: policy.ratioPercent, minimum: policy.minimum, window: policy.window, now: now)
    }

    /// - Parameter time: nanoseconds for which it did well.
    private mutating func eject(_ policy: Policy, well time: UInt64, now: UInt64) -> Effect {
        let base = max(1, policy.base)
        let forgotten = time / base
        times = forgotten >= UInt64(times) ? 0 : times - UInt8(truncatingIfNeeded: forgotten)
        // Doubled by halves, so that no number of times overflows.
        var length = min(base, policy.longest)
        for _ in 0..<times {
            guard length <= policy.longest / 2 else {
                length = policy.longest
                break
            }
            length *= 2
        }
        times = min(times, 62) + 1
        let until = now &+ length
        phase = .ejected(until: until)
        return .eject(until: until)
    }
}
