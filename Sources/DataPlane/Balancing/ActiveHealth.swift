/// What checks say of one endpoint, and when the next is due.
///
///     waiting ──due──► checking ──passed, failed, undecided, or no result in time──► waiting
///
/// The verdict is a count beside that: an endpoint that nobody has checked yet is unknown and comes up with its first
/// good check, so that a new container serves at once; one that is down needs `rise` good checks in a row, and one
/// that is up or unknown goes down with `fall` bad ones.
public struct ActiveHealth: Sendable, BitwiseCopyable, Equatable {
    public struct Policy: Sendable, BitwiseCopyable, Equatable {
        /// Nanoseconds from the end of a check to the beginning of the next.
        public var interval: UInt64
        /// Nanoseconds that a check may take.
        public var timeout: UInt64
        /// 1 and more.
        public var rise: UInt16
        /// 1 and more.
        public var fall: UInt16
        /// By how much an interval may be shorter or longer, so that checks that began together do not stay together.
        /// 0 to 100.
        public var jitterPercent: UInt8

        public init(
            interval: UInt64 = 5_000_000_000, timeout: UInt64 = 2_000_000_000, rise: UInt16 = 2,
            fall: UInt16 = 3,
            jitterPercent: UInt8 = 10
        ) {
            self.interval = interval
            self.timeout = timeout
            self.rise = rise
            self.fall = fall
            self.jitterPercent = jitterPercent
        }
    }

    public enum Verdict: UInt8, Sendable, BitwiseCopyable { case unknown, up, down }

    public enum Phase: Sendable, BitwiseCopyable, Equatable {
        case waiting(until: UInt64)
        case checking(deadline: UInt64)
    }

    public enum Event: Sendable, BitwiseCopyable, CaseIterable {
        /// Time has passed.
        case due
        /// The check that runs has a result.
        case passed, failed
        /// The check that runs could not be made, which says nothing of the endpoint: as if it had not begun.
        case undecided
    }

    public struct Effect: Sendable, BitwiseCopyable, Equatable {
        public enum Action: Sendable, BitwiseCopyable { case none, begin, abandon }
        /// What to do with the check's connection.
        public var action = Action.none
        /// The verdict, if this event changed it.
        public var changed: Verdict?

        public init(action: Action = .none, changed: Verdict? = nil) {
            self.action = action
            self.changed = changed
        }
    }

    public private(set) var phase: Phase
    public private(set) var verdict = Verdict.unknown
    /// Results in a row that speak against the verdict.
    private var contrary: UInt16 = 0

    /// The first check comes at a random time before `spread` nanoseconds have passed: 0 for an endpoint that comes
    /// alone, an interval for the thousands that come when the edge starts.
    public init(now: UInt64, spread: UInt64, random: inout WeakRandom) {
        phase = .waiting(until: now &+ random.next().multipliedFullWidth(by: spread).high)
    }

    /// When something is due: the next check, or the end of the one that runs.
    public var nextDue: UInt64 {
        switch phase {
        case .waiting(let until): until
        case .checking(let deadline): deadline
        }
    }

    public mutating func receive(
        _ event: Event, now: UInt64, policy: Policy, random: inout WeakRandom
    ) -> Effect {
        switch (phase, event) {
        case (.waiting(let until), .due):
            guard now >= until else { return Effect() }
            phase = .checking(deadline: now &+ policy.timeout)
            return Effect(action: .begin)
        case (.checking(let deadline), .due):
            guard now >= deadline else { return Effect() }
            return Effect(action: .abandon, changed: judge(.down, now, policy, &random))
        case (.checking, .passed):
            return Effect(changed: judge(.up, now, policy, &random))
        case (.checking, .failed):
            return Effect(changed: judge(.down, now, policy, &random))
        case (.checking, .undecided):
            phase = .waiting(until: now &+ Self.jittered(policy.interval, policy.jitterPercent, &random))
            return Effect()
        case (.waiting, .passed), (.waiting, .failed), (.waiting, .undecided):
            // Of a check that was abandoned: it has counted already.
            return Effect()
        }
    }

    private mutating func judge(
        _ result: Verdict, _ now: UInt64, _ policy: Policy, _ random: inout WeakRandom
    ) -> Verdict? {
        phase = .waiting(until: now &+ Self.jittered(policy.interval, policy.jitterPercent, &random))
        guard result != verdict else {
            contrary = 0
            return nil
        }
        contrary = contrary == .max ? .max : contrary + 1
        let needed: UInt16 =
            switch (verdict, result) {
            case (.unknown, .up): 1
            case (.down, .up): policy.rise
            case (.unknown, .down), (.up, .down): policy.fall
            // The same again was seen to above, and a check is never without a result.
            case (.up, .up), (.down, .down), (_, .unknown): .max
            }
        guard contrary >= needed else { return nil }
        verdict = result
        contrary = 0
        return result
    }

    /// The interval, by up to so many percent shorter or longer; at least a nanosecond.
    static func jittered(_ interval: UInt64, _ percent: UInt8, _ random: inout WeakRandom) -> UInt64 {
        let reach = interval / 100 &* UInt64(min(percent, 100))
        return max(1, interval &- reach &+ random.next().multipliedFullWidth(by: reach &* 2 &+ 1).high)
    }
}
