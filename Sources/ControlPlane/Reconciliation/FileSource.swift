import FoundationEssentials
import Kernel
public import KontainersConfiguration
public import Logging

/// The configuration file and the certificates that it names, watched. A version that cannot be read leaves the last
/// good one in service.
public actor FileSource {
    /// What the files say now, or last said while they made sense.
    public struct News: Equatable, Sendable {
        public var configuration: ApplianceConfiguration
        public var diagnoses: [Diagnosis]
        public var certificates: [LoadedCertificate]
    }

    public typealias Load = @Sendable (_ path: String) -> (ApplianceConfiguration?, [Diagnosis])
    public typealias LoadCertificate =
        @Sendable (ApplianceConfiguration.CertificateFile) -> CertificateReading

    /// What became of reading one certificate.
    public enum CertificateReading: Equatable, Sendable {
        case good(LoadedCertificate)
        /// It can be presented, but clients will complain: it has expired.
        case doubtful(LoadedCertificate)
        case bad
    }

    /// Each version that differs from the one before.
    public nonisolated let changes: AsyncStream<News>
    private let output: AsyncStream<News>.Continuation
    private let path: String
    private let load: Load
    private let loadCertificate: LoadCertificate
    private let logger: Logger
    private var news: News?
    private var lastGood: [String: LoadedCertificate] = [:]
    private var signatures: [String: FileSignature] = [:]
    /// Certificates that others than the file name.
    private var others: [ApplianceConfiguration.CertificateFile] = []

    /// A file that is being written is left alone for so long after each write.
    private static let settling = Duration.milliseconds(30)
    /// How often the files are looked at where the kernel tells nothing: behind links, on remote file systems.
    private static let pollInterval = Duration.seconds(2)

    public init(path: String, load: @escaping Load, loadCertificate: @escaping LoadCertificate, logger: Logger) {
        self.path = path
        self.load = load
        self.loadCertificate = loadCertificate
        self.logger = logger
        (changes, output) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Reads the files now. When the configuration makes no sense, and none did before, only its diagnoses come back.
    public func read() async -> (news: News?, diagnoses: [Diagnosis]) {
        // Before reading: what changes from here on is another change.
        signatures = Self.signatures(of: watchedFiles(news?.configuration))
        let (loaded, diagnoses) = await Self.apart(load, path)
        guard let configuration = LastGood.merge(news?.configuration, with: loaded, diagnoses) else {
            return (nil, diagnoses)
        }
        let files = watchedFiles(configuration)
        for (file, signature) in Self.signatures(of: files) where signatures[file] == nil {
            signatures[file] = signature
        }
        signatures = signatures.filter { files.contains($0.key) }
        let fresh = News(
            configuration: configuration, diagnoses: diagnoses,
            certificates: await certificates(of: configuration))
        news = fresh
        return (fresh, diagnoses)
    }

    /// Follows the files until its task is cancelled.
    public func run() async {
        let bell = watchThread()
        var lastLook = ContinuousClock.now
        for await _ in bell.rings {
            let isTold = bell.watch?.takeNews() ?? false
            guard isTold || lastLook.duration(to: .now) > Self.pollInterval else { continue }
            if isTold { try? await Task.sleep(for: Self.settling) }
            lastLook = .now
            addFolders(bell.watch)
            guard Self.signatures(of: watchedFiles(news?.configuration)) != signatures else { continue }
            await readAgain()
        }
        output.finish()
    }

    /// Reads the files whether they changed or not.
    public func readAgain() async {
        let before = news
        guard let fresh = await read().news, fresh != before else { return }
        logger.info("the configuration was read again", metadata: ["file": "\(path)"])
        output.yield(fresh)
    }

    // MARK: - Certificates

    /// Reads these certificates too, and watches their files.
    func follow(_ others: [ApplianceConfiguration.CertificateFile]) async {
        guard others != self.others else { return }
        self.others = others
        if news != nil { await readAgain() }
    }

    private func certificates(of configuration: ApplianceConfiguration) async -> [LoadedCertificate] {
        var certificates: [LoadedCertificate] = []
        for file in configuration.certificates + others {
            switch await Self.apart(loadCertificate, file) {
            case .good(let certificate):
                lastGood[file.name] = certificate
                certificates.append(certificate)
            case .doubtful(let certificate):
                certificates.append(lastGood[file.name] ?? certificate)
            case .bad:
                if let last = lastGood[file.name] { certificates.append(last) }
            }
        }
        let names = Set((configuration.certificates + others).map(\.name))
        lastGood = lastGood.filter { names.contains($0.key) }
        return certificates
    }

    /// Reading files and keys takes its time: not on the actor.
    @concurrent
    private static func apart<Input: Sendable, Output: Sendable>(
        _ work: @Sendable (Input) -> Output, _ input: Input
    ) async -> Output {
        work(input)
    }

    // MARK: - Watching

    private func watchedFiles(_ configuration: ApplianceConfiguration?) -> Set<String> {
        var files: Set<String> = [path]
        for certificate in (configuration?.certificates ?? []) + others {
            files.insert(certificate.certificatePath)
            files.insert(certificate.keyPath)
        }
        for rule in configuration?.rules ?? [] {
            if let file = rule.authoritiesPath { files.insert(file) }
        }
        return files
    }

    private static func signatures(of files: Set<String>) -> [String: FileSignature] {
        Dictionary(uniqueKeysWithValues: files.map { ($0, FileSignature(path: $0)) })
    }

    private func watchThread() -> WatchThread {
        let thread = WatchThread(logger: logger)
        addFolders(thread.watch)
        return thread
    }

    private func addFolders(_ watch: WatchThread.Watch?) {
        for file in watchedFiles(news?.configuration) {
            // A folder that is not there yet is found by looking now and then.
            watch?.add(folder: URL(filePath: file).deletingLastPathComponent().path)
        }
    }
}

/// By what a change of a file is noticed.
private struct FileSignature: Equatable {
    var path: String
    var size: UInt64
    var modified: Date?
    var inode: UInt64

    init(path: String) {
        // A link that points elsewhere is a change too.
        self.path = URL(filePath: path).resolvingSymlinksInPath().path
        let attributes = try? FileManager.default.attributesOfItem(atPath: self.path)
        size = attributes?[.size] as? UInt64 ?? 0
        modified = attributes?[.modificationDate] as? Date
        inode = attributes?[.systemFileNumber] as? UInt64 ?? 0
    }
}
