import Foundation
import Glibc

/// A program that was started, with its output in a file. Ended by its process number, never by name.
public final class Program: Sendable {
    public let name: String
    public let logPath: String
    private let process: Process

    public init(
        _ path: String, _ arguments: [String], log: String, environment: [String: String] = [:],
        folder: String? = nil
    ) throws {
        name = (path as NSString).lastPathComponent
        logPath = log
        process = Process()
        process.executableURL = URL(fileURLWithPath: try Self.find(path))
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let output = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try output.seekToEnd()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try output.close()
    }

    public var pid: Int32 { process.processIdentifier }
    public var isRunning: Bool { process.isRunning }
    /// The exit status, or the negative number of the signal; `nil` while it runs.
    public var status: Int32? {
        guard !process.isRunning else { return nil }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    /// All that it said so far.
    public var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    public func send(_ signal: Int32) {
        if process.isRunning { _ = kill(pid, signal) }
    }

    /// Asks it to end, and ends it when it has not by the limit.
    /// - Returns: its ``status``.
    @discardableResult
    public func stop(within limit: Duration = .seconds(10)) async -> Int32 {
        send(SIGTERM)
        if (try? await eventually("\(name) to end", within: limit, { !self.process.isRunning })) == nil {
            send(SIGKILL)
            _ = try? await eventually("\(name) to die", within: .seconds(5), { !self.process.isRunning })
        }
        return status ?? -SIGKILL
    }

    /// Finds a program on PATH, as a shell would; a path with a slash is taken as it is.
    private static func find(_ name: String) throws -> String {
        if name.contains("/") { return name }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        for folder in folders + ["/usr/sbin", "/sbin"] where unsafe access("\(folder)/\(name)", X_OK) == 0 {
            return "\(folder)/\(name)"
        }
        throw ProgramMissing(name: name)
    }
}

public struct ProgramMissing: Error, CustomStringConvertible {
    public var name: String
    public var description: String { "found no program \(name) on PATH; do: scripts/install.sh test" }
}

/// What a program that ran to its end said.
public struct Output: Sendable, CustomStringConvertible {
    public var status: Int32
    public var out: String
    public var err: String

    public var description: String { "status \(status), out: \(out.prefix(2_000)), err: \(err.prefix(2_000))" }
    /// The output without the line end.
    public var line: String { out.trimmingCharacters(in: .whitespacesAndNewlines) }
}

/// A program ended otherwise than wanted.
public struct ProgramFailed: Error, CustomStringConvertible {
    public var command: String
    public var output: Output
    public var description: String { "\(command): \(output)" }
}

/// Runs a program to its end.
/// - Throws: ``ProgramFailed`` when it exits with another status than 0 and `anyStatus` is false, or
///   ``DeadlinePassed``.
@discardableResult
public func run(
    _ path: String, _ arguments: [String], within limit: Duration = .seconds(30), anyStatus: Bool = false,
    environment: [String: String] = [:]
) async throws -> Output {
    let folder = try TemporaryFolder("run")
    let quoted = "exec \"$@\" >\"$KONTAINERS_OUT\" 2>\"$KONTAINERS_ERR\""
    let environment = environment.merging(
        ["KONTAINERS_OUT": folder("out"), "KONTAINERS_ERR": folder("err")]) { $1 }
    let program = try Program(
        "/bin/sh", ["-c", quoted, "sh", path] + arguments, log: folder("log"), environment: environment)
    do {
        let command = "\(path) \(arguments.joined(separator: " "))"
        try await eventually(command, within: limit, every: .milliseconds(2)) { !program.isRunning }
    } catch {
        await program.stop(within: .seconds(1))
        throw error
    }
    func read(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: folder(name)) ?? Data(), as: UTF8.self)
    }
    let output = Output(status: program.status ?? -1, out: read("out"), err: read("err"))
    guard anyStatus || output.status == 0 else {
        throw ProgramFailed(command: "\(path) \(arguments.joined(separator: " "))", output: output)
    }
    return output
}
