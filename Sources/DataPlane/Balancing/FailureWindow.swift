/// How many of the latest exchanges failed: counted in two halves of a window, so that what is counted is between half
/// a window and a whole one old.
public struct FailureWindow: Sendable, BitwiseCopyable, Equatable {
    private var began: UInt64 = 0
    private var current = Half()
    private var before = Half()

    private struct Half: BitwiseCopyable, Equatable {
        var answered: UInt32 = 0
        var failed: UInt32 = 0
    }

    public init() {}

    /// Counts one exchange. Counts stop at their limit rather than begin anew.
    ///
    /// - Parameters:
    ///   - window: nanoseconds, 2 and more.
    ///   - now: nanoseconds of the monotonic clock.
    public mutating func count(failed: Bool, window: UInt64, now: UInt64) {
        turn(window, now)
        guard current.answered < .max / 2 else { return }
        current.answered &+= 1
        if failed { current.failed &+= 1 }
    }

    /// Whether at least `percent` of at least `minimum` exchanges failed.
    public mutating func exceeds(percent: UInt32, minimum: UInt32, window: UInt64, now: UInt64)
        -> Bool
    {
        turn(window, now)
        let answered = UInt64(current.answered) + UInt64(before.answered)
        let failed = UInt64(current.failed) + UInt64(before.failed)
        return failed > 0 && answered >= UInt64(minimum) && failed * 100 >= answered * UInt64(percent)
    }

    public mutating func clear() { self = FailureWindow() }

    private mutating func turn(_ window: UInt64, _ now: UInt64) {
        let half = max(1, window / 2)
        guard now >= began, now - began >= half else { return }
        before = now - began < half &* 2 ? current : Half()
        current = Half()
        began = now - now % half
    }
}
