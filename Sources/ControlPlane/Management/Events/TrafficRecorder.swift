public import Logging
public import Store

/// Writes down every ten seconds what went through, for charts that look back.
public struct TrafficRecorder: Sendable {
    private static let interval = Duration.seconds(10)
    /// Rules of one step that are kept by themselves: those with most requests.
    private static let ruleLimit = 200
    /// Of all rules together.
    public static let total = "all"

    let store: Store
    let read: @Sendable () async -> TrafficCounts
    let logger: Logger

    public init(store: Store, read: @escaping @Sendable () async -> TrafficCounts, logger: Logger) {
        self.store = store
        self.read = read
        self.logger = logger
    }

    /// Until its task is cancelled.
    public func run() async {
        var before: TrafficCounts?
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            let now = await read()
            if let before { await keep(now.since(before)) }
            before = now
        }
    }

    /// Where nothing went through, nothing is written: an idle appliance leaves its disk alone.
    private func keep(_ counts: TrafficCounts) async {
        guard counts.total.requests > 0 else { return }
        var readings = [Self.total: counts.total.values]
        let busiest = counts.rules.filter { $0.value.requests > 0 }
            .sorted { ($1.value.requests, $0.key) < ($0.value.requests, $1.key) }.prefix(Self.ruleLimit)
        for (name, count) in busiest { readings["rule:" + name] = count.values }
        do {
            try await store.record(readings)
        } catch {
            logger.warning("what went through cannot be written down", metadata: ["reason": "\(error)"])
        }
    }
}
