/// What choosing needs to know of one endpoint. A worker keeps one for each endpoint number and changes it as
/// exchanges and verdicts come; it survives every revision that keeps the endpoint.
public struct EndpointLoad: Sendable, BitwiseCopyable {
    public var latency = PeakLatency()
    /// Exchanges of this worker that have the endpoint.
    public var inFlight: UInt32 = 0
    /// While so many are in flight, no more are given to it.
    public var inFlightLimit: UInt32 = .max
    /// How much of its weight the endpoint gets, in 256ths: 0 to 256. See ``SlowStart``.
    public var share: UInt16 = Self.wholeShare
    /// What keeps exchanges away. Whoever changes this tells the pools by another `epoch`.
    public var bars: Bars = []

    public static let wholeShare: UInt16 = 256

    /// Reasons to give an endpoint nothing; each is set and taken away by one state machine.
    public struct Bars: OptionSet, Sendable, BitwiseCopyable {
        public let rawValue: UInt8

        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Active checks find it down.
        public static let unhealthy = Bars(rawValue: 1)
        /// Its answers were worse than its neighbours'.
        public static let ejected = Bars(rawValue: 2)
        /// It says itself that it is not ready yet.
        public static let starting = Bars(rawValue: 4)
        /// Its circuit is open.
        public static let broken = Bars(rawValue: 8)
        /// It is about to go: what is in flight finishes, nothing new comes.
        public static let draining = Bars(rawValue: 16)

        /// Opinions. Where nobody is left, they are set aside: an endpoint that may be sick is better than none.
        public static let soft: Bars = [.unhealthy, .ejected, .starting]
        public static let all: Bars = [.unhealthy, .ejected, .starting, .broken, .draining]
    }

    public init() {}

    @inline(__always)
    var hasWholeShare: Bool { share >= Self.wholeShare }

    /// Whether another exchange may begin, as far as `bars` and the limit are concerned.
    @inline(__always)
    func admits(_ mask: Bars) -> Bool {
        bars.isDisjoint(with: mask) && inFlight < inFlightLimit && share > 0
    }
}

/// How long an endpoint takes to answer: an average that follows a rise at once and forgets it slowly ("peak EWMA"),
/// so that an endpoint that has become slow loses its exchanges after the first late answer.
///
/// A rise is forgotten by answers and by time, whichever is sooner. By answers, or a moment in which this very worker
/// stood still would make all endpoints look equally slow for seconds, and the slow one equally good. By time, so that
/// an endpoint that nobody chose for being slow is tried again after a while.
public struct PeakLatency: Sendable, BitwiseCopyable {
    private var updated: UInt64 = 0
    /// In units of 16 ns; 0 until the first answer.
    private var units: UInt32 = 0

    /// Nanoseconds after which half of a rise is forgotten, as a power of two: 8.6 s.
    static let halfLifeBits: UInt64 = 33
    /// Within so many nanoseconds, 17 ms, nothing fades by time.
    static let leastInterval: UInt64 = 1 << 24
    /// Each answer below takes a 32nd of what is above it, half in 22 answers: one slow answer in thirty keeps most of
    /// a peak standing.
    static let answerBits: UInt32 = 5
    /// Stands for an endpoint that has answered nothing yet but has exchanges in flight: about a second, so that one
    /// exchange finds out before others follow.
    static let unknown: UInt64 = 1 << 26

    public init() {}

    /// Counts an answer that took `nanoseconds` (68 s and more are the same), at `now` of the monotonic clock.
    public mutating func observe(_ nanoseconds: UInt64, at now: UInt64) {
        let sample = max(1, UInt32(clamping: nanoseconds &>> 4))
        guard sample < units else {
            (units, updated) = (sample, now)
            return
        }
        let above = units &- sample
        var forgotten = max(1, above &>> Self.answerBits)
        let elapsed = now > updated ? now &- updated : 0
        if elapsed >= Self.leastInterval {
            let faded = (UInt64(above) &* (65_536 &- Self.factor(elapsed))) &>> 16
            forgotten = max(forgotten, UInt32(truncatingIfNeeded: faded))
        }
        (units, updated) = (units &- forgotten, now)
    }

    /// Nanoseconds, as remembered at `now`; 0 when nothing was ever observed.
    public func nanoseconds(at now: UInt64) -> UInt64 { faded(at: now) &<< 4 }

    /// What one more exchange would wait for, were those in flight served one by one.
    @inline(__always)
    func cost(inFlight: UInt32, at now: UInt64) -> UInt64 {
        let queue = UInt64(inFlight)
        guard units > 0 else { return queue &* Self.unknown }
        return faded(at: now) &* (queue &+ 1)
    }

    @inline(__always)
    private func faded(at now: UInt64) -> UInt64 {
        guard units > 0 else { return 0 }
        let elapsed = now > updated ? now &- updated : 0
        // Under load nearly always; less than two in a thousand is forgotten by then.
        guard elapsed >= Self.leastInterval else { return UInt64(units) }
        return max(1, (UInt64(units) &* Self.factor(elapsed)) &>> 16)
    }

    /// What is left after a time, in 65,536ths: halved for each half-life, in between a parabola that has the right
    /// slope at the beginning and is nowhere wrong by more than half a percent.
    @inline(__always)
    private static func factor(_ elapsed: UInt64) -> UInt64 {
        let halvings = elapsed &>> halfLifeBits
        guard halvings < 17 else { return 0 }
        let part = (elapsed & (1 &<< halfLifeBits &- 1)) &>> (halfLifeBits &- 16)
        return (65_536 &- (part &* (45_426 &- (part &* 12_658) &>> 16)) &>> 16) &>> halvings
    }
}
