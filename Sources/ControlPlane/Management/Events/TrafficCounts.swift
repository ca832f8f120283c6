public import Contract
import KontainersConfiguration
import Telemetry

/// What went through, as counted since the edges started, or between two moments.
public struct TrafficCounts: Equatable, Sendable {
    /// Of one rule, or of all.
    public struct Count: Equatable, Sendable {
        public var requests: UInt64 = 0
        /// Those that ended without a status, or with one from 500.
        public var errors: UInt64 = 0
        public var received: UInt64 = 0
        public var sent: UInt64 = 0
        public var inFlight: UInt64 = 0
        /// Nanoseconds from first to last byte, by cell of a ``Histogram``.
        var times: [Int: UInt64] = [:]

        public init() {}

        init(_ row: TallyRow) {
            requests = row.ended.reduce(0, &+)
            errors = (row.ended.first ?? 0) &+ (row.ended.count > 5 ? row.ended[5] : 0)
            received = row.received
            sent = row.sent
            inFlight = row.inFlight
            for cell in Histogram(text: row.durations, sum: row.durationSum)?.cells ?? [] {
                times[cell.index, default: 0] &+= cell.count
            }
        }

        public var isZero: Bool { requests == 0 && received == 0 && sent == 0 && inFlight == 0 }

        mutating func add(_ other: Count) {
            requests &+= other.requests
            errors &+= other.errors
            received &+= other.received
            sent &+= other.sent
            inFlight &+= other.inFlight
            times.merge(other.times) { $0 &+ $1 }
        }

        /// An edge that started anew counts from zero: what it says is all that there is.
        func since(_ before: Count) -> Count {
            guard requests >= before.requests, received >= before.received, sent >= before.sent else { return self }
            var difference = self
            difference.requests -= before.requests
            difference.errors = errors >= before.errors ? errors - before.errors : 0
            difference.received -= before.received
            difference.sent -= before.sent
            for (cell, count) in before.times {
                guard let now = times[cell], now >= count else { continue }
                difference.times[cell] = now == count ? nil : now - count
            }
            return difference
        }

        /// Milliseconds in which so much of them were done.
        func quantile(_ share: Double) -> Double? {
            let text = times.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: " ")
            return Histogram(text: text, sum: 0)?.quantile(share).map { Double($0) / 1_000_000 }
        }

        var document: JSONValue {
            var fields: [String: JSONValue] = [
                "requests": .integer(Int(clamping: requests)), "errors": .integer(Int(clamping: errors)),
                "bytesIn": .integer(Int(clamping: received)), "bytesOut": .integer(Int(clamping: sent)),
                "inFlight": .integer(Int(clamping: inFlight)),
            ]
            for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
                if let time = quantile(share) { fields[name] = .number(time) }
            }
            return .object(fields)
        }

        /// For the history: numbers that add up.
        var values: [String: Double] {
            var values = [
                "requests": Double(requests), "errors": Double(errors), "bytesIn": Double(received),
                "bytesOut": Double(sent),
            ]
            for (cell, count) in times where count > 0 { values["t\(cell)"] = Double(count) }
            return values
        }

        /// From the history.
        init(values: [String: Double]) {
            requests = UInt64(values["requests"] ?? 0)
            errors = UInt64(values["errors"] ?? 0)
            received = UInt64(values["bytesIn"] ?? 0)
            sent = UInt64(values["bytesOut"] ?? 0)
            for (name, value) in values where name.hasPrefix("t") {
                if let cell = Int(name.dropFirst()) { times[cell] = UInt64(value) }
            }
        }
    }

    public var total = Count()
    /// By rule.
    public var rules: [String: Count] = [:]

    public init() {}

    /// - Parameter books: one of each edge.
    public init(_ books: [TallyBook], rules known: Set<String>) {
        for book in books {
            for (name, row) in book.rules where known.contains(name) {
                let count = Count(row)
                rules[name, default: Count()].add(count)
                total.add(count)
            }
        }
    }

    public func since(_ before: TrafficCounts) -> TrafficCounts {
        var difference = TrafficCounts()
        for (name, count) in rules {
            let change = count.since(before.rules[name] ?? Count())
            difference.rules[name] = change
            difference.total.add(change)
        }
        return difference
    }
}
