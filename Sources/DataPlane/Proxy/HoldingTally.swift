public import Telemetry

/// Exchanges of one worker that waited for an endpoint.
public struct HoldingTally: ~Copyable, Sendable {
    /// Now.
    public let now = Counter()
    /// Held because nobody was ready; joined the line before a full pool; of both, those that got an endpoint.
    public let held = Counter()
    public let queued = Counter()
    public let served = Counter()
    /// Held, or in line, as long as they may be.
    public let givenUp = Counter()
    public let queueTimeouts = Counter()
    /// Wishes for the containers of a rule.
    public let wakes = Counter()

    init() {}

    var readings: [(name: String, value: UInt64)] {
        [
            ("requests_waiting", now.current), ("requests_held_total", held.current),
            ("requests_queued_total", queued.current), ("requests_held_served_total", served.current),
            ("requests_held_given_up_total", givenUp.current),
            ("limit_queue_timeout_total", queueTimeouts.current), ("wakes_total", wakes.current),
        ]
    }
}
