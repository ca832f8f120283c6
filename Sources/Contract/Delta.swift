/// The change from one revision to the next. Applied to any other base it means nothing: the edge asks for a snapshot.
public struct Delta: Equatable, Sendable, Codable {
    public var epoch: String
    /// The revision this change starts from.
    public var base: UInt64
    public var revision: UInt64
    public var settings: Settings?
    /// The whole new list when any listener changed: listeners are few.
    public var listeners: [Listener]?
    public var certificates: Change<Certificate>
    public var rules: Change<Rule>

    /// What to put in place and what to take out, by name.
    public struct Change<Item: Named>: Equatable, Sendable, Codable {
        public var put: [Item]
        public var removed: [String]

        public init(put: [Item] = [], removed: [String] = []) {
            self.put = put
            self.removed = removed
        }

        public var isEmpty: Bool { put.isEmpty && removed.isEmpty }
    }

    public init(
        epoch: String, base: UInt64, revision: UInt64, settings: Settings? = nil, listeners: [Listener]? = nil,
        certificates: Change<Certificate> = .init(), rules: Change<Rule> = .init()
    ) {
        self.epoch = epoch
        self.base = base
        self.revision = revision
        self.settings = settings
        self.listeners = listeners
        self.certificates = certificates
        self.rules = rules
    }

    /// Whether the edge would not notice.
    public var isEmpty: Bool { settings == nil && listeners == nil && certificates.isEmpty && rules.isEmpty }
}

/// What is told apart by its name.
public protocol Named: Equatable, Sendable, Codable {
    var name: String { get }
}

extension Certificate: Named {}
extension Rule: Named {}

extension Snapshot {
    /// The change that turns this snapshot into `next`. Linear in the number of rules.
    public func delta(to next: Snapshot) -> Delta {
        Delta(
            epoch: next.epoch, base: revision, revision: next.revision,
            settings: settings == next.settings ? nil : next.settings,
            listeners: listeners == next.listeners ? nil : next.listeners,
            certificates: Self.change(from: certificates, to: next.certificates),
            rules: Self.change(from: rules, to: next.rules))
    }

    private static func change<Item: Named>(from old: [Item], to new: [Item]) -> Delta.Change<Item> {
        var left = Dictionary(old.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        let put = new.filter { left.removeValue(forKey: $0.name) != $0 }
        return .init(put: put, removed: left.keys.sorted())
    }
}

extension Snapshot {
    /// This snapshot with `delta` applied; `nil` when the delta starts from another revision or epoch, a gap that
    /// only a full snapshot closes. What stays keeps its place, what is new comes last: the order of rules and
    /// certificates means nothing.
    public func applying(_ delta: Delta) -> Snapshot? {
        guard delta.epoch == epoch, delta.base == revision else { return nil }
        var next = self
        next.revision = delta.revision
        if let settings = delta.settings { next.settings = settings }
        if let listeners = delta.listeners { next.listeners = listeners }
        Self.apply(delta.certificates, to: &next.certificates)
        Self.apply(delta.rules, to: &next.rules)
        return next
    }

    private static func apply<Item: Named>(_ change: Delta.Change<Item>, to items: inout [Item]) {
        guard !change.isEmpty else { return }
        let removed = Set(change.removed)
        // Of several with one name the last counts.
        var put = Dictionary(change.put.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        items = items.compactMap { item in
            removed.contains(item.name) && put[item.name] == nil ? nil : put.removeValue(forKey: item.name) ?? item
        }
        for item in change.put {
            if let new = put.removeValue(forKey: item.name) { items.append(new) }
        }
    }
}
