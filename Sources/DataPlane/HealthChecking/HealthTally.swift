import Telemetry

/// What the health checker counts. Written by its thread alone, read by anyone.
public final class HealthTally: Sendable {
    let passed = Counter()
    let unreachable = Counter()
    let late = Counter()
    let status = Counter()
    let text = Counter()
    let malformed = Counter()
    let closed = Counter()
    let handshake = Counter()
    let undecided = Counter()
    /// Connections begun, and checks that went over one that was there already.
    let connects = Counter()
    let reused = Counter()
    /// Checks that had to wait for others to end.
    let delayed = Counter()
    /// Endpoints that found no room to be checked.
    let refused = Counter()
    /// Endpoints by what is known of them.
    let up = Counter()
    let down = Counter()
    let unknown = Counter()
    let connectionsOpen = Counter()

    public init() {}

    func count(_ result: CheckResult) {
        switch result {
        case .passed: passed.add()
        case .unreachable: unreachable.add()
        case .late: late.add()
        case .wrongStatus: status.add()
        case .textMissing, .wrongAnswer: text.add()
        case .malformedHead, .malformedBody, .endlessInterims: malformed.add()
        case .closedEarly: closed.add()
        case .handshakeFailed: handshake.add()
        case .undecided: undecided.add()
        }
    }

    /// Every plain counter under its public name.
    public var readings: [(name: String, value: UInt64)] {
        [
            ("health_check_connects_total", connects.current), ("health_checks_reused_total", reused.current),
            ("health_checks_delayed_total", delayed.current), ("health_checks_without_room_total", refused.current),
            ("health_check_connections_open", connectionsOpen.current),
            ("health_endpoints_up", up.current), ("health_endpoints_down", down.current),
            ("health_endpoints_unknown", unknown.current),
        ]
    }

    /// Checks by what they came to.
    public var results: [String: UInt64] {
        [
            "passed": passed.current, "unreachable": unreachable.current, "late": late.current,
            "status": status.current, "text": text.current, "malformed": malformed.current, "closed": closed.current,
            "handshake": handshake.current, "undecided": undecided.current,
        ]
    }
}
