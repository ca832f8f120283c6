import Contract

extension LinkServer {
    /// Numbers that are older say nothing of now; an edge tells them once a second.
    static let freshness = Duration.seconds(5)

    /// What the connected edges have counted of these rules, or `nil` when there is none, or one has been silent.
    func hearing(of rules: Set<String>, now: ContinuousClock.Instant) -> SleepBook.Hearing? {
        let reports = reports
        guard !reports.isEmpty else { return nil }
        var hearing = SleepBook.Hearing(edges: [], rules: [:])
        for report in reports {
            guard let telemetry = report.telemetry, let heard = report.heardAt, heard + Self.freshness > now else {
                return nil
            }
            hearing.edges.insert(report.pid)
            if telemetry.counters["tally_rows_lost_total"] ?? 0 > 0
                || report.tallies.rules.count >= TallyBook.rowLimit
            {
                hearing.isPartial = true
            }
            for name in rules {
                guard let row = report.tallies.rules[name] else { continue }
                for count in row.ended { hearing.rules[name, default: .init()].ended &+= count }
                hearing.rules[name, default: .init()].inFlight &+= row.inFlight
            }
        }
        return hearing
    }
}
