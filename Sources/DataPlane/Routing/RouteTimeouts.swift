import Contract

/// Waits of one route's exchanges, in nanoseconds; `asTheEdge` where the rule says nothing.
public struct RouteTimeouts: Sendable, BitwiseCopyable {
    public static let asTheEdge = UInt64.max

    public var bodyIdle = asTheEdge
    public var connect = asTheEdge
    public var firstByte = asTheEdge
    public var responseIdle = asTheEdge
    public var tunnelIdle = asTheEdge
    /// 0: none.
    public var total = asTheEdge

    init() {}

    init(_ timeouts: RuleTimeouts) throws(OptionFault) {
        try timeouts.check()
        func nanoseconds(_ milliseconds: Int?) -> UInt64 {
            milliseconds.map { UInt64($0) * 1_000_000 } ?? Self.asTheEdge
        }
        bodyIdle = nanoseconds(timeouts.bodyIdle)
        connect = nanoseconds(timeouts.connect)
        firstByte = nanoseconds(timeouts.firstByte)
        responseIdle = nanoseconds(timeouts.responseIdle)
        tunnelIdle = nanoseconds(timeouts.tunnelIdle)
        total = nanoseconds(timeouts.total)
    }
}
