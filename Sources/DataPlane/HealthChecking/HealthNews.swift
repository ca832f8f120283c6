public import Balancing

/// What the checker has found out about an endpoint.
public struct HealthNews: Sendable, Equatable {
    public var verdict: EndpointVerdict
    /// `IPv4:port` or `[IPv6]:port`.
    public var address: String
    /// Why it is down; empty when it is not.
    public var reason: String

    public init(verdict: EndpointVerdict, address: String, reason: String) {
        self.verdict = verdict
        self.address = address
        self.reason = reason
    }
}
