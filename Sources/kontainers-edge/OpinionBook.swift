import Balancing
import Contract
import HealthChecking

/// What speaks against endpoints, by address, from all who have an opinion: the health checker and every worker. The
/// one place from which control is told. On the conductor's thread.
///
/// Control is told of all of them when the Link is made, then of changes; an endpoint that changes often before control
/// listens again is told once, as it is then.
final class OpinionBook {
    /// Who says so: a bar stands while anybody says it.
    enum Source: Hashable {
        case checks
        case worker(Int)
    }

    /// Opinions in one message: about 40 KiB, a fraction of what the socket between the two takes at once.
    static let messageLimit = 256

    private struct Entry {
        var sayings: [EndpointOpinion.Bar: Set<Source>] = [:]
        var reason = ""
    }

    private var entries: [String: Entry] = [:]
    /// Addresses that are to be told, each once.
    private var news: Set<String> = []

    var hasNews: Bool { !news.isEmpty }

    /// - Parameter reason: of those who check; workers give none.
    func note(
        _ bar: EndpointOpinion.Bar, _ stands: Bool, of address: String, by source: Source, reason: String? = nil
    ) {
        var entry = entries[address] ?? Entry()
        let (before, old) = (Set(entry.sayings.keys), entry.reason)
        if stands { entry.sayings[bar, default: []].insert(source) } else { entry.sayings[bar]?.remove(source) }
        if entry.sayings[bar]?.isEmpty == true { entry.sayings[bar] = nil }
        if let reason { entry.reason = reason }
        entries[address] = entry.sayings.isEmpty ? nil : entry
        if Set(entry.sayings.keys) != before || entry.reason != old { news.insert(address) }
    }

    func note(_ news: [HealthNews]) {
        for one in news {
            note(.unhealthy, one.verdict.isDown, of: one.address, by: .checks, reason: one.reason)
        }
    }

    /// Control knows nothing yet.
    func restart() { news = Set(entries.keys) }

    /// What is to be said now, if anything.
    func next() -> Upward? {
        guard !news.isEmpty else { return nil }
        var opinions: [EndpointOpinion] = []
        while opinions.count < Self.messageLimit, let address = news.popFirst() {
            let entry = entries[address] ?? Entry()
            opinions.append(
                EndpointOpinion(
                    address: address, bars: EndpointOpinion.Bar.allCases.filter { entry.sayings[$0] != nil },
                    reason: entry.reason))
        }
        return .opinions(opinions)
    }
}
