import Kernel
import KontainersConfiguration
import Management
import Reconciliation

/// Joins the management plane to what it tells of.
enum Metrics {
    static func readings(_ instruments: ControlPlane.Instruments) async -> Readings {
        let standing = await instruments.link.standing
        var readings = Readings()
        readings.edges = standing.edges.compactMap { report in
            report.telemetry.map { Readings.Edge(telemetry: $0, tallies: report.tallies) }
        }
        readings.isEdgeUp = standing.isUp
        readings.rules = standing.rules
        readings.listeners = standing.listeners
        let diagnoses = await instruments.reconciler.diagnoses
        readings.control.revision = standing.revision
        readings.control.computations = await instruments.reconciler.computations
        readings.control.errors = diagnoses.count { $0.severity == .error }
        readings.control.warnings = diagnoses.count - readings.control.errors
        readings.control.engines = await instruments.feeds.readings.map {
            Readings.Engine(name: $0.engine, isReachable: $0.isReachable, containers: $0.containers, events: $0.events)
        }
        let sleep = await instruments.sleep.reading
        readings.control.sleep.asleep = sleep.asleep
        readings.control.sleep.sleeps = sleep.sleeps
        readings.control.sleep.wakes = sleep.wakes
        readings.control.sleep.stopFailures = sleep.stopFailures
        readings.control.sleep.startFailures = sleep.startFailures
        readings.control.sleep.wakeTimes = sleep.wakeTimes
        let usage = ProcessUsage.current() ?? ProcessUsage()
        readings.control.residentBytes = usage.residentBytes
        readings.control.processorMilliseconds = usage.processorMilliseconds
        return readings
    }

    /// What went through since the edges started.
    static func traffic(_ instruments: ControlPlane.Instruments) async -> TrafficCounts {
        let standing = await instruments.link.standing
        return TrafficCounts(standing.edges.map(\.tallies), rules: standing.rules)
    }
}
