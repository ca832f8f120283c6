public import Telemetry

/// What one worker counts of limits, circuits and slow starts of endpoints, and of cookies that name them. What a
/// request was answered for is counted by answer (``Tally/count(of:)``).
public struct BreakerTally: ~Copyable, Sendable {
    /// Circuits that opened, again where a trial failed; that closed; that are not closed now.
    public let opened = Counter()
    public let closed = Counter()
    public let circuitsOpen = Counter()
    /// Exchanges that were let through to find out whether a circuit may close.
    public let trials = Counter()
    /// Choices that passed an endpoint over, because as many connections were open or were being made as may.
    public let passedForConnections = Counter()
    public let passedForPending = Counter()
    /// The same of circuits of whole pools.
    public let poolCircuitsOpened = Counter()
    public let poolCircuitsClosed = Counter()
    public let poolCircuitsOpen = Counter()
    public let poolTrials = Counter()
    /// Choices that found a pool with as many exchanges, connections or connects over all workers as it may have.
    public let poolInFlight = Counter()
    public let poolConnections = Counter()
    public let poolPending = Counter()
    /// Endpoints that began with a part of their weight; that are growing now.
    public let slowStarts = Counter()
    public let slowStarting = Counter()
    /// Of ejections, those for being slower than the neighbours.
    public let latencyEjections = Counter()
    /// Sticky cookies that were not signed here for this rule; that named an endpoint which could not be had.
    public let forgedCookies = Counter()
    public let movedCookies = Counter()

    init() {}

    var readings: [(name: String, value: UInt64)] {
        [
            ("circuits_opened_total", opened.current), ("circuits_closed_total", closed.current),
            ("circuits_open", circuitsOpen.current), ("circuit_trials_total", trials.current),
            ("limit_endpoint_connections_total", passedForConnections.current),
            ("limit_endpoint_pending_total", passedForPending.current),
            ("pool_circuits_opened_total", poolCircuitsOpened.current),
            ("pool_circuits_closed_total", poolCircuitsClosed.current),
            ("pool_circuits_open", poolCircuitsOpen.current), ("pool_circuit_trials_total", poolTrials.current),
            ("limit_pool_in_flight_total", poolInFlight.current),
            ("limit_pool_connections_total", poolConnections.current),
            ("limit_pool_connects_total", poolPending.current),
            ("endpoint_slow_starts_total", slowStarts.current), ("endpoints_starting_slowly", slowStarting.current),
            ("endpoint_latency_ejections_total", latencyEjections.current),
            ("sticky_cookies_refused_total", forgedCookies.current),
            ("sticky_cookies_moved_total", movedCookies.current),
        ]
    }
}
