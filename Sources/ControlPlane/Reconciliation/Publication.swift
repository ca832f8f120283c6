public import Contract

/// A new revision of the desired state, ready for the edges.
public struct Publication: Sendable {
    public var snapshot: Snapshot
    /// The change from the revision before; `nil` for the first of an epoch.
    public var delta: Delta?

    public init(snapshot: Snapshot, delta: Delta? = nil) {
        self.snapshot = snapshot
        self.delta = delta
    }
}

/// The last changes, one after the other, so that an edge that was away for a moment gets just what it missed.
struct DeltaHistory {
    /// Changed rules and certificates that are remembered; beyond it a snapshot is as cheap.
    static let itemsLimit = 20_000
    static let deltasLimit = 1_024

    private var deltas: [Delta] = []
    private var items = 0

    mutating func append(_ delta: Delta?) {
        guard let delta, deltas.last.map({ $0.epoch == delta.epoch && $0.revision == delta.base }) ?? true else {
            deltas = delta.map { [$0] } ?? []
            items = delta?.itemCount ?? 0
            return
        }
        deltas.append(delta)
        items += delta.itemCount
        while deltas.count > 1, items > Self.itemsLimit || deltas.count > Self.deltasLimit {
            items -= deltas.removeFirst().itemCount
        }
    }

    /// All changes since `revision` as one, or `nil` when some of them are no longer known.
    func delta(since revision: UInt64) -> Delta? {
        guard let first = deltas.firstIndex(where: { $0.base == revision }) else { return nil }
        return deltas[first...].dropFirst().reduce(deltas[first]) { $0.followed(by: $1) }
    }
}

extension Delta {
    var itemCount: Int { rules.count + certificates.count }

    /// This change and then `next` as one.
    func followed(by next: Delta) -> Delta {
        Delta(
            epoch: next.epoch, base: base, revision: next.revision, settings: next.settings ?? settings,
            listeners: next.listeners ?? listeners, certificates: certificates.followed(by: next.certificates),
            rules: rules.followed(by: next.rules))
    }
}

extension Delta.Change {
    var count: Int { put.count + removed.count }

    func followed(by next: Self) -> Self {
        if isEmpty { return next }
        if next.isEmpty { return self }
        var items = Dictionary(put.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        var gone = Set(removed)
        for name in next.removed {
            items[name] = nil
            gone.insert(name)
        }
        for item in next.put {
            items[item.name] = item
            gone.remove(item.name)
        }
        return Self(put: items.values.sorted { $0.name < $1.name }, removed: gone.sorted())
    }
}
