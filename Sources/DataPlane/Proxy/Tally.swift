public import Telemetry

/// What one worker counts. Written by the worker alone, read by anyone.
public final class Tally: Sendable {
    public let accepted = Counter()
    public let clientsOpen = Counter()
    public let shed = Counter()
    public let requests = Counter()
    public let status1xx = Counter()
    public let status2xx = Counter()
    public let status3xx = Counter()
    public let status4xx = Counter()
    public let status5xx = Counter()
    public let requestBytes = Counter()
    public let responseBytes = Counter()
    public let malformedRequests = Counter()
    public let redirected = Counter()
    public let clientTimeouts = Counter()
    public let clientAborts = Counter()
    public let upstreamConnects = Counter()
    public let upstreamReused = Counter()
    public let upstreamConnectFailures = Counter()
    /// Connects that were begun anew, because they were pending for longer than they take there.
    public let upstreamRedials = Counter()
    public let upstreamTimeouts = Counter()
    public let upstreamAborts = Counter()
    public let upstreamMalformed = Counter()
    public let upstreamRetries = Counter()
    /// Requests that would have gone to another endpoint if the budget of their route had allowed it.
    public let retriesRefused = Counter()
    /// Endpoints that were ejected for their answers, that came back; choices that set opinions about health aside.
    public let ejections = Counter()
    public let readmissions = Counter()
    public let panicChoices = Counter()
    /// Requests that were held until they were whole; that were streamed because they were longer than their rule
    /// holds, or because the worker held too much; bytes of memory that are held now.
    public let requestsBuffered = Counter()
    public let requestsBeyondBuffer = Counter()
    public let requestsBeyondWorkerBuffer = Counter()
    public let requestBufferBytes = Counter()
    public let upstreamsOpen = Counter()
    public let handshakes = Counter()
    public let handshakeFailures = Counter()
    /// PROXY protocol headers that were taken; that were malformed, missing or late; connections that could not have
    /// sent one that counts.
    public let proxyHeaders = Counter()
    public let proxyHeadersRefused = Counter()
    public let proxyHeadersUntrusted = Counter()
    public let tunnels = Counter()
    public let logLinesLost = Counter()
    public let ruleRedirects = Counter()
    /// Passwords that were verified as right, that were known to be, and that were wrong or unreadable; passwords that
    /// nobody had time for.
    public let signInsVerified = Counter()
    public let signInsRemembered = Counter()
    public let signInsFailed = Counter()
    public let signInsShed = Counter()
    /// Responses that were compressed, with their bytes before and after; those that were not, because too many were.
    public let compressed = Counter()
    public let compressedBytesIn = Counter()
    public let compressedBytesOut = Counter()
    public let compressionsShed = Counter()
    public let tableChanges = Counter()
    public let timeouts = TimeoutTally()
    public let handshakesTLS12 = Counter()
    public let handshakesTLS13 = Counter()
    public let handshakesResumed = Counter()
    /// By number of route, endpoint and listener.
    public let rules = TallyRows()
    public let endpoints = TallyRows()
    public let listeners = TallyRows()
    /// Every exchange by how it ended, and every answer of the proxy's own: what a rule or a limit refuses is counted
    /// here and nowhere else.
    let ends = InlineArray<32, Counter> { _ in Counter() }
    let answers = InlineArray<48, Counter> { _ in Counter() }
    public let limits = LimitTally()
    public let holding = HoldingTally()
    public let breakers = BreakerTally()
    public let transports = TransportTally()
    public let datagrams = DatagramTally()

    public init() {}

