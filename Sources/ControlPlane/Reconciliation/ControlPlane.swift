import Docker
import FoundationEssentials
import Kernel
public import KontainersConfiguration
public import Logging
public import ServiceLifecycle
import Store

/// The control plane as one service: sources on one side, edges and the supervisor on the other, the reconciler
/// between.
public struct ControlPlane: Service {
    /// How it was started.
    public struct Plan: Sendable {
        public var configurationPath: String
        /// Where control keeps its own state; made when it is missing. `nil` keeps nothing.
        public var folder: String?
        public var link: LinkServer.Door
        /// Whether descriptor 3 leads to a supervisor.
        public var isSupervised: Bool
        /// The user id that the edge has, besides our own and root's.
        public var edgeUser: UInt32?

        public init(
            configurationPath: String, folder: String? = nil, link: LinkServer.Door, isSupervised: Bool,
            edgeUser: UInt32? = nil
        ) {
            self.configurationPath = configurationPath
            self.folder = folder
            self.link = link
            self.isSupervised = isSupervised
            self.edgeUser = edgeUser
        }
    }

    /// What it reads with.
    public struct Readers: Sendable {
        public var labels: LabelParser
        public var file: FileSource.Load
        public var certificate: FileSource.LoadCertificate

        public init(
            labels: @escaping LabelParser, file: @escaping FileSource.Load,
            certificate: @escaping FileSource.LoadCertificate
        ) {
            self.labels = labels
            self.file = file
            self.certificate = certificate
        }
    }

    /// What others may look at while it runs: the management plane, for one.
    public struct Instruments: Sendable {
        public let link: LinkServer
        public let reconciler: Reconciler
        public let feeds: EngineFeeds
        public let files: FileSource
        public let sleep: SleepWatch
        public let overrides: OverrideKeeper
        /// `nil` when there is no folder to keep anything in.
        public let keeper: StoreKeeper?
        /// Control's own folder; `nil` when there is none.
        public let folder: String?
        /// As it was when control started.
        public let configuration: ApplianceConfiguration
    }

    /// Runs beside the rest until its task is cancelled.
    public typealias Manage = @Sendable (Instruments) async -> Void

    /// Why it could not start.
    public struct NoConfiguration: Error, CustomStringConvertible {
        public var diagnoses: [Diagnosis]

        public var description: String { diagnoses.map(\.description).joined(separator: "\n") }
    }

    /// How long the first publication waits for sources that have not said anything.
    static let patience = Duration.seconds(3)

    private let plan: Plan
    private let readers: Readers
    private let rereads: AsyncStream<Void>
    private let manage: Manage
    private let logger: Logger

    /// - Parameters:
    ///   - rereads: yields when the files are to be read again although nothing tells that they changed (SIGHUP).
    ///   - manage: what is to be served to people.
    public init(
        _ plan: Plan, readers: Readers, rereads: AsyncStream<Void>, logger: Logger, manage: @escaping Manage = { _ in }
    ) {
        self.manage = manage
        self.plan = plan
        self.readers = readers
        self.rereads = rereads
        self.logger = logger
    }

