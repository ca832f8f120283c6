import ArgumentParser
import Foundation
import KontainersConfiguration

/// `kontainers check FILE`: says what is wrong with a configuration file before it is used.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validates a configuration file.",
        discussion: """
            Each fault is one line: FILE:LINE:COLUMN: error: what was found; what is wanted [code].
            Exits with 1 when there is an error, with 0 when there are warnings or none.
            """)

    @Argument(help: "The configuration file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @Flag(help: "Print one JSON document on standard output instead of lines.")
    var json = false

    /// What `--json` prints.
    private struct Report: Encodable {
        struct Served: Encodable {
            var listeners: Int
            var certificates: Int
            var rules: Int
        }
        var file: String
        var valid: Bool
        /// Absent when nothing could be read.
        var serves: Served?
        var diagnoses: [Diagnosis]
    }

    func run() throws {
        let (configuration, diagnoses) = ConfigurationFile.load(path: file)
        let errors = diagnoses.count { $0.severity == .error }
        let warnings = diagnoses.count - errors
        if json {
            try printReport(configuration, diagnoses, isValid: errors == 0)
        } else {
            var lines = diagnoses.map { "\($0)\n" }.joined()
            if errors > 0 { lines += "\(file): \(Self.count(errors, "error")), \(Self.count(warnings, "warning"))\n" }
            FileHandle.standardError.write(Data(lines.utf8))
            if errors == 0, let configuration {
                print(
                    "\(file): valid\(warnings > 0 ? ", with \(Self.count(warnings, "warning"))" : ""); it serves "
                        + "\(Self.count(configuration.listeners.count, "listener")), "
                        + "\(Self.count(configuration.certificates.count, "certificate")), "
                        + "\(Self.count(configuration.rules.count, "rule"))")
            }
        }
        if errors > 0 { throw ExitCode(1) }
    }

    private func printReport(
        _ configuration: ApplianceConfiguration?, _ diagnoses: [Diagnosis], isValid: Bool
    ) throws {
        let serves = configuration.map {
            Report.Served(listeners: $0.listeners.count, certificates: $0.certificates.count, rules: $0.rules.count)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let report = Report(file: file, valid: isValid, serves: serves, diagnoses: diagnoses)
        print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }

    private static func count(_ number: Int, _ word: String) -> String { "\(number) \(word)\(number == 1 ? "" : "s")" }
}
