import Contract
public import Logging

/// Carries out what people order of endpoints: keeps it, has it published, and waits until the edges serve it.
public actor OverrideKeeper {
    public enum Weight: Equatable, Sendable {
        /// As its source says.
        case own
        case fixed(Int)
    }

    /// What a command asks for; what is `nil` stays as it is.
    public struct Change: Equatable, Sendable {
        public var rule: String
        public var endpoint: String
        public var isDrained: Bool?
        public var weight: Weight?

        public init(rule: String, endpoint: String, isDrained: Bool? = nil, weight: Weight? = nil) {
            self.rule = rule
            self.endpoint = endpoint
            self.isDrained = isDrained
            self.weight = weight
        }
    }

    /// What came of it.
    public struct Outcome: Equatable, Sendable {
        /// The endpoint as it is now; several where one name stands for several addresses.
        public var entries: [Roster.Entry]
        public var revision: UInt64
        /// How many edges are connected, and how many of them have said that every worker serves the revision.
        public var edges: Int
        public var serving: Int
    }

    private struct Key: Hashable {
        var rule: String
        var endpoint: String
    }

    private let file: OverrideFile?
    private let reconciler: Reconciler
    private let delivery: Delivery
    private let logger: Logger
    private var overrides = Overrides()
    private var serial: UInt64 = 0
    /// Why nothing may be written.
    private var obstacle: String?
    /// The revision that first said so, of what this life of control was told.
    private var revisions: [Key: UInt64] = [:]

    /// - Parameter folder: where to keep them; `nil`: commands are refused, since nothing could be kept.
    public init(folder: String?, reconciler: Reconciler, link: LinkServer, logger: Logger) {
        self.init(
            file: folder.map { OverrideFile(path: $0 + "/overrides.json") }, reconciler: reconciler, link: link,
            logger: logger)
    }

    init(
        file: OverrideFile?, reconciler: Reconciler, link: LinkServer, patience: Delivery.Patience = .init(),
        logger: Logger
    ) {
        self.file = file
        self.reconciler = reconciler
        delivery = Delivery(reconciler: reconciler, link: link, patience: patience)
        self.logger = logger
    }

    /// Reads what was kept. To be called before the first revision, or a drained endpoint would serve for a moment.
    public func load() async {
        guard let file else {
            obstacle = "there is no folder for state"
            return
        }
        switch file.load() {
        case .overrides(let kept): overrides = kept
        case .setAside(let path, let reason):
            logger.error(
                "the overrides of endpoints make no sense and were set aside; none is in force",
                metadata: [
                    "file": "\(file.path)", "reason": "\(reason)", "now": "\(path)",
                    "wanted": "the commands once more, or the file mended, put back, and a restart",
                ])
        case .stuck(let reason):
            obstacle = "\(file.path) makes no sense: \(reason)"
            logger.error(
                "the overrides of endpoints make no sense; none is in force, and no command is taken",
                metadata: ["file": "\(file.path)", "reason": "\(reason)", "wanted": "the file mended, and a restart"])
        }
        serial += 1
        await reconciler.take(overrides, serial: serial)
    }

    /// - Returns: when every connected edge serves it, or the time is up. It is kept in any case.
    public func carryOut(_ change: Change) async throws(OverrideFault) -> Outcome {
        try check(change)
        let roster = try await roster()
        // From here to the end of the writing nobody comes between.
        overrides = overrides.settled(on: roster.poolNames)
        let match = try roster.find(rule: change.rule, endpoint: change.endpoint)
        let new = try changed(by: change, match, roster)
        if new != overrides { try keep(new) }
        serial += 1
        let serial = serial
        let key = Key(rule: match.rule, endpoint: match.key)
        revisions[key] = .max
        logger.info(
            "an endpoint's override is kept",
            metadata: [
                "rule": "\(match.rule)", "endpoint": "\(match.key)",
                "drained": "\(overrides[match.rule, match.key]?.isDrained ?? false)",
                "weight": "\(overrides[match.rule, match.key]?.weight.map(String.init) ?? "own")",
            ])
        await reconciler.take(overrides, serial: serial)
        guard let revision = await delivery.found({ await reconciler.revision(with: serial) }) else {
            throw OverrideFault(.early, "the change is kept, and not published yet", "look at control's log")
        }
        revisions[key] = revision
        let (edges, serving) = await delivery.served(revision)
        let entries = await reconciler.roster?.entries ?? []
        return Outcome(
            entries: entries.filter { entry in
                guard entry.rule == match.rule else { return false }
                if let container = match.container { return entry.container == container }
                return entry.endpoint == match.key || entry.address == match.key
            }, revision: revision, edges: edges, serving: serving)
    }

    /// The revision since which the entry is as a command wanted it.
    public func revision(of entry: Roster.Entry) -> UInt64 {
        // What was kept by an earlier life is in the first revision of this one.
        revisions[Key(rule: entry.rule, endpoint: entry.endpoint)]
            ?? entry.address.flatMap { revisions[Key(rule: entry.rule, endpoint: $0)] } ?? 1
    }

    // MARK: - Deciding

    private func check(_ change: Change) throws(OverrideFault) {
        if case .fixed(let weight)? = change.weight, !Endpoint.weightRange.contains(weight) {
            throw OverrideFault(.invalid, "found weight \(weight)", "wanted 0 to 1000, or auto for its own")
        }
        for name in [change.rule, change.endpoint] where name.isEmpty || name.utf8.count > Overrides.nameLimit {
            throw OverrideFault(
                .invalid, "found a name of \(name.utf8.count) bytes", "wanted 1 to \(Overrides.nameLimit)")
        }
        if let obstacle { throw OverrideFault(.notKept, "nothing can be kept: \(obstacle)", "look at control's log") }
    }

    /// Also ends the drains of containers that others have replaced; and where there are too many, forgets what is said
    /// of endpoints that are not there.
    private func changed(
        by change: Change, _ match: Roster.Match, _ roster: Roster
    ) throws(OverrideFault) -> Overrides {
        var new = overrides
        var override = new[match.rule, match.key] ?? Override(rule: match.rule, endpoint: match.key)
        override.pool = roster.poolNames.first { $0.value == match.rule }?.key
        if let isDrained = change.isDrained {
            guard match.isPresent || !isDrained else {
                throw OverrideFault(
                    .invalid, "found that \(match.key) is not there now", "wanted an endpoint that is: see the list")
            }
            for var other in match.container.map({ new.of(match.rule, container: $0) }) ?? [] {
                (other.isDrained, other.container) = (false, nil)
                new.put(other)
                if other.endpoint == override.endpoint { override = other }
            }
            override.isDrained = isDrained
            override.container = isDrained ? match.container : nil
        }
        switch change.weight {
        case .fixed(let weight)?: override.weight = weight
        case .own?: override.weight = nil
        case nil: break
        }
        new.put(override)
        sweep(&new, roster)
        guard new.count <= Overrides.limit || new.count <= overrides.count else {
            throw OverrideFault(
                .full, "found \(Overrides.limit) overrides already", "wanted some undrained, or given weight auto")
        }
        return new
    }

    private func sweep(_ overrides: inout Overrides, _ roster: Roster) {
        var present: [Key: Set<String>] = [:]
        for entry in roster.entries where entry.readiness != nil {
            present[Key(rule: entry.rule, endpoint: entry.endpoint), default: []].insert(entry.container ?? "")
        }
        let containers = Set(roster.entries.lazy.filter { $0.readiness != nil }.compactMap(\.container))
        for var override in overrides.all {
            let isOver = overrides.count > Overrides.limit
            let now = present[Key(rule: override.rule, endpoint: override.endpoint)]
            guard let container = override.container else {
                if isOver, now == nil { overrides.put(Override(rule: override.rule, endpoint: override.endpoint)) }
                continue
            }
            guard !containers.contains(container), now != nil || isOver else { continue }
            (override.isDrained, override.container) = (false, nil)
            if isOver, now == nil { override.weight = nil }
            overrides.put(override)
        }
    }

    private func keep(_ new: Overrides) throws(OverrideFault) {
        guard let file else { return }
        do {
            try file.save(new)
        } catch {
            logger.error(
                "an override cannot be kept, and nothing is changed",
                metadata: ["file": "\(file.path)", "reason": "\(error)"])
            throw OverrideFault(
                .notKept, "\(file.path) could not be written (\(error)), and nothing is changed",
                "wanted room on the disk, and a folder that control may write in")
        }
        overrides = new
    }

    // MARK: - Waiting

    private func roster() async throws(OverrideFault) -> Roster {
        guard let roster = await delivery.found({ await reconciler.roster }) else {
            throw OverrideFault(.early, "control has just started and publishes nothing yet", "try again in a moment")
        }
        return roster
    }
}
