/// Whether new requests may be sent to a container.
public enum Readiness: Equatable, Sendable {
    case ready
    /// Its health check has not passed yet: used only while no other endpoint of the pool is ready.
    case starting
    /// Not at all, and why: "is paused".
    case down(String)

    public init(_ record: ContainerRecord) {
        switch record.state {
        case .running: self = Self.ofRunning(record)
        case .created: self = .down("was never started")
        case .paused: self = .down("is paused")
        case .restarting: self = .down("is restarting")
        case .removing: self = .down("is being removed")
        case .exited: self = .down("has stopped")
        case .dead: self = .down("is dead")
        }
    }

    private static func ofRunning(_ record: ContainerRecord) -> Readiness {
        if record.isStopping { return .down("is stopping") }
        return switch record.health {
        case .none, .healthy: .ready
        case .starting: .starting
        case .unhealthy: .down("is unhealthy")
        }
    }
}
