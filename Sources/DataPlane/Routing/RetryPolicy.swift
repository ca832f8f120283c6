/// When a request that failed at one endpoint may be sent to another.
public struct RetryPolicy: Sendable, BitwiseCopyable {
    /// How an endpoint failed.
    public struct Causes: OptionSet, Sendable, BitwiseCopyable {
        public let rawValue: UInt8
        @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// No connection came about.
        @inlinable public static var connect: Causes { Causes(rawValue: 1) }
        /// The connection ended before a byte of a response.
        @inlinable public static var closed: Causes { Causes(rawValue: 2) }
        /// No byte of a response came in time.
        @inlinable public static var timeout: Causes { Causes(rawValue: 4) }
        @inlinable public static var status502: Causes { Causes(rawValue: 8) }
        @inlinable public static var status503: Causes { Causes(rawValue: 16) }
        @inlinable public static var status504: Causes { Causes(rawValue: 32) }

        /// Those after which an endpoint has seen the request.
        @inlinable public static var afterSending: Causes { [.closed, .timeout, .status502, .status503, .status504] }

        /// A response of this status, or nothing.
        @inlinable public init(status: Int) {
            switch status {
            case 502: self = .status502
            case 503: self = .status503
            case 504: self = .status504
            case _: self = []
            }
        }
    }

    /// Endpoints that one request is sent to at most, 1 to 16.
    public var attempts: UInt8
    public var causes: Causes
    /// Retries for each hundred requests, 1 to 100.
    public var budget: UInt8

    @inlinable public init(attempts: UInt8, causes: Causes, budget: UInt8) {
        self.attempts = attempts
        self.causes = causes
        self.budget = budget
    }

    /// What holds for a rule that says nothing of it.
    @inlinable public static var standard: RetryPolicy {
        RetryPolicy(attempts: 2, causes: [.connect, .closed], budget: 20)
    }

    /// Whether a request may go to a second endpoint that the first has seen.
    @inlinable public var sendsAgain: Bool { attempts > 1 && !causes.isDisjoint(with: .afterSending) }
}
