import ArgumentParser
import Foundation
import Kernel
import KontainersConfiguration
import Logging
import Reconciliation
import Supervision

/// `kontainers serve`: the appliance. Starts control and the edge and keeps them up.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Runs the appliance.",
        discussion: """
            Starts the control plane and the edge, restarts what dies, and holds the listening sockets meanwhile.
            SIGTERM finishes what is in flight (a second one does not); SIGHUP reads the configuration and opens the
            logs again.
            Exits with 1 when the configuration is wrong beyond single rules, or when no listener can be opened.
            """)

    @Option(help: "The configuration file.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String

    @Option(help: "The folder for state; overrides the file's `data`.", completion: .directory)
    var data: String?

    @Option(
        help: "The folder that holds kontainers and kontainers-edge. (default: this program's)", completion: .directory)
    var programs: String?

    @Flag(help: "Tell more of what the supervisor does.")
    var verbose = false

    func run() throws {
        LoggingSystem.bootstrap(LineLogHandler.init(label:))
        var logger = Logger(label: "supervisor")
        logger.logLevel = verbose ? .debug : .info
        let configuration = try read(logger)
        System.raiseDescriptorLimit()
        let exitCode: Int32
        do {
            let plan = try ServePlan(
                configuration: configuration, path: config, data: absolute(data ?? configuration.data),
                programs: absolute(programs ?? Self.ownFolder), isRoot: System.isRoot, processors: System.coreCount)
            let folder = try DataFolder(
                preparing: plan.data, edge: plan.edgeIdentity, control: plan.controlIdentity)
            exitCode = try Supervisor(plan, folder: folder, logger: logger).run()
        } catch {
            logger.critical("\(error)")
            throw ExitCode(1)
        }
        throw ExitCode(exitCode)
    }

    private func read(_ logger: Logger) throws -> ApplianceConfiguration {
        let (configuration, diagnoses) = ConfigurationFile.load(path: config)
        FileHandle.standardError.write(Data(diagnoses.map { "\($0)\n" }.joined().utf8))
        guard let configuration else { throw ExitCode(1) }
        let text = (try? String(contentsOfFile: config, encoding: .utf8)) ?? ""
        switch StartVerdict.of(diagnoses, text: text) {
        case .start: break
        case .startWithout(let errors):
            logger.warning("\(config) has \(Self.count(errors)), each told above; the rest of it is served")
        case .refuse(let errors):
            logger.critical(
                """
                \(config) has \(Self.count(errors)), each told above; mend them (see `kontainers check \(config)`) \
                and start again
                """)
            throw ExitCode(1)
        }
        return configuration
    }

    private static func count(_ errors: Int) -> String { errors == 1 ? "an error" : "\(errors) errors" }

    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// Where this program lies.
    private static var ownFolder: String {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "."
        return URL(fileURLWithPath: program).deletingLastPathComponent().path
    }
}