    /// Every counter under its public name.
    public var readings: [(name: String, value: UInt64)] {
        [
            ("connections_accepted_total", accepted.current), ("client_connections_open", clientsOpen.current),
            ("connections_shed_total", shed.current), ("requests_total", requests.current),
            ("responses_1xx_total", status1xx.current), ("responses_2xx_total", status2xx.current),
            ("responses_3xx_total", status3xx.current), ("responses_4xx_total", status4xx.current),
            ("responses_5xx_total", status5xx.current), ("request_body_bytes_total", requestBytes.current),
            ("response_body_bytes_total", responseBytes.current),
            ("requests_malformed_total", malformedRequests.current),
            ("requests_without_route_total", count(of: .noRoute)),
            ("requests_without_endpoint_total", count(of: .noEndpoint)),
            ("requests_redirected_total", redirected.current),
            ("requests_denied_total", count(of: .denied)), ("requests_rate_limited_total", count(of: .rateLimited)),
            ("requests_in_maintenance_total", count(of: .maintenance)), ("requests_looping_total", count(of: .loop)),
            ("requests_redirected_by_rules_total", ruleRedirects.current),
            ("sign_ins_verified_total", signInsVerified.current),
            ("sign_ins_remembered_total", signInsRemembered.current),
            ("sign_ins_failed_total", signInsFailed.current), ("sign_ins_limited_total", count(of: .signInLimited)),
            ("sign_ins_shed_total", signInsShed.current), ("responses_compressed_total", compressed.current),
            ("compressed_bytes_in_total", compressedBytesIn.current),
            ("compressed_bytes_out_total", compressedBytesOut.current),
            ("compressions_shed_total", compressionsShed.current),
            ("client_timeouts_total", clientTimeouts.current), ("client_aborts_total", clientAborts.current),
            ("upstream_connects_total", upstreamConnects.current), ("upstream_reused_total", upstreamReused.current),
            ("upstream_connect_failures_total", upstreamConnectFailures.current),
            ("upstream_redials_total", upstreamRedials.current),
            ("upstream_timeouts_total", upstreamTimeouts.current), ("upstream_aborts_total", upstreamAborts.current),
            ("upstream_malformed_total", upstreamMalformed.current),
            ("upstream_retries_total", upstreamRetries.current),
            ("upstream_retries_refused_total", retriesRefused.current),
            ("endpoint_ejections_total", ejections.current), ("endpoint_readmissions_total", readmissions.current),
            ("pool_panic_choices_total", panicChoices.current),
            ("requests_buffered_total", requestsBuffered.current),
            ("requests_beyond_buffer_total", requestsBeyondBuffer.current),
            ("requests_beyond_worker_buffer_total", requestsBeyondWorkerBuffer.current),
            ("request_buffer_bytes", requestBufferBytes.current),
            ("upstream_connections_open", upstreamsOpen.current), ("tls_handshakes_total", handshakes.current),
            ("tls_handshake_failures_total", handshakeFailures.current),
            ("tls_handshakes_1_2_total", handshakesTLS12.current),
            ("tls_handshakes_1_3_total", handshakesTLS13.current),
            ("tls_handshakes_resumed_total", handshakesResumed.current),
            ("proxy_headers_total", proxyHeaders.current),
            ("proxy_headers_refused_total", proxyHeadersRefused.current),
            ("proxy_headers_untrusted_total", proxyHeadersUntrusted.current), ("tunnels_total", tunnels.current),
            ("access_log_lines_lost_total", logLinesLost.current), ("table_changes_total", tableChanges.current),
            ("limit_request_timeout_total", count(of: .requestTimeout)),
            ("limit_body_bytes_total", count(of: .bodyTooLarge)),
            ("limit_target_bytes_total", count(of: .targetTooLong)),
            ("limit_head_bytes_total", count(of: .headTooLarge)),
            ("limit_pending_per_pool_total", count(of: .poolBusy)),
            ("limit_held_total", count(of: .tooManyHeld)), ("waiting_pages_total", count(of: .waiting)),
            ("requests_without_room_total", count(of: .poolFull)),
            ("requests_refused_by_circuits_total", count(of: .circuitOpen)),
            ("tally_rows_lost_total", rules.lostCount &+ endpoints.lostCount &+ listeners.lostCount),
            ("tally_bytes", rules.byteCount &+ endpoints.byteCount &+ listeners.byteCount),
        ] + timeouts.readings + limits.readings + holding.readings + breakers.readings
            + transports.readings
            + datagrams.readings
    }
}
