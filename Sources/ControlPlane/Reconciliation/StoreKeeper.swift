public import KontainersConfiguration
public import Logging
public import NIOCore
public import Store
import Synchronization

/// A rule of the store, read.
public final class StoredRule: Sendable {
    public let rule: ProxyRule
    public let declaration: RuleDeclaration?
    public let diagnoses: [Diagnosis]

    /// As it goes into the desired state, where that depends on nothing else.
    let fixed: DesiredState.Candidate?
    /// In the edge, and wherever rules of all sources stand together.
    public let name: String
    private let bytes = Mutex<ByteBuffer?>(nil)

    /// What `make` makes of the rule, made once.
    public func document(_ make: (ProxyRule) -> ByteBuffer) -> ByteBuffer {
        bytes.withLock { bytes in
            if let bytes { return bytes }
            let made = make(rule)
            bytes = made
            return made
        }
    }

    public init(_ rule: ProxyRule, _ reader: RuleDocumentReader) {
        self.rule = rule
        (declaration, diagnoses) = reader.read(rule.document)
        name = Self.name(rule.name)
        fixed = declaration.flatMap { [name] in DesiredState.fixed(name, $0) }
    }

    public static let prefix = "store:"

    public static func name(_ rule: String) -> String { prefix + rule }
}

/// Makes changes of the store and brings them into service: one at a time, in the order of their revisions.
public actor StoreKeeper {
    /// What became of a change.
    public struct Outcome: Sendable {
        /// `nil`: all was so already.
        public var revision: Revision?
        public var changes: [RevisionChange] = []
        /// The first published revision that has it.
        public var published: UInt64 = 0
        /// How many edges are connected, and how many of them serve it.
        public var edges = 0
        public var serving = 0
    }

    /// What is heard of each change, in order.
    public struct News: Sendable {
        public var revision: Revision
        public var changes: [RevisionChange]
    }

    public nonisolated let store: Store
    private let reconciler: Reconciler
    private let delivery: Delivery
    private let files: FileSource
    private let logger: Logger
    private var reader: RuleDocumentReader
    private var rules: [String: StoredRule] = [:]
    /// By name.
    private var sorted: [StoredRule] = []
    private var serial: UInt64 = 0
    private var last: Task<Void, Never>?
    private var hear: @Sendable (News) -> Void = { _ in }

    /// More changes at a time are put in order together.
    private static let fewChanges = 32
    /// How often a change that waits for its confirmation is looked at.
    private static let watchInterval = Duration.seconds(1)

    public init(
        store: Store, configuration: ApplianceConfiguration, reconciler: Reconciler, link: LinkServer,
        files: FileSource, logger: Logger
    ) {
        self.store = store
        self.reconciler = reconciler
        self.files = files
        self.logger = logger
        delivery = Delivery(reconciler: reconciler, link: link)
        reader = RuleDocumentReader(configuration)
    }

    /// Calls `hear` for each revision from now on.
    public func onNews(_ hear: @escaping @Sendable (News) -> Void) { self.hear = hear }

    /// Reads what was kept. To be called before the first revision, or those rules would be away for a moment.
    public func load() async throws {
        // What nobody confirmed while control was away.
        try await revertWhatIsDue()
        for rule in try await store.rules() { rules[rule.id] = StoredRule(rule, reader) }
        await give()
    }

    /// The file has other listeners or certificates: what rules say of them may mean something else.
    public func follow(_ configuration: ApplianceConfiguration) async {
        guard !reader.agrees(with: configuration) else { return }
        reader = RuleDocumentReader(configuration)
        rules = rules.mapValues { StoredRule($0.rule, reader) }
        await give()
    }

    /// Until its task is cancelled: takes back what nobody confirms.
    public func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.watchInterval)
            do {
                try await revertWhatIsDue()
            } catch {
                logger.error("an unconfirmed change cannot be taken back yet", metadata: ["reason": "\(error)"])
            }
        }
    }

    // MARK: - Reading

    /// By name.
    public var all: [StoredRule] { sorted }

    public func rule(_ id: String) -> StoredRule? { rules[id] }

    /// What would be said of a rule, without keeping it.
    public func read(_ rule: ProxyRule) -> StoredRule { StoredRule(rule, reader) }

    /// What changes would make, without making them.
    public func preview(_ changes: [Change]) async throws -> [RevisionChange] { try await store.preview(changes) }

    // MARK: - Changing

    /// Returns when the change is kept, and served or given up waiting for.
    public func apply(
        _ changes: [Change], by author: Author, source: String, expecting updated: Milliseconds? = nil,
        confirmWithin: Milliseconds? = nil, audit: AuditNote? = nil
    ) async throws -> Outcome {
        try await inTurn { [store] in
            try await store.apply(
                changes, by: author, source: source, expecting: updated, confirmWithin: confirmWithin, audit: audit)
        }
    }

    public func restore(_ revision: Int64, by author: Author) async throws -> Outcome {
        try await inTurn { [store] in try await store.restore(revision, by: author) }
    }

    /// Takes back the change that waits for its confirmation.
    public func revert(_ revision: Int64, by author: Author) async throws -> Outcome {
        try await inTurn { [store] in try await store.revertUnconfirmed(revision, by: author) }
    }

    public func confirm(_ revision: Int64) async throws { try await store.confirm(revision) }

    private func revertWhatIsDue() async throws {
        guard let waiting = try await store.confirmation(), waiting.until <= .now else { return }
        logger.warning("a change that nobody confirmed is taken back", metadata: ["revision": "\(waiting.revision)"])
        _ = try await inTurn { [store] in try await store.revertUnconfirmed() }
    }

    /// Of two writes, the rules of the one that was first in the store are read first.
    private func inTurn(
        _ write: @escaping @Sendable () async throws -> (revision: Revision, changes: [RevisionChange])?
    ) async throws -> Outcome {
        let before = last
        let task = Task { () async throws -> (outcome: Outcome, serial: UInt64) in
            await before?.value
            guard let made = try await write() else { return (Outcome(), self.serial) }
            try await take(made.changes)
            hear(News(revision: made.revision, changes: made.changes))
            return (Outcome(revision: made.revision, changes: made.changes), self.serial)
        }
        last = Task { _ = try? await task.value }
        var (outcome, serial): (Outcome, UInt64) = try await task.value
        guard outcome.revision != nil,
            let published = await delivery.found({ await reconciler.revision(withStored: serial) })
        else { return outcome }
        outcome.published = published
        (outcome.edges, outcome.serving) = await delivery.served(published)
        return outcome
    }

    private func take(_ changes: [RevisionChange]) async throws {
        let changes = changes.filter { $0.kind == .rule }
        guard changes.count <= Self.fewChanges else {
            for change in changes {
                rules[change.object] = try change.after.map { StoredRule(try $0.decoded(), reader) }
            }
            return await give()
        }
        var bringsCertificates = false
        for change in changes {
            let before = rules[change.object]
            let after = try change.after.map { StoredRule(try $0.decoded(), reader) }
            rules[change.object] = after
            if let before { sorted.removeAll { $0 === before } }
            if let after { sorted.insert(after, at: place(of: after.rule.name)) }
            if before?.certificateFile != nil || after?.certificateFile != nil { bringsCertificates = true }
        }
        await handOn(certificates: bringsCertificates)
    }

    /// The first place whose rule is not before the name.
    private func place(of name: String) -> Int {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle].rule.name < name { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func give() async {
        sorted = rules.values.sorted { $0.rule.name < $1.rule.name }
        await handOn(certificates: true)
    }

    private func handOn(certificates: Bool) async {
        serial += 1
        let all = sorted
        if certificates { await files.follow(all.compactMap(\.certificateFile)) }
        let enabled = all.allSatisfy(\.rule.enabled) ? all : all.filter(\.rule.enabled)
        await reconciler.take(stored: enabled, serial: serial)
    }
}

extension StoredRule {
    /// The certificate that the rule brings along.
    var certificateFile: ApplianceConfiguration.CertificateFile? {
        guard rule.enabled, let chain = rule.sslCertPath, let key = rule.sslKeyPath else { return nil }
        return .init(
            name: Self.name(rule.name), certificatePath: chain, keyPath: key,
            place: .field(rule: rule.name, pointer: "/sslCertPath"))
    }
}
