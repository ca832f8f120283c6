public import KontainersConfiguration
public import Logging
import NIOCore

/// Follows one engine: says which containers there are, at each change, for as long as it runs.
///
/// It subscribes to events, then asks for the whole list, then inspects just the containers that events name: so
/// nothing is missed, and a start is known one short call after its event. A container that dies leaves with the event
/// itself. What it never does: decide what a container's labels mean.
public actor DockerSource {
    /// The newest state; older ones that nobody took are dropped.
    public nonisolated let states: AsyncStream<EngineState>
    public nonisolated let endpoint: ApplianceConfiguration.DockerEndpoint

    private let output: AsyncStream<EngineState>.Continuation
    private let client: DockerClient
    private let reconcileInterval: Duration
    private let logger: Logger
    private var backoff: Backoff

    private var ledger: ContainerLedger
    private var state: EngineState
    private var bell: AsyncStream<Void>.Continuation?
    /// Containers that are being inspected.
    private var underWay: Set<String> = []
    /// Whether all that the first list named has been asked for. Before, nothing is said: half a list would be a lie.
    private var isComplete = false
    private var lastEmission = ContinuousClock.now
    private var isHeldBack = false
    /// Events that the engine has told of.
    public private(set) var eventCount: UInt64 = 0

    /// In a burst, states are this far apart.
    private static let burstInterval = Duration.milliseconds(5)
    /// A session that lived this long was a good one: the next attempt comes soon.
    private static let goodSession = Duration.seconds(10)
    /// How soon after subscribing the list is asked for once more. An engine may answer the subscription a moment
    /// before it takes effect, and an event of that moment would be lost.
    private static let secondLook = Duration.seconds(1)

    /// - Parameter lastKnown: containers to believe in until the engine answers for the first time.
    public init(
        endpoint: ApplianceConfiguration.DockerEndpoint, lastKnown: [ContainerRecord] = [],
        limits: EngineLimits = EngineLimits(), reconcileInterval: Duration = .seconds(30),
        backoff: Backoff = Backoff(), logger: Logger
    ) {
        self.endpoint = endpoint
        self.reconcileInterval = reconcileInterval
        self.backoff = backoff
        var logger = logger
        logger[metadataKey: "engine"] = "\(endpoint.text)"
        self.logger = logger
        client = DockerClient(address: endpoint.address, limits: limits)
        ledger = ContainerLedger(lastKnown: lastKnown)
        state = EngineState(endpoint: endpoint.text, reachable: false)
        (states, output) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Runs until its task is cancelled.
    public func run() async {
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            let began = ContinuousClock.now
            do {
                try await session()
            } catch {
                if Task.isCancelled { break }
                lost(String(describing: error))
            }
            if began.duration(to: .now) > Self.goodSession { backoff.reset() }
            try? await Task.sleep(for: backoff.pause(using: &random))
        }
        output.finish()
        await client.close()
    }

    // MARK: - Changes

    /// Stops a container within its own stop timeout, and waits until it has stopped.
    /// - Returns: whether there is such a container.
    public func stop(_ id: String) async throws -> Bool {
        let record = ledger.records[id]
        ledger.willStop(id)
        do {
            return try await client.stop(id, grace: ContainerLedger.stopBelief(record))
        } catch let error as EngineError {
            // After any other failure it may be on its way out all the same.
            if case .refused = error { ledger.didNotStop(id) }
            throw error
        }
    }

    /// Starts a container; one that runs already is fine.
    /// - Returns: whether there is such a container.
    public func start(_ id: String) async throws -> Bool { try await client.start(id) }

    // MARK: - One connection

    /// From the subscription until something breaks. Ends by throwing.
    private func session() async throws {
        let version = try await client.version()
        state.hostAddress = await Self.hostAddress(of: endpoint.address)
        let events = try await client.events()
        let (rings, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.bell = bell
        underWay = []
        wantAll()
        defer { self.bell = nil }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            defer { tasks.cancelAll() }
            tasks.addTask { try await events.forEach { await self.take($0) } }
            tasks.addTask { try await self.answer(rings, version) }
            tasks.addTask { [reconcileInterval] in
                try await Task.sleep(for: Self.secondLook)
                while true {
                    await self.wantAll()
                    try await Task.sleep(for: reconcileInterval)
                }
            }
            tasks.addTask {
                while true {
                    try await Task.sleep(for: .seconds(1))
                    await self.expire()
                }
            }
            try await tasks.next()
        }
    }

    /// Lists the containers again, though nothing says that they changed.
    public func askAgain() { wantAll() }

    private func wantAll() {
        ledger.wantAll()
        bell?.yield()
    }

    private func expire() {
        if ledger.expire(now: .now), isComplete { emit() }
        if !ledger.questions.isEmpty { bell?.yield() }
    }

    private func take(_ events: [EngineEvent]) {
        var changed = false
        eventCount += UInt64(events.count)
        for event in events {
            if ledger.apply(event, now: .now) { changed = true }
            logger.debug(
                "engine event",
                metadata: ["kind": "\(event.kind)", "action": "\(event.action)", "id": "\(event.id.prefix(12))"])
        }
        // Without delay: a container that left must not get one more request.
        if changed, isComplete { emit() }
        if !ledger.questions.isEmpty { bell?.yield() }
    }

    // MARK: - Questions and answers

    private func answer(_ rings: AsyncStream<Void>, _ version: EngineVersion) async throws {
        try await withThrowingDiscardingTaskGroup { inspections in
            for await _ in rings {
                let (questions, asked) = ledger.takeQuestions(underWay: underWay)
                var wanted = questions.containers
                if questions.list {
                    if ledger.apply(networks: try await client.networks()), isComplete { emit() }
                    let (changed, inspect) = ledger.apply(list: try await client.containers(), asked: asked)
                    wanted.formUnion(inspect)
                    wanted.subtract(underWay)
                    found(version)
                    if changed, isComplete { emit() }
                }
                for id in wanted {
                    underWay.insert(id)
                    inspections.addTask { try await self.inspect(id, asked: asked) }
                }
                if wanted.isEmpty, underWay.isEmpty { completed() }
                if questions.networks, !questions.list, ledger.apply(networks: try await client.networks()),
                    isComplete
                {
                    emit()
                }
            }
        }
    }

    /// Asks about one container. A failure that concerns only this container is logged, and tried again in a second.
    private func inspect(_ id: String, asked: UInt64) async throws {
        var failure: EngineError?
        do {
            let record = try await client.container(id)
            if ledger.apply(inspected: record, id: id, asked: asked), isComplete { emitSoon() }
        } catch let error as EngineError {
            if case .unreachable = error { throw error }
            failure = error
        }
        underWay.remove(id)
        if let failure {
            logger.warning(
                "a container cannot be inspected; trying again",
                metadata: ["id": "\(id.prefix(12))", "reason": "\(failure)"])
            if underWay.isEmpty { completed() }
            try await Task.sleep(for: .seconds(1))
            ledger.ask(again: id)
        }
        if underWay.isEmpty { completed() }
        if !ledger.questions.isEmpty { bell?.yield() }
    }

    private func completed() {
        if !isComplete {
            isComplete = true
            emit()
        } else if isHeldBack {
            emit()
        }
    }

    // MARK: - What the world is told

    private func found(_ version: EngineVersion) {
        guard !state.reachable else { return }
        state.reachable = true
        state.message = "version \(version.version), API \(version.apiVersion)"
        logger.info(
            "engine is reachable", metadata: ["version": "\(version.version)", "api": "\(version.apiVersion)"])
        if isComplete { emit() }
    }

    /// Said once, at the first failure; what is known of the containers stays in use.
    private func lost(_ reason: String) {
        guard state.reachable || state.message != reason else { return }
        let wasReachable = state.reachable || state.message.isEmpty
        state.reachable = false
        state.message = reason
        logger.log(
            level: wasReachable ? .warning : .debug,
            "engine is not reachable; its last known containers stay in service, and it is tried again",
            metadata: ["reason": "\(reason)", "containers": "\(ledger.containers.count)"])
        emit()
    }

    private func emit() {
        isHeldBack = false
        lastEmission = .now
        state.containers = ledger.containers
        output.yield(state)
    }

    /// At once, or when another state went out just now, with the next one in a few milliseconds.
    private func emitSoon() {
        guard !isHeldBack else { return }
        guard lastEmission.duration(to: .now) < Self.burstInterval else { return emit() }
        isHeldBack = true
        Task {
            try? await Task.sleep(for: Self.burstInterval)
            if isHeldBack { emit() }
        }
    }

    /// The IP of the engine's host. Resolving a name blocks, hence off the actor.
    @concurrent
    private static func hostAddress(of address: ApplianceConfiguration.DockerEndpoint.Address) async -> String {
        switch address {
        case .unix: "127.0.0.1"
        case .tcp(let host, _):
            (try? SocketAddress.makeAddressResolvingHost(host, port: 0).ipAddress) ?? host
        }
    }
}
