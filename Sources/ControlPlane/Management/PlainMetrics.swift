/// The page's names for the edge's plain counters, and what they mean. A counter that is missing here is told under its
/// own name, so a new one is never lost.
enum PlainMetrics {
    struct Entry {
        /// What the edge calls it.
        var key: String
        /// Without prefix and `_total`. Entries of one family stand together, the first with the help.
        var family: String
        var label: Exposition.Label?
        var help: String
    }

    private static func entry(_ key: String, _ help: String) -> Entry {
        Entry(key: key, family: family(of: key), help: help)
    }

    private static func entry(_ key: String, _ family: String, _ label: String, _ value: String, _ help: String = "")
        -> Entry
    {
        Entry(key: key, family: family, label: (label, value), help: help)
    }

    static func family(of key: String) -> String { key.hasSuffix("_total") ? String(key.dropLast(6)) : key }

    static let entries: [Entry] = [
        entry("requests_total", "Requests whose head was read."),
        entry("responses_1xx_total", "responses", "code", "1xx", "Final responses by the class of their status."),
        entry("responses_2xx_total", "responses", "code", "2xx"),
        entry("responses_3xx_total", "responses", "code", "3xx"),
        entry("responses_4xx_total", "responses", "code", "4xx"),
        entry("responses_5xx_total", "responses", "code", "5xx"),
        entry("request_body_bytes_total", "Bytes of request bodies passed on."),
        entry("response_body_bytes_total", "Bytes of response bodies passed on."),
        entry("connections_accepted_total", "Connections of clients that were accepted."),
        entry("client_connections_open", "Connections of clients that are open."),
        entry("connections_shed_total", "Connections and requests turned away for want of room."),
        entry("upstream_connects_total", "Connections begun to endpoints."),
        entry("upstream_reused_total", "Requests sent on a pooled connection."),
        entry("upstream_connections_open", "Connections to endpoints that are open, idle ones too."),
        entry("upstream_connect_failures_total", "Connections to endpoints that failed."),
        entry("upstream_redials_total", "Connections begun anew, because they took longer than they do there."),
        entry("upstream_retries_total", "Requests sent once more, or to another endpoint."),
        entry("endpoint_ejections_total", "Endpoints that were ejected for their failures."),
        entry("endpoint_latency_ejections_total", "Of these, for being slower than their neighbours."),
        entry("sticky_cookies_refused_total", "Sticky cookies that were not signed here for their rule."),
        entry("sticky_cookies_moved_total", "Sticky cookies whose endpoint could not be had, given anew."),
        entry("endpoint_readmissions_total", "Ejected endpoints that came back."),
        entry("pool_panic_choices_total", "Choices in pools where nobody else was left."),
        entry("requests_waiting", "Requests that wait for an endpoint."),
        entry("requests_held_total", "Requests that were held because no endpoint was ready."),
        entry("requests_queued_total", "Requests that joined the line before a full pool."),
        entry("requests_held_served_total", "Requests that waited for an endpoint and got one."),
        entry("requests_held_given_up_total", "Requests that were held as long as they may be."),
        entry("waiting_pages_total", "Browsers that were shown a page while they waited."),
        entry("wakes_total", "Wishes for the containers of a rule."),
        entry(
            "health_endpoints_up", "health_endpoints", "verdict", "up", "Endpoints by what health checks find them."),
        entry("health_endpoints_down", "health_endpoints", "verdict", "down"),
        entry("health_endpoints_unknown", "health_endpoints", "verdict", "unknown"),
        entry("health_check_connects_total", "Connections begun for health checks."),
        entry("health_check_connections_open", "Connections of health checks that are open, kept ones too."),
        entry("health_checks_reused_total", "Health checks on a connection that was kept."),
        entry("health_checks_delayed_total", "Health checks that had to wait for others to end."),
        entry("health_checks_without_room_total", "Endpoints that are more than can be checked."),
        entry("circuits_opened_total", "Circuits of endpoints that opened."),
        entry("circuits_closed_total", "Circuits of endpoints that closed again."),
        entry("circuits_open", "Circuits of endpoints that are not closed, summed over the workers."),
        entry("circuit_trials_total", "Requests let through to find out whether a circuit may close."),
        entry("requests_refused_by_circuits_total", "Requests for pools all of whose circuits were open."),
        entry("requests_without_room_total", "Requests for pools all of whose endpoints were full."),
        entry("limit_endpoint_connections_total", "Choices past an endpoint with as many connections as it may have."),
        entry("limit_endpoint_pending_total", "Choices past an endpoint with as many connections being made."),
        entry("pool_circuits_opened_total", "Circuits of whole pools that opened."),
        entry("pool_circuits_closed_total", "Circuits of whole pools that closed again."),
        entry("pool_circuits_open", "Circuits of whole pools that are not closed, summed over the workers."),
        entry("pool_circuit_trials_total", "Requests let through to find out whether a pool's circuit may close."),
        entry("limit_pool_in_flight_total", "Choices in a pool with as many requests as it may have."),
        entry("limit_pool_connections_total", "Choices in a pool with as many connections as it may have."),
        entry("limit_pool_connects_total", "Choices in a pool with as many connections being made."),
        entry("endpoint_slow_starts_total", "Endpoints that began with a part of their weight."),
        entry("endpoints_starting_slowly", "Endpoints that grow into their weight, summed over the workers."),
        entry("upstream_timeouts_total", "Endpoints that did not answer in time."),
        entry("upstream_aborts_total", "Endpoints that closed before their response was whole."),
        entry("upstream_malformed_total", "Responses that are not valid HTTP."),
        entry("client_timeouts_total", "Clients that were too slow."),
        entry("client_aborts_total", "Clients that went away before their response was whole."),
        entry("requests_malformed_total", "Requests that are not valid HTTP."),
        entry("requests_without_route_total", "Requests that no rule serves."),
        entry("requests_without_endpoint_total", "Requests for rules with nothing behind them."),
        entry("requests_redirected_total", "Requests sent to https."),
        entry("requests_redirected_by_rules_total", "Requests that a rule sent elsewhere."),
        entry("requests_denied_total", "Requests from addresses that a rule does not serve."),
        entry("requests_rate_limited_total", "Requests beyond a rule's rate."),
        entry("requests_in_maintenance_total", "Requests for rules in maintenance."),
        entry("tls_handshakes_total", "TLS handshakes that were finished."),
        entry("tls_handshake_failures_total", "TLS handshakes that were not."),
        entry(
            "tls_handshakes_1_2_total", "tls_handshakes_by_version", "version", "1.2",
            "TLS handshakes by the version agreed on."),
        entry("tls_handshakes_1_3_total", "tls_handshakes_by_version", "version", "1.3"),
        entry("tls_handshakes_resumed_total", "TLS handshakes that a ticket cut short."),
        entry("proxy_headers_total", "PROXY protocol headers taken."),
        entry("proxy_headers_refused_total", "PROXY protocol headers that were malformed, missing or late."),
        entry("proxy_headers_untrusted_total", "Connections that could not have sent a PROXY protocol header."),
        entry("tunnels_total", "Connections that became tunnels (WebSocket, for instance)."),
        entry("access_log_lines_lost_total", "Access records that the log did not take in time."),
        entry("table_changes_total", "Revisions taken up, summed over the workers."),
        entry("tally_bytes", "Memory of the counts by rule and endpoint."),
        entry("tally_rows_lost_total", "Counts by rule and endpoint that found no room."),
    ]

    /// Of the families that labels tell apart.
    static let families: [String: String] = [
        "answers_total": "Responses of the proxy's own making, by what they say.",
        "health_checks_total": "Health checks by what they came to.",
        "exchanges_ended_total": "Exchanges by why they ended.",
    ]
}
