import GRDB
import KontainersConfiguration

/// What happened in one step of time.
public struct Reading: Equatable, Sendable, Codable {
    /// When the step began; milliseconds since 1970.
    public var at: Int64
    /// Numbers that add up: requests, errors, bytes; and buckets of times.
    public var values: [String: Double]

    public init(at: Int64, values: [String: Double]) {
        self.at = at
        self.values = values
    }
}

/// Steps of the history, from fine to coarse.
public enum HistoryStep: Int, Sendable, CaseIterable {
    case tenSeconds = 10
    case minute = 60
    case hour = 3_600

    /// Seconds that its readings are kept.
    public var lifetime: Int64 {
        switch self {
        case .tenSeconds: 3_600
        case .minute: 86_400
        case .hour: 366 * 86_400
        }
    }

    func start(of at: Milliseconds) -> Milliseconds { at - at % (Milliseconds(rawValue) * 1_000) }
}

extension Store {
    /// Adds readings of ten seconds, rolls them up into the coarser steps, and lets go of what is too old.
    /// - Parameter readings: by subject: `all`, or a rule's name.
    public func record(_ readings: [String: [String: Double]], at now: Milliseconds = .now) async throws {
        try await database.write { database in
            for step in HistoryStep.allCases {
                let at = step.start(of: now)
                for (subject, values) in readings {
                    let known = try String.fetchOne(
                        database, sql: "SELECT value FROM statistics WHERE step = ? AND at = ? AND subject = ?",
                        arguments: [step.rawValue, at, subject])
                    var sum = try known.map { try Document.value($0, as: [String: Double].self) } ?? [:]
                    for (name, value) in values { sum[name, default: 0] += value }
                    try database.execute(
                        sql: "INSERT OR REPLACE INTO statistics (step, at, subject, value) VALUES (?, ?, ?, ?)",
                        arguments: [step.rawValue, at, subject, try Document.text(sum)])
                }
                try database.execute(
                    sql: "DELETE FROM statistics WHERE step = ? AND at < ?",
                    arguments: [step.rawValue, now - step.lifetime * 1_000])
            }
        }
    }

    /// In order of time.
    public func history(
        of subject: String, step: HistoryStep, from: Milliseconds, to: Milliseconds
    ) async throws -> [Reading] {
        try await database.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT at, value FROM statistics WHERE step = ? AND at BETWEEN ? AND ? AND subject = ?
                    ORDER BY at
                    """,
                arguments: [step.rawValue, step.start(of: from), to, subject]
            ).map { Reading(at: $0["at"], values: try Document.value($0["value"])) }
        }
    }
}
