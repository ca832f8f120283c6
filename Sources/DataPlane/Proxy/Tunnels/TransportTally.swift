public import Telemetry

/// What one worker counts of connections that are passed on.
public struct TransportTally: ~Copyable, Sendable {
    /// Connections for which a tunnel was begun; tunnels that stand.
    public let tunnels = Counter()
    public let tunnelsOpen = Counter()
    /// Bytes of tunnels that have ended: from clients, to clients.
    public let receivedBytes = Counter()
    public let sentBytes = Counter()
    /// Connections that no rule was there for; that began with a ClientHello which is malformed or too long.
    public let unrouted = Counter()
    public let hellosRefused = Counter()
    /// Questions for TLS in words of PostgreSQL that were answered.
    public let preambles = Counter()
    /// Endpoints that took a connection and not what comes before the client's bytes: no TLS, or none that is trusted.
    public let openingFailures = Counter()

    init() {}

    var readings: [(name: String, value: UInt64)] {
        [
            ("tcp_tunnels_total", tunnels.current), ("tcp_tunnels_open", tunnelsOpen.current),
            ("tcp_received_bytes_total", receivedBytes.current), ("tcp_sent_bytes_total", sentBytes.current),
            ("tcp_unrouted_total", unrouted.current), ("tcp_client_hellos_refused_total", hellosRefused.current),
            ("tcp_preambles_total", preambles.current), ("tcp_opening_failures_total", openingFailures.current),
        ]
    }
}
