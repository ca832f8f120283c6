import Contract
import Telemetry

/// The page of metrics: a pure function of the readings.
struct MetricsPage {
    /// Upper bounds of the histograms' buckets, in nanoseconds: half a millisecond to a minute.
    static let bounds: [UInt64] = [
        500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000,
        500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000, 60_000_000_000,
    ]
    private static let classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]

    private var page: Exposition
    private let readings: Readings

    static func render(_ readings: Readings, as form: Exposition.Form) -> String {
        var page = MetricsPage(page: Exposition(form), readings: readings)
        page.writeControl()
        page.writePlain()
        page.writeFamilies()
        page.writeListeners()
        page.writeRules()
        page.writeEndpoints()
        return page.page.finish()
    }

    private mutating func family(_ name: String, _ kind: Exposition.Kind, _ help: String) {
        page.family("kontainers_" + name, kind, help)
    }

    // MARK: - Control and processes

    private mutating func writeControl() {
        let control = readings.control
        family("edge_up", .gauge, "Whether the data plane is connected; when it is not, its numbers are its last.")
        page.sample(readings.isEdgeUp ? 1 : 0)
        family("revision", .gauge, "The revision of the configuration: what control wants, what the edge serves.")
        page.sample(control.revision, ("plane", "control"))
        if let served = readings.edges.map(\.telemetry.revision).min() { page.sample(served, ("plane", "edge")) }
        family("rules", .gauge, "Rules in the desired state.")
        page.sample(UInt64(readings.rules.count))
        family("diagnoses", .gauge, "What is not as it should be, by severity.")
        page.sample(UInt64(max(0, control.errors)), ("severity", "error"))
        page.sample(UInt64(max(0, control.warnings)), ("severity", "warning"))
        family("reconciliations", .counter, "Computations of the desired state.")
        page.sample(control.computations)
        family("docker_up", .gauge, "Whether the engine answers.")
        for engine in control.engines { page.sample(engine.isReachable ? 1 : 0, ("engine", engine.name)) }
        family("docker_containers", .gauge, "Containers that the engine has told of.")
        for engine in control.engines { page.sample(UInt64(max(0, engine.containers)), ("engine", engine.name)) }
        family("docker_events", .counter, "Events that the engine has told of.")
        for engine in control.engines { page.sample(engine.events, ("engine", engine.name)) }
        writeSleep(control.sleep)
        family("process_resident_memory_bytes", .gauge, "Memory in use.")
        page.sample(control.residentBytes, ("process", "control"))
        if let bytes = sum(\.residentBytes) { page.sample(bytes, ("process", "edge")) }
        family("process_cpu_seconds", .counter, "Processor time.")
        page.sample(seconds: control.processorMilliseconds &* 1_000_000, ("process", "control"))
        if let time = sum(\.processorMilliseconds) {
            page.sample(seconds: time &* 1_000_000, ("process", "edge"))
        }
    }

    private mutating func writeSleep(_ sleep: Readings.Sleep) {
        family("containers_asleep", .gauge, "Containers that do not run and are started by a request.")
        page.sample(UInt64(max(0, sleep.asleep)))
        family("container_sleeps", .counter, "Containers stopped because nobody asked for them.")
        page.sample(sleep.sleeps)
        family("container_wakes", .counter, "Containers started for a request.")
        page.sample(sleep.wakes)
        family("container_sleep_failures", .counter, "Stops and starts of such containers that failed.")
        page.sample(sleep.stopFailures, ("act", "stop"))
        page.sample(sleep.startFailures, ("act", "start"))
        family("container_wake_seconds", .histogram, "From a request for a sleeping container to an endpoint.")
        page.sample(sleep.wakeTimes, bounds: Self.bounds)
    }

    private func sum(_ value: (EdgeTelemetry) -> UInt64) -> UInt64? {
        readings.edges.isEmpty ? nil : readings.edges.reduce(0) { $0 &+ value($1.telemetry) }
    }

    // MARK: - The edge as a whole

    private mutating func writePlain() {
        var sums: [String: UInt64] = [:]
        for edge in readings.edges {
            for (key, value) in edge.telemetry.counters { sums[key, default: 0] &+= value }
        }
        var last = ""
        for entry in PlainMetrics.entries {
            guard let value = sums.removeValue(forKey: entry.key) else { continue }
            if entry.family != last {
                family(entry.family, entry.key.hasSuffix("_total") ? .counter : .gauge, entry.help)
            }
            last = entry.family
            if let label = entry.label { page.sample(value, label) } else { page.sample(value) }
        }
        for (key, value) in sums.sorted(by: { $0.key < $1.key }) where Self.isName(key) {
            family(PlainMetrics.family(of: key), key.hasSuffix("_total") ? .counter : .gauge, Self.words(key))
            page.sample(value)
        }
    }

    private mutating func writeFamilies() {
        var sums: [String: EdgeTelemetry.Family] = [:]
        for edge in readings.edges {
            for family in edge.telemetry.families where Self.isName(family.name) && Self.isName(family.label) {
                sums[family.name, default: .init(name: family.name, label: family.label, values: [:])].values
                    .merge(family.values) { $0 &+ $1 }
            }
        }
        for (name, sum) in sums.sorted(by: { $0.key < $1.key }) {
            family(PlainMetrics.family(of: name), .counter, PlainMetrics.families[name] ?? Self.words(name))
            for (label, value) in sum.values.sorted(by: { $0.key < $1.key }) { page.sample(value, (sum.label, label)) }
        }
    }

    /// What the edge says becomes part of the page's grammar only when it is plain.
    private static func isName(_ text: String) -> Bool {
        text.utf8.count <= 64 && text.utf8.first.map { (0x61...0x7a).contains($0) } == true
            && text.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
    }

    private static func words(_ key: String) -> String {
        PlainMetrics.family(of: key).split(separator: "_").joined(separator: " ") + "."
    }

    // MARK: - By listener, rule and endpoint

    private typealias Rows = [(name: String, reading: TallyReading)]

    /// The sums of all edges' rows, by name.
    private func rows(_ rows: (TallyBook) -> [String: TallyRow], where isKnown: (String) -> Bool = { _ in true })
        -> Rows
    {
        var sums: [String: TallyReading] = [:]
        for edge in readings.edges {
            for (name, row) in rows(edge.tallies) where isKnown(name) {
                sums[name, default: TallyReading()].merge(TallyReading(row))
            }
        }
        return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private mutating func writeListeners() {
        let rows = rows(\.listeners, where: readings.listeners.contains)
        write("listener_connections", .counter, "Connections accepted.", "listener", rows, .connects)
        write("listener_connections_open", .gauge, "Connections of clients that are open.", "listener", rows, .inFlight)
    }

    private mutating func writeRules() {
        let rows = rows(\.rules, where: readings.rules.contains)
        writeEnded("rule_requests", "Requests that ended, by the class of their status.", "rule", rows)
        write("rule_requests_in_flight", .gauge, "Requests under way, and tunnels.", "rule", rows, .inFlight)
        write("rule_request_body_bytes", .counter, "Bytes of request bodies.", "rule", rows, .received)
        write("rule_response_body_bytes", .counter, "Bytes of response bodies.", "rule", rows, .sent)
        writeDurations("rule_duration_seconds", "From the request's head to the response's end.", "rule", rows)
    }

    private mutating func writeEndpoints() {
        let rows = rows(\.endpoints)
        writeEnded("endpoint_requests", "Responses of the endpoint, by the class of their status.", "endpoint", rows)
        write("endpoint_requests_in_flight", .gauge, "Requests under way, and tunnels.", "endpoint", rows, .inFlight)
        write("endpoint_connections", .counter, "Connections begun.", "endpoint", rows, .connects)
        write("endpoint_connections_idle", .gauge, "Connections in the pool.", "endpoint", rows, .idle)
        write("endpoint_connect_failures", .counter, "Connections that failed.", "endpoint", rows, .connectFailures)
        write("endpoint_failures", .counter, "Connections without a whole response.", "endpoint", rows, .failures)
        write("endpoint_request_body_bytes", .counter, "Bytes of request bodies.", "endpoint", rows, .received)
        write("endpoint_response_body_bytes", .counter, "Bytes of response bodies.", "endpoint", rows, .sent)
        writeDurations(
            "endpoint_first_byte_seconds", "From the connection to the first byte of the response.", "endpoint", rows)
    }

    private mutating func write(
        _ name: String, _ kind: Exposition.Kind, _ help: String, _ label: String, _ rows: Rows, _ column: TallyColumn
    ) {
        guard !rows.isEmpty else { return }
        family(name, kind, help)
        for row in rows { page.sample(row.reading[column], (label, row.name)) }
    }

    /// A class that never occurred is left out, all but the good one.
    private mutating func writeEnded(_ name: String, _ help: String, _ label: String, _ rows: Rows) {
        guard !rows.isEmpty else { return }
        family(name, .counter, help)
        for row in rows {
            for (place, code) in Self.classes.enumerated() where row.reading.columns[place] > 0 || code == "2xx" {
                page.sample(row.reading.columns[place], (label, row.name), ("code", code))
            }
        }
    }

    private mutating func writeDurations(_ name: String, _ help: String, _ label: String, _ rows: Rows) {
        guard !rows.isEmpty else { return }
        family(name, .histogram, help)
        for row in rows { page.sample(row.reading.durations, bounds: Self.bounds, (label, row.name)) }
    }
}

extension TallyReading {
    /// A row as the edge sent it; what of it makes no sense counts nothing.
    init(_ row: TallyRow) {
        self.init()
        for (column, value) in zip(TallyColumn.allCases, row.ended.prefix(6)) { self[column] = value }
        self[.inFlight] = row.inFlight
        self[.received] = row.received
        self[.sent] = row.sent
        self[.connects] = row.connects
        self[.connectFailures] = row.connectFailures
        self[.failures] = row.failures
        self[.idle] = row.idle
        durations = Histogram(text: row.durations, sum: row.durationSum) ?? Histogram()
    }
}
