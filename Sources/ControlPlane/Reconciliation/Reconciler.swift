public import Contract
public import Docker
public import KontainersConfiguration
public import Logging

/// Brings all sources together: any news of any of them recomputes the whole desired state; what comes out equal is
/// dropped, what does not is numbered and published.
///
/// News that arrive while a computation runs are worked off by the next one together. The first is never delayed.
public actor Reconciler {
    public typealias Publish = @Sendable (Publication) async -> Void

    /// Between two computations, so that a burst of news costs a few of them and not hundreds.
    private static let burstInterval = Duration.milliseconds(3)
    /// How many new diagnoses one computation may log.
    private static let logLimit = 100

    public nonisolated let epoch: String
    private let publish: Publish
    private let logger: Logger
    private let localRoutes: @Sendable () -> LocalRoutes?
    private var desired: DesiredState
    private var sources: Sources?
    private var engines: [String: EngineState] = [:]
    private var overrides = Overrides()
    private var overridesSerial: UInt64 = 0
    /// Of the overrides that the newest desired state has.
    private var computedSerial: UInt64 = 0
    private var stored: [StoredRule] = []
    private var storedSerial: UInt64 = 0
    private var computedStoredSerial: UInt64 = 0
    private var candidates: [DesiredState.Candidate] = []
    private var poolNames: [String: String] = [:]
    public private(set) var revision: UInt64 = 0
    /// How often the desired state was computed.
    public private(set) var computations: UInt64 = 0
    private var published: SnapshotContent?
    private var told: Set<Diagnosis> = []
    private var isDirty = false
    private var isRunning = false
    private var lastRun: ContinuousClock.Instant?
    private var alarm: Task<Void, Never>?
    /// Engines that have not said anything yet. What they would say is not known to be nothing.
    private var silentEngines: Set<String> = []
    private var isPatient = true

    /// The diagnoses of the newest desired state.
    public private(set) var diagnoses: [Diagnosis] = []
    /// Names that static endpoints use, at each change.
    public nonisolated let names: AsyncStream<Set<String>>
    private let namesOutput: AsyncStream<Set<String>>.Continuation
    private var wantedNames: Set<String>?
    /// What is to be open, at each change: the file's listeners, and those that labels ask for.
    public nonisolated let listeners: AsyncStream<[Listener]>
    private let listenersOutput: AsyncStream<[Listener]>.Continuation
    private var wantedListeners: [Listener]?
    /// The containers that may sleep, at each change.
    nonisolated let sleepPlans: AsyncStream<SleepPlan>
    private let sleepPlansOutput: AsyncStream<SleepPlan>.Continuation
    private var sleepPlan: SleepPlan?

    public init(
        parser: @escaping LabelParser, epoch: String = Reconciler.newEpoch(),
        localRoutes: @escaping @Sendable () -> LocalRoutes? = LocalRoutes.current, logger: Logger,
        publish: @escaping Publish
    ) {
        desired = DesiredState(parser: parser)
        self.epoch = epoch
        self.localRoutes = localRoutes
        self.logger = logger
        self.publish = publish
        (sleepPlans, sleepPlansOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (listeners, listenersOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (names, namesOutput) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Tells this life of control from all others.
    public static func newEpoch() -> String {
        let text = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    // MARK: - News

    /// The file as it now stands, with the certificates that it names.
    public func take(
        _ configuration: ApplianceConfiguration, diagnoses: [Diagnosis], certificates: [LoadedCertificate]
    ) {
        if var sources {
            sources.file = configuration
            sources.fileDiagnoses = diagnoses
            sources.certificates = certificates
            self.sources = sources
        } else {
            sources = Sources(file: configuration, fileDiagnoses: diagnoses, certificates: certificates)
            silentEngines = Set(configuration.dockerEndpoints.map(\.text))
        }
        let present = Set(configuration.dockerEndpoints.map(\.text))
        engines = engines.filter { present.contains($0.key) }
        silentEngines.formIntersection(present)
        schedule()
    }

    public func take(_ state: EngineState) {
        engines[state.endpoint] = state
        silentEngines.remove(state.endpoint)
        schedule()
    }

    public func take(_ resolutions: [String: Resolution]) {
        sources?.resolutions = resolutions
        schedule()
    }

    /// What the supervisor could not do.
    public func take(listenerDiagnoses: [Diagnosis]) {
        sources?.listenerDiagnoses = listenerDiagnoses
        schedule()
    }

    /// What stands in the way of containers that sleep.
    public func take(sleepDiagnoses: [Diagnosis]) {
        sources?.sleepDiagnoses = sleepDiagnoses
        schedule()
    }

    /// What commands say of endpoints. Of two, the one with the higher serial holds, in whichever order they come.
    public func take(_ overrides: Overrides, serial: UInt64) {
        guard serial > overridesSerial else { return }
        self.overrides = overrides
        overridesSerial = serial
        schedule()
    }

    /// The rules of the store. Of two, those with the higher serial hold, in whichever order they come.
    public func take(stored: [StoredRule], serial: UInt64) {
        guard serial > storedSerial else { return }
        self.stored = stored
        storedSerial = serial
        schedule()
    }

    /// The first published revision known to have the store's rules of this serial; `nil` while none has.
    public func revision(withStored serial: UInt64) -> UInt64? {
        published != nil && computedStoredSerial >= serial ? revision : nil
    }

    /// The first published revision known to have the overrides of this serial; `nil` while none has.
    public func revision(with serial: UInt64) -> UInt64? {
        published != nil && computedSerial >= serial ? revision : nil
    }

    /// A rule as some source asked for it.
    public struct Declared: Sendable {
        public var name: String
        public var declaration: RuleDeclaration
        /// Names of the containers that declare it.
        public var containers: [String]
    }

    /// The rules of all sources, as the newest desired state has them.
    public var declared: [Declared] {
        candidates.map { candidate in
            Declared(
                name: candidate.name, declaration: candidate.declaration,
                containers: candidate.members.filter { $0.container != nil }.map(\.name))
        }
    }

    /// What the edges are to serve; `nil` before the first revision.
    public var snapshot: Snapshot? { published?.numbered(revision, epoch: epoch) }

    /// Which endpoints there are; `nil` before the first revision. Linear in their number.
    public var roster: Roster? {
        published.map { published in
            Roster(candidates, published: Set(published.rules.map(\.name)), poolNames: poolNames, overrides)
        }
    }

    /// From now on sources that have said nothing count as empty. Before, nothing is published: an edge that is still
    /// serving from its last good snapshot would lose what those sources declare.
    public func stopWaiting() {
        isPatient = false
        schedule()
    }

    // MARK: - Computing

    private func schedule() {
        isDirty = true
        guard !isRunning else { return }
        isRunning = true
        Task {
            // One at a time, or a later revision could overtake an earlier one.
            while isDirty {
                if let lastRun, lastRun.duration(to: .now) < Self.burstInterval {
                    try? await Task.sleep(for: Self.burstInterval)
                }
                isDirty = false
                await compute()
                lastRun = .now
            }
            isRunning = false
        }
    }

    private func compute() async {
        guard var sources else { return }
        let began = ContinuousClock.now
        computations += 1
        let (serial, storedSerial) = (overridesSerial, storedSerial)
        sources.overrides = overrides
        sources.stored = stored
        sources.engines = sources.file.dockerEndpoints.compactMap { engines[$0.text] }
        sources.routes = localRoutes()
        let outcome = desired.compute(sources, now: .now)
        setAlarm(outcome.nextChange)
        if outcome.names != wantedNames {
            wantedNames = outcome.names
            namesOutput.yield(outcome.names)
        }
        let isComplete = silentEngines.isEmpty && outcome.names.allSatisfy { sources.resolutions[$0] != nil }
        if published == nil, isPatient, !isComplete { return }
        tell(outcome)
        if outcome.sleep != sleepPlan {
            sleepPlan = outcome.sleep
            sleepPlansOutput.yield(outcome.sleep)
        }
        (candidates, poolNames) = (outcome.candidates, outcome.poolNames)
        if outcome.content.differs(from: published, knowing: outcome.change) {
            await publish(outcome.content, outcome.change, computing: began.duration(to: .now))
        }
        (computedSerial, computedStoredSerial) = (serial, storedSerial)
        // Behind the rules: whoever gets to a port that is open should meet them.
        if outcome.content.listeners != wantedListeners {
            wantedListeners = outcome.content.listeners
            listenersOutput.yield(outcome.content.listeners)
        }
    }

    /// Computes again at that time, even if nobody has news by then.
    private func setAlarm(_ instant: ContinuousClock.Instant?) {
        alarm?.cancel()
        alarm = instant.map { instant in
            Task {
                try? await Task.sleep(until: instant, clock: .continuous)
                if !Task.isCancelled { schedule() }
            }
        }
    }

    private func publish(_ content: SnapshotContent, _ change: Delta.Change<Rule>?, computing: Duration) async {
        let base = revision
        revision += 1
        let delta = published?.delta(to: content, knowing: change, epoch: epoch, base: base, revision: revision)
        published = content
        // Before the log: whoever waits for the change should not wait for a line of text.
        await publish(Publication(snapshot: content.numbered(revision, epoch: epoch), delta: delta))
        logger.info(
            "revision published",
            metadata: [
                "revision": "\(base + 1)", "rules": "\(content.rules.count)",
                "put": "\(delta?.rules.put.count ?? content.rules.count)",
                "removed": "\(delta?.rules.removed.count ?? 0)", "computing": "\(computing)",
            ])
    }

    // MARK: - Telling people

    /// Each diagnosis once when it comes and once when it goes, each choice of an address when it is made.
    private func tell(_ outcome: DesiredState.Outcome) {
        diagnoses = outcome.diagnoses
        let now = Set(outcome.diagnoses)
        var budget = Self.logLimit
        for diagnosis in outcome.diagnoses where !told.contains(diagnosis) && budget > 0 {
            budget -= 1
            logger.log(
                level: diagnosis.severity == .error ? .error : .warning, "something is not as it should be",
                metadata: metadata(of: diagnosis))
        }
        for diagnosis in told.subtracting(now) where budget > 0 {
            budget -= 1
            logger.info("something is mended", metadata: metadata(of: diagnosis))
        }
        if budget == 0 { logger.warning("more has changed than is told here", metadata: ["diagnoses": "\(now.count)"]) }
        told = now
        for (subject, reason) in outcome.reasons.sorted(by: { $0.key < $1.key }).prefix(Self.logLimit) {
            logger.info("endpoint chosen", metadata: ["for": "\(subject)", "reason": "\(reason)"])
        }
    }

    private func metadata(of diagnosis: Diagnosis) -> Logger.Metadata {
        [
            "code": "\(diagnosis.code)", "place": "\(diagnosis.place)", "subject": "\(diagnosis.subject)",
            "found": "\(diagnosis.found)", "wanted": "\(diagnosis.wanted)",
        ]
    }
}
