public import Telemetry

/// What one worker refused because of a limit, by the limit's name, as far as it is no answer: those are counted by
/// answer (``Tally/count(of:)``).
public struct LimitTally: ~Copyable, Sendable {
    public let connectionsPerListener = Counter()
    public let connectionsPerAddress = Counter()
    /// Connections that were let in uncounted, because the table of addresses had no place for theirs.
    public let addressesUncounted = Counter()
    /// Connections that ended after their last request.
    public let requestsPerConnection = Counter()
    /// Accepts, and connects to endpoints, for which there was no descriptor.
    public let acceptsWithoutDescriptor = Counter()
    public let connectsWithoutDescriptor = Counter()
    /// Idle connections to endpoints that were closed for their descriptor.
    public let idleClosedForRoom = Counter()

    init() {}

    var readings: [(name: String, value: UInt64)] {
        [
            ("limit_connections_per_listener_total", connectionsPerListener.current),
            ("limit_connections_per_address_total", connectionsPerAddress.current),
            ("limit_addresses_uncounted_total", addressesUncounted.current),
            ("limit_requests_per_connection_total", requestsPerConnection.current),
            ("accepts_without_descriptor_total", acceptsWithoutDescriptor.current),
            ("connects_without_descriptor_total", connectsWithoutDescriptor.current),
            ("idle_closed_for_room_total", idleClosedForRoom.current),
        ]
    }
}
