public import Telemetry

/// What one worker refused because of a limit, by the limit's name.
public struct LimitTally: ~Copyable, Sendable {
    /// 408, 413, 414, 431.
    public let requestTimeout = Counter()
    public let bodyBytes = Counter()
    public let targetBytes = Counter()
    public let headBytes = Counter()
    public let connectionsPerListener = Counter()
    public let connectionsPerAddress = Counter()
    /// Connections that were let in uncounted, because the table of addresses had no place for theirs.
    public let addressesUncounted = Counter()
    /// Connections that ended after their last request.
    public let requestsPerConnection = Counter()
    public let pendingPerPool = Counter()
    /// Accepts, and connects to endpoints, for which there was no descriptor.
    public let acceptsWithoutDescriptor = Counter()
    public let connectsWithoutDescriptor = Counter()
    /// Idle connections to endpoints that were closed for their descriptor.
    public let idleClosedForRoom = Counter()

    init() {}

    func count(_ answer: Answer) {
        switch answer {
        case .requestTimeout: requestTimeout.add()
        case .bodyTooLarge: bodyBytes.add()
        case .targetTooLong: targetBytes.add()
        case .headTooLarge: headBytes.add()
        case .poolBusy: pendingPerPool.add()
        case _: break
        }
    }

    var readings: [(name: String, value: UInt64)] {
        [
            ("limit_request_timeout_total", requestTimeout.current), ("limit_body_bytes_total", bodyBytes.current),
            ("limit_target_bytes_total", targetBytes.current), ("limit_head_bytes_total", headBytes.current),
            ("limit_connections_per_listener_total", connectionsPerListener.current),
            ("limit_connections_per_address_total", connectionsPerAddress.current),
            ("limit_addresses_uncounted_total", addressesUncounted.current),
            ("limit_requests_per_connection_total", requestsPerConnection.current),
            ("limit_pending_per_pool_total", pendingPerPool.current),
            ("accepts_without_descriptor_total", acceptsWithoutDescriptor.current),
            ("connects_without_descriptor_total", connectsWithoutDescriptor.current),
            ("idle_closed_for_room_total", idleClosedForRoom.current),
        ]
    }
}
