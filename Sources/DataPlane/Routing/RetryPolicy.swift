/// When a request that failed at one endpoint may be sent to another.
public struct RetryPolicy: Sendable, BitwiseCopyable {
    /// How an endpoint failed.
    public struct Causes: OptionSet, Sendable, BitwiseCopyable {
        public let rawValue: UInt8
        @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// No connection came about.
        public static let connect = Causes(rawValue: 1)
        /// The connection ended before a byte of a response.
        public static let closed = Causes(rawValue: 2)
        /// No byte of a response came in time.
        public static let timeout = Causes(rawValue: 4)
        public static let status502 = Causes(rawValue: 8)
        public static let status503 = Causes(rawValue: 16)
        public static let status504 = Causes(rawValue: 32)

        /// Those after which an endpoint has seen the request.
        public static let afterSending: Causes = [.closed, .timeout, .status502, .status503, .status504]

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

    public init(attempts: UInt8, causes: Causes, budget: UInt8) {
        self.attempts = attempts
        self.causes = causes
        self.budget = budget
    }

    /// What holds for a rule that says nothing of it.
    public static let standard = RetryPolicy(attempts: 2, causes: [.connect, .closed], budget: 20)

    /// Whether a request may go to a second endpoint that the first has seen.
    @inlinable public var sendsAgain: Bool { attempts > 1 && !causes.isDisjoint(with: .afterSending) }
}