    public func run() async throws {
        let files = FileSource(
            path: plan.configurationPath, load: readers.file, loadCertificate: readers.certificate, logger: logger)
        let (first, diagnoses) = await files.read()
        guard let first else { throw NoConfiguration(diagnoses: diagnoses) }
        let link = LinkServer(edgeUser: plan.edgeUser ?? Self.edgeUser(first.configuration), logger: logger)
        let reconciler = Reconciler(parser: readers.labels, logger: logger) { await link.publish($0) }
        let line = SupervisorLine(logger: logger)
        let resolver = NameResolver(logger: logger)
        let folder = keptFolder()
        let feeds = EngineFeeds(folder: folder, logger: logger) { await reconciler.take($0) }
        let sleep = SleepWatch(feeds: feeds, link: link, logger: logger)
        let overrides = OverrideKeeper(folder: folder, reconciler: reconciler, link: link, logger: logger)
        await overrides.load()
        let keeper = try await openedStore(folder, first.configuration, reconciler, link, files)

        @Sendable func take(_ news: FileSource.News) async {
            let stale = LastGood.needsRestart(
                first.configuration, news.configuration, file: plan.configurationPath)
            await reconciler.take(
                news.configuration, diagnoses: news.diagnoses + stale, certificates: news.certificates)
            await feeds.follow(news.configuration.dockerEndpoints)
            await keeper?.follow(news.configuration)
        }
        await take(first)

        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { for await news in files.changes { await take(news) } }
                group.addTask { for await _ in rereads { await files.readAgain() } }
                group.addTask { await files.run() }
                group.addTask { await resolver.run() }
                group.addTask { for await names in reconciler.names { await resolver.want(names) } }
                group.addTask { for await known in resolver.changes { await reconciler.take(known) } }
                group.addTask { for await listeners in reconciler.listeners { await line.listen(listeners) } }
                group.addTask { for await told in line.diagnoses { await reconciler.take(listenerDiagnoses: told) } }
                group.addTask { await keeper?.run() }
                group.addTask { await sleep.run(reconciler.sleepPlans) }
                group.addTask { for await told in sleep.diagnoses { await reconciler.take(sleepDiagnoses: told) } }
                group.addTask { await serve(link, line) }
                group.addTask { await speak(line) }
                group.addTask {
                    await manage(
                        Instruments(
                            link: link, reconciler: reconciler, feeds: feeds, files: files, sleep: sleep,
                            overrides: overrides,
                            keeper: keeper, folder: folder, configuration: first.configuration))
                }
                group.addTask {
                    try? await Task.sleep(for: Self.patience)
                    await reconciler.stopWaiting()
                }
            }
        }
        await feeds.stop()
        logger.info("control ends; the edge goes on serving what it has")
    }

    private func serve(_ link: LinkServer, _ line: SupervisorLine) async {
        await withTaskGroup { group in
            group.addTask {
                do {
                    try await link.run(plan.link)
                } catch {
                    guard !Task.isCancelled else { return }
                    logger.critical("the Link cannot be served", metadata: ["reason": "\(error)"])
                }
            }
            group.addTask {
                for await _ in link.ready {
                    await line.ready()
                    return
                }
            }
        }
    }

    private func speak(_ line: SupervisorLine) async {
        guard plan.isSupervised else {
            logger.info("no supervisor: listeners are opened by whoever runs the edge")
            return
        }
        do {
            try await line.run()
        } catch {
            guard !Task.isCancelled else { return }
            logger.error("the supervisor cannot be spoken to", metadata: ["reason": "\(error)"])
        }
    }

    /// What people made over the interface. A store that cannot be read ends control: to go on without would take its
    /// rules out of service, which the edge does not while nobody tells it anything.
    private func openedStore(
        _ folder: String?, _ configuration: ApplianceConfiguration, _ reconciler: Reconciler, _ link: LinkServer,
        _ files: FileSource
    ) async throws -> StoreKeeper? {
        guard let folder else { return nil }
        let keeper = StoreKeeper(
            store: try Store(path: folder + "/" + Store.fileName), configuration: configuration,
            reconciler: reconciler, link: link, files: files, logger: logger)
        try await keeper.load()
        return keeper
    }

    private func keptFolder() -> String? {
        guard let folder = plan.folder else { return nil }
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            return folder
        } catch {
            logger.warning(
                "the folder for state cannot be made; nothing is kept",
                metadata: ["folder": "\(folder)", "reason": "\(error)"])
            return nil
        }
    }

    /// The user that the supervisor, when it is root, gives to an edge for which nobody named one.
    private static let defaultEdgeUser: UInt32 = 61_801

    private static func edgeUser(_ configuration: ApplianceConfiguration) -> UInt32 {
        configuration.users.edge.flatMap { try? Identity.named($0).user } ?? defaultEdgeUser
    }
}
