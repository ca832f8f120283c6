public import Contract

/// A pool whose endpoints are asked whether they are well.
public struct CheckedPool: Sendable {
    public let check: HealthCheck
    public let endpoints: [EndpointID]
}

extension RouteTable {
    /// Whether there is any.
    public var wantsChecks: Bool { rules.contains { $0.source.pool?.healthCheck != nil } }

    /// Every pool with a health check. Linear in the number of rules; away from the path of a request.
    public var checkedPools: [CheckedPool] {
        rules.compactMap { rule in
            guard let check = rule.source.pool?.healthCheck, !rule.endpoints.isEmpty else { return nil }
            return CheckedPool(check: check, endpoints: rule.endpoints)
        }
    }
}
