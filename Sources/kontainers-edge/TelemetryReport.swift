import Contract
import HealthChecking
import Kernel
import Proxy
import Routing
import Telemetry

/// What the edge tells control of its numbers: the plain counters once a second, then the rows of rules, endpoints and
/// listeners that have changed since they were last said, a few at a time. On the conductor's thread.
final class TelemetryReport {
    /// Nanoseconds from one beginning to the next.
    private static let interval: UInt64 = 1_000_000_000
    /// About what one message may have: a fraction of what the socket between the two takes at once.
    private static let messageBytes = 48 << 10
    /// Rows looked at for one message: with many thousands of rules that say nothing the thread has other work too.
    private static let rowsLookedAt = 4_096

    private enum Kind: CaseIterable { case listener, rule, endpoint }

    /// The rows of one kind: what their numbers stand for, and what control knows of them.
    private struct Rows {
        var names: [(number: UInt32, name: String)] = []
        /// How each named row stood when it was said, by its number.
        var said: [UInt32: (name: String, mark: UInt64)] = [:]
        /// How many of the names this round has looked at.
        var done = 0

        /// Takes other names. Answers those that control knows and that are gone.
        mutating func rename(_ new: [(number: UInt32, name: String)]) -> [String] {
            names = new
            let current = Dictionary(new.map { ($0.number, $0.name) }, uniquingKeysWith: { _, last in last })
            var gone: [String] = []
            for (number, row) in said where current[number] != row.name {
                gone.append(row.name)
                said[number] = nil
            }
            // A name that only changed its number is said again under the same name.
            let kept = Set(new.map(\.name))
            return gone.filter { !kept.contains($0) }
        }
    }

    private let tallies: [Tally]
    private let log: AccessLogSink
    private let health: HealthTally
    private var rows: [Kind: Rows] = [:]
    private var gone = EdgeTallies.Gone()
    /// Held while its names are in use, so that none of its numbers is given to others.
    private var table: RouteTable?
    private var nextTable: RouteTable?
    private var departures = Departures()
    private var isFirst = true
    private var lastRound: UInt64 = 0
    /// A round has begun and some rows were not looked at.
    private(set) var isUnderWay = false

    init(_ tallies: [Tally], _ log: AccessLogSink, _ health: HealthTally) {
        self.tallies = tallies
        self.log = log
        self.health = health
        restart()
    }

    /// Every worker serves this table.
    func follow(_ table: RouteTable?) { nextTable = table ?? nextTable }

    /// Control knows nothing yet.
    func restart() {
        for kind in Kind.allCases { rows[kind, default: Rows()].said = [:] }
        gone = EdgeTallies.Gone()
        isFirst = true
        isUnderWay = false
        lastRound = 0
    }

    /// What is to be said now, if anything.
    func next(now: UInt64, _ state: EdgeState) -> Upward? {
        if isUnderWay { return nextRows() }
        guard now &- lastRound >= Self.interval else { return nil }
        lastRound = now
        beginRound(state)
        return .telemetry(counters(state))
    }

    private func counters(_ state: EdgeState) -> EdgeTelemetry {
        var sums: [String: UInt64] = [:]
        var families: [String: EdgeTelemetry.Family] = [:]
        for tally in tallies {
            for (name, value) in tally.readings { sums[name, default: 0] &+= value }
            for family in tally.families {
                var sum = families[family.name] ?? .init(name: family.name, label: family.label, values: [:])
                for (label, value) in family.values { sum.values[label, default: 0] &+= value }
                families[family.name] = sum
            }
        }
        for (name, value) in health.readings { sums[name, default: 0] &+= value }
        families["health_checks_total"] = .init(name: "health_checks_total", label: "result", values: health.results)
        // A worker counts lines that found no room, the sink those it could not write.
        sums["access_log_lines_lost_total", default: 0] &+= log.linesLost.current
        let usage = ProcessUsage.current() ?? ProcessUsage()
        return EdgeTelemetry(
            epoch: state.epoch, revision: state.revision, counters: sums,
            families: families.values.sorted { $0.name < $1.name }, residentBytes: usage.residentBytes,
            processorMilliseconds: usage.processorMilliseconds)
    }

    private func beginRound(_ state: EdgeState) {
        if let new = nextTable, new !== table {
            gone.rules += rows[.rule, default: Rows()].rename(new.routeNames)
            departures.follow(new, after: table)
            table = new
        }
        nextTable = nil
        if let names = departures.names(inFlight: { self.read(.endpoint, $0)?[.inFlight] ?? 0 }) {
            gone.endpoints += rows[.endpoint, default: Rows()].rename(names)
        }
        rows[.listener]?.names = state.listeners.map {
            (UInt32(truncatingIfNeeded: state.listenerIndex(of: $0.name)), $0.name)
        }
        for kind in Kind.allCases { rows[kind]?.done = 0 }
        isUnderWay = true
    }

    /// The next rows that have changed; `nil` when this round finds no more.
    private func nextRows() -> Upward? {
        var message = EdgeTallies(isFirst: isFirst, gone: gone)
        var bytes = 0
        var looked = 0
        for kind in Kind.allCases {
            guard var rows = rows.removeValue(forKey: kind) else { continue }
            while rows.done < rows.names.count, bytes < Self.messageBytes, looked < Self.rowsLookedAt {
                let (number, name) = rows.names[rows.done]
                rows.done += 1
                looked += 1
                let mark = mark(kind, number)
                guard mark != 0, mark != rows.said[number]?.mark, let reading = read(kind, number) else { continue }
                let row = TallyRow(name: name, reading)
                bytes += 200 + name.utf8.count + row.durations.utf8.count
                rows.said[number] = (name, mark)
                switch kind {
                case .listener: message.listeners.append(row)
                case .rule: message.rules.append(row)
                case .endpoint: message.endpoints.append(row)
                }
            }
            self.rows[kind] = rows
        }
        isUnderWay = rows.values.contains { $0.done < $0.names.count }
        guard bytes > 0 || isFirst || !gone.rules.isEmpty || !gone.endpoints.isEmpty else { return nil }
        isFirst = false
        gone = EdgeTallies.Gone()
        return .tallies(message)
    }

    /// All workers' marks of a row as one; 0 while none of them has counted anything.
    private func mark(_ kind: Kind, _ number: UInt32) -> UInt64 {
        var sum: UInt64 = 0
        for tally in tallies {
            let mark =
                switch kind {
                case .listener: tally.listeners.mark(of: number)
                case .rule: tally.rules.mark(of: number)
                case .endpoint: tally.endpoints.mark(of: number)
                }
            sum = sum &* 31 &+ mark
        }
        return sum
    }

    private func read(_ kind: Kind, _ number: UInt32) -> TallyReading? {
        var sum: TallyReading?
        for tally in tallies {
            let reading =
                switch kind {
                case .listener: tally.listeners.read(number)
                case .rule: tally.rules.read(number)
                case .endpoint: tally.endpoints.read(number)
                }
            guard let reading else { continue }
            if sum == nil { sum = reading } else { sum?.merge(reading) }
        }
        return sum
    }
}

extension TallyRow {
    init(name: String, _ reading: TallyReading) {
        self.init(
            name: name,
            ended: [
                reading[.unanswered], reading[.status1xx], reading[.status2xx], reading[.status3xx],
                reading[.status4xx], reading[.status5xx],
            ],
            inFlight: reading[.inFlight], received: reading[.received], sent: reading[.sent],
            connects: reading[.connects], connectFailures: reading[.connectFailures], failures: reading[.failures],
            idle: reading[.idle], durationSum: reading.durations.sum, durations: reading.durations.text)
    }
}
