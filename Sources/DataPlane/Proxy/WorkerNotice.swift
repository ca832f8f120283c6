/// What a worker tells whoever runs it: for the log, for control, for other workers. The worker does not write a log
/// itself, because whoever reads it may be slow.
public enum WorkerNotice: Sendable, Equatable {
    case endpoint(EndpointNotice)
    /// A request waits for containers of this rule.
    case wake(rule: String)
}

/// A worker thinks otherwise of an endpoint.
public struct EndpointNotice: Sendable, Equatable {
    public enum Change: Sendable, Equatable {
        /// It gets nothing for so many nanoseconds, for how it answered.
        case ejected(UInt64)
        case readmitted
        /// Its circuit is open for so many nanoseconds.
        case circuitOpened(UInt64)
        case circuitClosed
        /// Whatever was said of it holds no more: nobody asks for it, or its address was given to another.
        case forgotten
    }

    /// The same in every worker and for every revision that has its address.
    public var identity: UInt64
    /// Empty once no revision has it.
    public var address: String
    /// The rule whose exchange brought the change, or empty.
    public var rule: String
    public var change: Change

    public init(identity: UInt64, address: String, rule: String, change: Change) {
        self.identity = identity
        self.address = address
        self.rule = rule
        self.change = change
    }
}
