public import Telemetry

/// Waits of one worker that were too long, by the names of their settings.
public struct TimeoutTally: ~Copyable, Sendable {
    public let head = Counter()
    public let handshake = Counter()
    public let preface = Counter()
    public let bodyIdle = Counter()
    public let connect = Counter()
    public let firstByte = Counter()
    public let responseIdle = Counter()
    public let tunnelIdle = Counter()
    public let total = Counter()
    /// Connections that were closed because nobody used them: clients', and those to endpoints.
    public let keepAlive = Counter()
    public let upstreamIdle = Counter()
    /// Interim responses to clients that had sent their FIN, to learn whether they are still there.
    public let probes = Counter()

    init() {}

    func count(_ wait: Wait) {
        switch wait {
        case .bodyIdle: bodyIdle.add()
        case .connect: connect.add()
        case .firstByte: firstByte.add()
        case .responseIdle: responseIdle.add()
        case .tunnelIdle: tunnelIdle.add()
        case .total: total.add()
        }
    }

    var readings: [(name: String, value: UInt64)] {
        [
            ("timeouts_head_total", head.current), ("timeouts_handshake_total", handshake.current),
            ("timeouts_preface_total", preface.current), ("timeouts_body_idle_total", bodyIdle.current),
            ("timeouts_connect_total", connect.current),
            ("timeouts_first_byte_total", firstByte.current), ("timeouts_response_idle_total", responseIdle.current),
            ("timeouts_tunnel_idle_total", tunnelIdle.current), ("timeouts_exchange_total", total.current),
            ("timeouts_keep_alive_total", keepAlive.current), ("timeouts_upstream_idle_total", upstreamIdle.current),
            ("half_closed_probes_total", probes.current),
        ]
    }
}
