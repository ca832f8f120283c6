import ArgumentParser
import FoundationEssentials
import KontainersConfiguration
import Logging
import Reconciliation
import ServiceLifecycle
import UnixSignals

/// `kontainers control`: the control plane. `kontainers serve` starts it; alone it serves an edge that was started by
/// hand.
struct Control: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control",
        abstract: "Runs the control plane alone.",
        discussion: """
            Follows the configuration file and the Docker engines, and tells every edge on the Link what to serve.
            SIGTERM ends it (edges go on with what they have); SIGHUP reads the files again.
            """)

    @Option(help: "The configuration file.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String

    @Option(help: "The folder for state; overrides the file's `data`.", completion: .directory)
    var data: String?

    @Option(help: "Serve the Link on this Unix socket. (default: run/link.sock in the folder for state)")
    var link: String?

    @Flag(help: "Descriptor 3 leads to the supervisor, 4 is the Link's listening socket.")
    var supervised = false

    @Flag(help: "Tell more.")
    var verbose = false

    func run() async throws {
        LoggingSystem.bootstrap(LineLogHandler.init(label:))
        var logger = Logger(label: "control")
        logger.logLevel = verbose ? .debug : .info

        // Before anything else: an unanswered SIGHUP would end the process.
        let hangups = await UnixSignalsSequence(trapping: .sighup)
        let (rereads, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let listener = Task { for await _ in hangups { bell.yield() } }
        defer { listener.cancel() }

        let folder = try folder()
        let plan = ControlPlane.Plan(
            configurationPath: config, folder: folder + "/control", link: try door(folder), isSupervised: supervised)
        let readers = ControlPlane.Readers(
            labels: { LabelGrammar.parse(labels: $0, container: $1) }, file: { ConfigurationFile.load(path: $0) },
            certificate: CertificateFiles.read)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: ControlPlane(
                            plan, readers: readers, rereads: rereads, logger: logger,
                            manage: { [logger] in await ManagementPlane($0, logger: logger).run() }),
                        successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger)))
        do {
            try await group.run()
        } catch let fault as ControlPlane.NoConfiguration {
            logger.critical("the configuration cannot be read", metadata: ["reason": "\(fault)"])
            throw ExitCode(1)
        }
    }

    /// The lifecycle's own steps are of interest only to whoever asks for more.
    private func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = verbose ? .debug : .warning
        return quiet
    }

    /// Absolute.
    private func folder() throws -> String {
        let path = data ?? ConfigurationFile.load(path: config).0?.data ?? "data"
        return URL(filePath: path).standardizedFileURL.path
    }

    private func door(_ folder: String) throws -> LinkServer.Door {
        if supervised { return .descriptor(4) }
        if let link { return .path(link) }
        try FileManager.default.createDirectory(
            atPath: folder + "/run", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        return .path(folder + "/run/link.sock")
    }
}
