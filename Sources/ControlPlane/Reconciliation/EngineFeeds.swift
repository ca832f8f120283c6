public import Docker
import FoundationEssentials
public import KontainersConfiguration
public import Logging

/// One ``DockerSource`` for each engine of the configuration, started and stopped as the configuration changes; and
/// what they last said, kept on disk: control that starts while an engine is away still knows the engine's containers.
public actor EngineFeeds {
    public typealias Take = @Sendable (EngineState) async -> Void

    private let memoryPath: String?
    private let take: Take
    private let logger: Logger
    private var feeds: [String: [Task<Void, Never>]] = [:]
    private var states: [String: EngineState] = [:]
    private var sources: [String: DockerSource] = [:]
    private var remembered: [String: [ContainerRecord]] = [:]
    private var isSaving = false

    /// Bytes of the memory file that are read.
    private static let memoryLimit = 256 << 20
    private static let saveDelay = Duration.milliseconds(500)

    /// - Parameter folder: where to keep what the engines said; `nil` keeps nothing.
    public init(folder: String?, logger: Logger, take: @escaping Take) {
        memoryPath = folder.map { URL(filePath: $0).appending(path: "containers.json").path }
        self.take = take
        self.logger = logger
        guard let memoryPath, let data = try? Data(contentsOf: URL(filePath: memoryPath)),
            data.count <= Self.memoryLimit
        else { return }
        // A file that is damaged or of another version is as good as none: the engines tell again.
        remembered = (try? JSONDecoder().decode([String: [ContainerRecord]].self, from: data)) ?? [:]
    }

    /// These engines and no others are followed.
    public func follow(_ endpoints: [ApplianceConfiguration.DockerEndpoint]) {
        let wanted = Set(endpoints.map(\.text))
        for (text, tasks) in feeds where !wanted.contains(text) {
            for task in tasks { task.cancel() }
            feeds[text] = nil
            states[text] = nil
            sources[text] = nil
        }
        for endpoint in endpoints where feeds[endpoint.text] == nil {
            let source = DockerSource(
                endpoint: endpoint, lastKnown: remembered[endpoint.text] ?? [], logger: logger)
            sources[endpoint.text] = source
            feeds[endpoint.text] = [
                Task { await source.run() },
                Task { for await state in source.states { await self.pass(on: state) } },
            ]
        }
    }

    /// Lists the containers of all engines again.
    public func askAgain() async {
        for source in sources.values { await source.askAgain() }
    }

    /// How one engine is doing.
    public struct EngineReading: Sendable {
        /// Its address as it is configured.
        public var engine: String
        public var isReachable: Bool
        public var containers: Int
        public var events: UInt64
    }

    public var readings: [EngineReading] {
        get async {
            var readings: [EngineReading] = []
            for (text, source) in sources.sorted(by: { $0.key < $1.key }) {
                let state = states[text]
                readings.append(
                    EngineReading(
                        engine: text, isReachable: state?.reachable ?? false,
                        containers: state?.containers.count ?? 0, events: await source.eventCount))
            }
            return readings
        }
    }

    /// Stops a container as the engine stops it, within its own stop timeout, and waits until it has stopped.
    /// - Returns: whether there is such a container.
    func stop(container id: String, of engine: String) async throws -> Bool {
        try await source(of: engine).stop(id)
    }

    /// Starts a container; one that runs already is fine.
    /// - Returns: whether there is such a container.
    func start(container id: String, of engine: String) async throws -> Bool {
        try await source(of: engine).start(id)
    }

    private func source(of engine: String) throws -> DockerSource {
        guard let source = sources[engine] else { throw EngineError.unreachable("the engine is not configured") }
        return source
    }

    /// Stops all, and writes down what they said last.
    public func stop() {
        for tasks in feeds.values { for task in tasks { task.cancel() } }
        feeds = [:]
        save()
    }

    private func pass(on state: EngineState) async {
        guard feeds[state.endpoint] != nil else { return }
        states[state.endpoint] = state
        await take(state)
        guard memoryPath != nil, state.reachable, !isSaving else { return }
        isSaving = true
        Task {
            try? await Task.sleep(for: Self.saveDelay)
            isSaving = false
            save()
        }
    }

    private func save() {
        guard let memoryPath, !states.isEmpty else { return }
        for state in states.values where state.reachable {
            remembered[state.endpoint] = state.containers.filter(\.isOfInterest)
        }
        do {
            // Labels may hold what is nobody's business. The folder is closed to others, so the moment before the
            // second step shows nothing either.
            try JSONEncoder().encode(remembered).write(to: URL(filePath: memoryPath), options: .atomic)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: memoryPath)
        } catch {
            logger.warning(
                "what the engines said cannot be kept", metadata: ["file": "\(memoryPath)", "reason": "\(error)"])
        }
    }
}
