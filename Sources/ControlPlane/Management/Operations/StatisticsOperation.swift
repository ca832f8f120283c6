import Accounts
import HTTPTypes
import KontainersConfiguration
public import Store

/// Traffic over time.
public enum StatisticsOperation {
    private static let steps = ["10s": HistoryStep.tenSeconds, "1m": .minute, "1h": .hour]
    private static let pointLimit = 9_000
    private static let point = JSONSchema.named(
        "TrafficPoint",
        .object(
            .init([
                .init("at", .time, isRequired: true, says: "When the step began."),
                .init("requests", .count, isRequired: true), .init("errors", .count, isRequired: true),
                .init("bytesIn", .count, isRequired: true), .init("bytesOut", .count, isRequired: true),
                .init("inFlight", .count),
                .init("p50", .number, says: "Milliseconds."), .init("p95", .number), .init("p99", .number),
            ])))

    public static func make(_ store: Store) -> Operation {
        Operation(
            "getStatistics", .get, "/api/statistics", .role(.viewer, .rulesRead),
            "Traffic over time: 10 s steps of an hour, minutes of a day, hours of a year. Idle steps are left out.",
            parameters: [
                .init("rule", .text(1...255), says: "Only of this rule; standard: all together."),
                .init("step", .choice(steps.keys.sorted()), says: "Standard: 10s."),
                .init("from", .time, says: "Milliseconds since 1970; standard: as far as the step goes back."),
                .init("to", .time, says: "Standard: now."),
            ], outcomes: [.init(.ok, "In order of time.", .list(point, limit: pointLimit))]
        ) { call in
            let step = steps[call.query["step"] ?? "10s"] ?? .tenSeconds
            let to = call.query["to"].flatMap { Milliseconds($0) } ?? .now
            let from = call.query["from"].flatMap { Milliseconds($0) } ?? to - Milliseconds(step.lifetime) * 1_000
            let subject = call.query["rule"].map { "rule:" + $0 } ?? TrafficRecorder.total
            let readings = try await store.history(of: subject, step: step, from: from, to: to)
            return Answer(
                .ok,
                readings.suffix(pointLimit).map { reading in
                    var fields = TrafficCounts.Count(values: reading.values).document.object ?? [:]
                    fields["at"] = .integer(Int(reading.at))
                    fields["inFlight"] = nil
                    return JSONValue.object(fields)
                })
        }
    }
}
