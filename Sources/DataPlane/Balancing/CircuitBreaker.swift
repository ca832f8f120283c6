/// Refuses exchanges at once while they would most likely fail, and finds out with a few when they no longer would. For
/// one endpoint or for a whole pool.
///
///     closed ──too many failures──► open ──its time is over──► half open ──`trials` good ones──► closed
///                                    ▲                             │
///                                    └────────── one bad one ──────┘
///
/// Each time it opens from half open it stays open twice as long, up to a limit; closing forgets that.
public struct CircuitBreaker: Sendable, BitwiseCopyable, Equatable {
    public struct Policy: Sendable, BitwiseCopyable, Equatable {
        /// Percent of failures in a window that open it, 1 to 100.
        public var ratioPercent: UInt32
        /// Exchanges in the window without which its ratio says nothing.
        public var minimum: UInt32
        /// Nanoseconds.
        public var window: UInt64
        /// Nanoseconds that it stays open the first time, and at the longest.
        public var base: UInt64
        public var longest: UInt64
        /// Exchanges that are let through while it is half open, and that have to end well; 1 and more.
        public var trials: UInt32

        public init(
            ratioPercent: UInt32 = 50, minimum: UInt32 = 20, window: UInt64 = 10_000_000_000,
            base: UInt64 = 5_000_000_000, longest: UInt64 = 60_000_000_000, trials: UInt32 = 3
        ) {
            self.ratioPercent = ratioPercent
            self.minimum = minimum
            self.window = window
            self.base = base
            self.longest = longest
            self.trials = trials
        }
    }

    public enum Phase: Sendable, BitwiseCopyable, Equatable {
        case closed
        case open(until: UInt64)
        /// `out` trials have no end yet, `passed` have ended well.
        case halfOpen(out: UInt32, passed: UInt32)
    }

    /// Leave to begin an exchange; its end is told with it. One from before the circuit changed says nothing any more.
    public struct Pass: Sendable, BitwiseCopyable, Equatable {
        fileprivate var round: UInt32

        /// No leave: no circuit ever has this round.
        public static let none = Pass(round: .max)
    }

    public enum Outcome: Sendable, BitwiseCopyable, CaseIterable {
        case answered, failed
        /// The exchange ended for another reason, for instance because its client went.
        case neither
    }

    public private(set) var phase = Phase.closed
    /// Counts the changes of phase.
    private var round: UInt32 = 0
    private var reopened: UInt32 = 0
    private var window = FailureWindow()

    public init() {}

    /// Whether an exchange may begin, and with which pass.
    public mutating func admit(now: UInt64, policy: Policy) -> Pass? {
        switch phase {
        case .closed:
            return Pass(round: round)
        case .open(let until):
            guard now >= until else { return nil }
            change(to: .halfOpen(out: 1, passed: 0))
            return Pass(round: round)
        case .halfOpen(let out, let passed):
            guard Self.admitsTrial(out, passed, policy) else { return nil }
            phase = .halfOpen(out: out + 1, passed: passed)
            return Pass(round: round)
        }
    }

    /// Whether ``admit(now:policy:)`` would give a pass.
    public func admits(now: UInt64, policy: Policy) -> Bool {
        switch phase {
        case .closed: true
        case .open(let until): now >= until
        case .halfOpen(let out, let passed): Self.admitsTrial(out, passed, policy)
        }
    }

    /// One at least, should the policy have come to want fewer than have passed: else nothing would ever end it.
    private static func admitsTrial(_ out: UInt32, _ passed: UInt32, _ policy: Policy) -> Bool {
        out == 0 || out &+ passed < max(1, policy.trials)
    }

    /// Forgets what was counted: nobody breaks the circuit any more, or it is somebody else's. Passes that were given
    /// say nothing any more.
    public mutating func reset() {
        window.clear()
        reopened = 0
        change(to: .closed)
    }

    /// An exchange has ended.
    ///
    /// - Returns: whether the phase changed: then whoever shows it, as ``EndpointLoad/Bars/broken`` for instance,
    ///   looks again.
    public mutating func finish(_ pass: Pass, _ outcome: Outcome, now: UInt64, policy: Policy) -> Bool {
        guard pass.round == round else { return false }
        switch (phase, outcome) {
        case (.closed, .answered):
            window.count(failed: false, window: policy.window, now: now)
            return false
        case (.closed, .failed):
            window.count(failed: true, window: policy.window, now: now)
            guard
                window.exceeds(
                    percent: policy.ratioPercent, minimum: policy.minimum, window: policy.window, now: now)
            else { return false }
            reopened = 0
            open(policy, now)
            return true
        case (.halfOpen(let out, let passed), .answered):
            guard passed &+ 1 >= max(1, policy.trials) else {
                phase = .halfOpen(out: out - 1, passed: passed + 1)
                return false
            }
            window.clear()
            change(to: .closed)
            return true
        case (.halfOpen, .failed):
            reopened = min(reopened, 62) + 1
            open(policy, now)
            return true
        case (.halfOpen(let out, let passed), .neither):
            phase = .halfOpen(out: out - 1, passed: passed)
            return false
        case (.closed, .neither):
            return false
        case (.open, .answered), (.open, .failed), (.open, .neither):
            // No pass is given while it is open, so none of this round can come back.
            return false
        }
    }

    private mutating func open(_ policy: Policy, _ now: UInt64) {
        var length = min(max(1, policy.base), policy.longest)
        for _ in 0..<reopened {
            guard length <= policy.longest / 2 else {
                length = policy.longest
                break
            }
            length *= 2
        }
        change(to: .open(until: now &+ length))
    }

    private mutating func change(to phase: Phase) {
        self.phase = phase
        round = round == .max - 1 ? 0 : round + 1
    }
}

/// How much may be under way at once, in a pool or at an endpoint. `.max` is no limit.
public struct Congestion: Sendable, BitwiseCopyable, Equatable {
    public enum Cause: UInt8, Sendable, BitwiseCopyable { case inFlight, connections, pending }

    /// Exchanges that have an endpoint.
    public var inFlight: UInt32
    /// Open connections, idle ones too.
    public var connections: UInt32
    /// Exchanges that wait for a connection.
    public var pending: UInt32

    public init(inFlight: UInt32 = .max, connections: UInt32 = .max, pending: UInt32 = .max) {
        self.inFlight = inFlight
        self.connections = connections
        self.pending = pending
    }

    /// Why an exchange cannot begin with so much under way, or `nil`. With an idle connection at hand the limit of
    /// connections does not matter.
    public func refusal(of present: Congestion, hasIdle: Bool) -> Cause? {
        if present.inFlight >= inFlight { return .inFlight }
        if hasIdle { return nil }
        if present.connections >= connections { return .connections }
        return present.pending >= pending ? .pending : nil
    }
}
