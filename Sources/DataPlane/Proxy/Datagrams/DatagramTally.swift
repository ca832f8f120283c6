public import Telemetry

/// What one worker counts of datagrams and their sessions.
public struct DatagramTally: ~Copyable, Sendable {
    /// From clients, to endpoints; from endpoints, to clients: datagrams and their bytes, as the kernel took or gave
    /// them.
    public let received = Counter()
    public let receivedBytes = Counter()
    public let forwarded = Counter()
    public let replies = Counter()
    public let sent = Counter()
    public let sentBytes = Counter()
    /// Calls to the kernel that brought or took datagrams, and messages that held several.
    public let calls = Counter()
    public let joined = Counter()
    public let sessions = Counter()
    public let sessionsOpen = Counter()
    public let validated = Counter()
    public let ends = InlineArray<8, Counter> { _ in Counter() }
    /// Sessions that went to another endpoint, and endpoints that refused what was sent to them.
    public let moved = Counter()
    public let refused = Counter()
    /// Datagrams that went nowhere, by the reason.
    public let withoutRoute = Counter()
    public let withoutEndpoint = Counter()
    public let denied = Counter()
    public let beyondRule = Counter()
    public let beyondListener = Counter()
    public let beyondAddress = Counter()
    public let beyondWorker = Counter()
    public let withoutSocket = Counter()
    public let cut = Counter()
    public let headersRefused = Counter()
    public let untrusted = Counter()
    /// Replies that a client was not sent, because it was not seen to answer, or had all its rule allows.
    public let amplified = Counter()
    /// Datagrams that the kernel would not take, towards endpoints and towards clients.
    public let unforwarded = Counter()
    public let unsent = Counter()

    init() {}

    func count(_ end: SessionEnd) { ends[Int(end.rawValue)].add() }

    var readings: [(name: String, value: UInt64)] {
        [
            ("udp_datagrams_received_total", received.current), ("udp_received_bytes_total", receivedBytes.current),
            ("udp_datagrams_forwarded_total", forwarded.current), ("udp_replies_received_total", replies.current),
            ("udp_datagrams_sent_total", sent.current), ("udp_sent_bytes_total", sentBytes.current),
            ("udp_calls_total", calls.current), ("udp_joined_messages_total", joined.current),
            ("udp_sessions_total", sessions.current), ("udp_sessions_open", sessionsOpen.current),
            ("udp_sessions_validated_total", validated.current), ("udp_sessions_moved_total", moved.current),
            ("udp_endpoint_refusals_total", refused.current),
            ("udp_datagrams_without_rule_total", withoutRoute.current),
            ("udp_datagrams_without_endpoint_total", withoutEndpoint.current),
            ("udp_datagrams_denied_total", denied.current),
            ("limit_udp_sessions_per_rule_total", beyondRule.current),
            ("limit_udp_sessions_per_listener_total", beyondListener.current),
            ("limit_udp_sessions_per_address_total", beyondAddress.current),
            ("limit_udp_sessions_per_worker_total", beyondWorker.current),
            ("udp_sessions_without_descriptor_total", withoutSocket.current),
            ("udp_datagrams_cut_total", cut.current),
            ("udp_proxy_headers_refused_total", headersRefused.current),
            ("udp_proxy_headers_untrusted_total", untrusted.current),
            ("udp_replies_withheld_total", amplified.current),
            ("udp_datagrams_unforwarded_total", unforwarded.current), ("udp_datagrams_unsent_total", unsent.current),
        ]
            + SessionEnd.allCases.map { ("udp_sessions_ended_\($0)_total", ends[Int($0.rawValue)].current) }
    }
}
