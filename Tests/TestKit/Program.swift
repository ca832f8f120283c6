import Foundation
import Glibc
import Synchronization

/// A program that was started, with its output in a file. Ended by its process number, never by name.
///
/// Started by the system's own call: Foundation's takes a program for running as long as any of its children holds a
/// descriptor, which is wrong for what a test kills.
public final class Program: Sendable {
    public let name: String
    public let logPath: String
    public let pid: Int32
    /// How it ended, once that was asked of the kernel: the exit status, or the negative number of the signal.
    private let ending = Mutex<Int32?>(nil)

    public init(_ path: String, _ arguments: [String], log: String, environment: [String: String] = [:]) throws {
        name = (path as NSString).lastPathComponent
        logPath = log
        let found = try Self.find(path)
        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        pid = try Self.spawn(found, arguments, merged.map { "\($0)=\($1)" }, log: log)
    }

    /// Nobody else will ask for it.
    deinit { _ = reap() }

    public var isRunning: Bool { reap() == nil }
    /// The exit status, or the negative number of the signal; `nil` while it runs.
    public var status: Int32? { reap() }

    /// All that it said so far.
    public var log: String { (try? String(contentsOfFile: logPath, encoding: .utf8)) ?? "" }

    public func send(_ signal: Int32) {
        // Under the lock, so that the number cannot be another process's by now.
        ending.withLock { if $0 == nil { _ = kill(pid, signal) } }
    }

    /// Asks it to end, and ends it when it has not by the limit.
    /// - Returns: its ``status``.
    @discardableResult
    public func stop(within limit: Duration = .seconds(10)) async -> Int32 {
        send(SIGTERM)
        if (try? await eventually("\(name) to end", within: limit, { !self.isRunning })) == nil {
            send(SIGKILL)
            _ = try? await eventually("\(name) to die", within: .seconds(5), { !self.isRunning })
        }
        return status ?? -SIGKILL
    }

    private func reap() -> Int32? {
        ending.withLock { ending in
            if let ending { return ending }
            var raw: Int32 = 0
            guard unsafe waitpid(pid, &raw, WNOHANG) == pid else { return nil }
            // The low seven bits are the signal, the next byte is the status (wait(2)).
            ending = raw & 0x7F == 0 ? raw >> 8 & 0xFF : -(raw & 0x7F)
            return ending
        }
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String], log: String
    ) throws -> Int32 {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { _ = unsafe posix_spawnattr_destroy(&attributes) }
        // A group of its own, and no signal blocked or ignored that the test process may have set so.
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([path] + arguments).map { unsafe strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { unsafe (words + settings).forEach { unsafe free($0) } }
        var pid: Int32 = 0
        let code = uncopied { unsafe posix_spawn(&pid, path, &actions, &attributes, &words, &settings) }
        guard code == 0 else { throw RawConnection.Failure.system(code) }
        return pid
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

    public init(name: String) { self.name = name }

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
