import Contract
import Foundation
import KontainersConfiguration
public import Reconciliation
import Store

/// Finds out what happens, and publishes it: rules and revisions as they change, endpoints and traffic once a second
/// while somebody listens.
public struct EventSources: Sendable {
    private static let interval = Duration.seconds(1)

    let hub: EventHub
    let keeper: StoreKeeper?
    let endpoints: EndpointDesk
    let traffic: @Sendable () async -> TrafficCounts

    public init(
        hub: EventHub, keeper: StoreKeeper?, endpoints: EndpointDesk,
        traffic: @escaping @Sendable () async -> TrafficCounts
    ) {
        self.hub = hub
        self.keeper = keeper
        self.endpoints = endpoints
        self.traffic = traffic
    }

    /// Until its task is cancelled.
    public func run() async {
        await keeper?.onNews { [hub] news in Self.publish(news, hub) }
        var states: [String: EndpointReading.State] = [:]
        var before: TrafficCounts?
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            if hub.isHeard(.endpoints) { await publishEndpoints(&states) } else { states = [:] }
            if hub.isHeard(.traffic) {
                let now = await traffic()
                if let before { publish(now.since(before)) }
                before = now
            } else {
                before = nil
            }
        }
    }

    // MARK: - Rules and revisions

    private static func publish(_ news: StoreKeeper.News, _ hub: EventHub) {
        for change in news.changes where change.kind == .rule {
            let type = change.before == nil ? "CREATED" : change.after == nil ? "REMOVED" : "UPDATED"
            guard let rule = change.after ?? change.before else { continue }
            hub.publish(.proxy, ["type": .text(type), "rule": Mask.masked(rule)], at: news.revision.at)
        }
        guard let revision = try? JSONValue(encoding: news.revision) else { return }
        hub.publish(.revisions, ["revision": revision], at: news.revision.at)
    }

    // MARK: - Endpoints

    /// Those whose state is another than a second ago.
    private func publishEndpoints(_ states: inout [String: EndpointReading.State]) async {
        guard case .success(let list) = await endpoints.list(nil) else { return }
        var now: [String: EndpointReading.State] = [:]
        for reading in list.endpoints {
            let key = "\(reading.rule) \(reading.endpoint) \(reading.address ?? "")"
            now[key] = reading.state
            guard !states.isEmpty, states[key] != reading.state, let document = try? JSONValue(encoding: reading) else {
                continue
            }
            hub.publish(.endpoints, ["type": .text("UPDATED"), "endpoint": document])
        }
        states = now
    }

    // MARK: - Traffic

    private func publish(_ counts: TrafficCounts) {
        var rules: [String: JSONValue] = [:]
        for (name, count) in counts.rules where !count.isZero { rules[name] = count.document }
        hub.publish(.traffic, ["total": counts.total.document, "rules": .object(rules)])
    }
}
