/// Waits until what was changed is published, and served.
struct Delivery: Sendable {
    /// How long a change waits.
    struct Patience: Sendable {
        /// For a publication: of a control that has just started, its first one.
        var start = Duration.seconds(5)
        /// For the edges.
        var edges = Duration.seconds(5)
    }

    /// A change of one rule among thousands is there in milliseconds, and whoever made it waits for no more.
    private static let pace = Duration.microseconds(250)

    let reconciler: Reconciler
    let link: LinkServer
    var patience = Patience()

    /// What `look` finds; `nil` when it found nothing for as long as somebody waits for a start.
    func found<Found>(_ look: () async -> Found?) async -> Found? {
        let limit = ContinuousClock.now + patience.start
        while true {
            if let found = await look() { return found }
            guard ContinuousClock.now < limit, !Task.isCancelled else { return nil }
            try? await Task.sleep(for: Self.pace)
        }
    }

    /// How many edges are connected, and how many of them serve the revision, when all do or the time is up.
    func served(_ revision: UInt64) async -> (edges: Int, serving: Int) {
        let limit = ContinuousClock.now + patience.edges
        while true {
            let reports = await link.reports
            let serving = reports.count { $0.serves(revision, of: reconciler.epoch) }
            if serving == reports.count || ContinuousClock.now >= limit || Task.isCancelled {
                return (reports.count, serving)
            }
            try? await Task.sleep(for: Self.pace)
        }
    }
}
