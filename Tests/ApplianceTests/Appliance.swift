import Foundation
import Glibc
import TestKit

/// The appliance as an operator runs it: `kontainers serve` with a file of its own and ports that nobody has.
final class Appliance: Sendable {
    let folder: TemporaryFolder
    let web: Int
    let secure: Int
    let management: Int
    let program: Program

    /// What the file says, in parts that a test can change while the appliance runs.
    struct Wanted: Sendable {
        var docker: String?
        /// Items of `rules:`, each without its dash.
        var rules: [String] = []
        /// Items of `certificates:`.
        var certificates: [String] = []
        /// Items of `listeners:` beside the two that every appliance has.
        var listeners: [String] = []
        /// Whole top-level lines.
        var more: [String] = []
    }

    /// The folder of the release programs, or that of `KONTAINERS_PROGRAMS`.
    static let programs: String =
        ProcessInfo.processInfo.environment["KONTAINERS_PROGRAMS"] ?? "\(sources)/.build/release"
    /// The repository.
    static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let clients = "\(sources)/Tests/ApplianceTests/Clients"
    static let python = "\(sources)/.build/test-venv/bin/python"

    /// Writes the file and starts the program; does not wait.
    /// - Parameter through: a program, with its arguments, that starts it.
    init(
        _ wanted: Wanted = Wanted(), web: Int? = nil, folder: TemporaryFolder? = nil, programs: String = programs,
        through: [String] = []
    ) throws {
        self.folder = try folder ?? TemporaryFolder("appliance")
        self.web = try web ?? freePort()
        secure = try freePort()
        management = try freePort()
        let kontainers = "\(programs)/kontainers"
        guard FileManager.default.isExecutableFile(atPath: kontainers) else { throw NotBuilt(path: kontainers) }
        // The edge runs as another user and must be able to look into the folder.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: self.folder.path)
        let text = Self.file(wanted, web: self.web, secure: secure, management: management)
        let command = try through + [kontainers, "serve", "--config", self.folder.write("kontainers.yaml", text)]
        program = try Program(command[0], Array(command.dropFirst()), log: self.folder("appliance.log"))
    }

    /// Starts the program and waits until it serves.
    static func serving(
        _ wanted: Wanted = Wanted(), folder: TemporaryFolder? = nil, within limit: Duration = .seconds(20)
    ) async throws -> Appliance {
        let appliance = try Appliance(wanted, folder: folder)
        do {
            try await eventually("the appliance to answer", within: limit) {
                guard appliance.program.isRunning else { throw Ended(log: appliance.log) }
                return try appliance.get(host: "nobody.invalid").status == 404
            }
        } catch {
            await appliance.stop()
            throw Ended(log: "\(error)\n\(appliance.log)")
        }
        return appliance
    }

    func rewrite(_ wanted: Wanted) throws {
        try folder.write("kontainers.yaml", Self.file(wanted, web: web, secure: secure, management: management))
    }

    func get(
        _ path: String = "/", host: String, fields: [String] = [], within limit: Duration = .seconds(5)
    ) throws -> Answer {
        try TestKit.get(path, host: host, port: web, fields: fields, within: limit)
    }

    var log: String { program.log }
    var edge: Int32? { child("kontainers-edge") }
    var control: Int32? { child("control") }

    /// Waits until a host answers with a status, and returns that answer.
    @discardableResult
    func expect(
        _ status: Int, host: String, path: String = "/", within limit: Duration = .seconds(10)
    ) async throws -> Answer {
        var answer: Answer?
        do {
            try await eventually("\(status) from \(host)\(path)", within: limit) {
                let got = try self.get(path, host: host)
                answer = got
                return got.status == status
            }
        } catch {
            throw Unexpected(wanted: "\(error)", got: answer.map(String.init(describing:)) ?? "nothing", log: log)
        }
        return answer!
    }

    /// Waits for a line of the log that has all these words.
    func logged(_ words: String..., within limit: Duration = .seconds(10)) async throws {
        do {
            try await eventually("a log line with \(words)", within: limit, every: .milliseconds(50)) {
                log.split(separator: "\n").contains { line in words.allSatisfy { line.contains($0) } }
            }
        } catch {
            throw Unexpected(wanted: "\(error)", got: "no such line", log: log)
        }
    }

    @discardableResult
    func stop() async -> Int32 {
        let children = ProcessTable.children(of: program.pid)
        let status = await program.stop(within: .seconds(40))
        for child in children where ProcessTable.isAlive(child.pid) { ProcessTable.kill(child.pid) }
        return status
    }

    private func child(_ name: String) -> Int32? {
        ProcessTable.children(of: program.pid).first {
            $0.command.split(separator: " ").prefix(2).contains { ($0 as NSString).lastPathComponent == name }
        }?.pid
    }

    private static func file(_ wanted: Wanted, web: Int, secure: Int, management: Int) -> String {
        var lines = [
            "data: ./data", "workers: 2", "listeners:",
            "  - { name: web, address: \"127.0.0.1:\(web)\", protocol: http }",
            "  - { name: secure, address: \"127.0.0.1:\(secure)\", protocol: https }",
        ]
        lines += wanted.listeners.map { "  - \($0)" }
        lines.append("management: { address: \"127.0.0.1:\(management)\" }")
        if let docker = wanted.docker { lines.append("docker: { endpoint: \"\(docker)\" }") }
        if !wanted.certificates.isEmpty { lines += ["certificates:"] + wanted.certificates.map { "  - \($0)" } }
        if !wanted.rules.isEmpty { lines += ["rules:"] + wanted.rules.map { "  - \($0)" } }
        return (lines + wanted.more).joined(separator: "\n") + "\n"
    }
}

struct NotBuilt: Error, CustomStringConvertible {
    var path: String
    var description: String { "found no program \(path); do: make build" }
}

struct Ended: Error, CustomStringConvertible {
    var log: String
    var description: String { "the appliance does not serve; its log ends:\n\(tail(log))" }
}

struct Unexpected: Error, CustomStringConvertible {
    var wanted: String
    var got: String
    var log: String
    var description: String { "\(wanted); got: \(got); the log ends:\n\(tail(log))" }
}

/// The end of a log, for a message. Of access records the last few suffice.
func tail(_ log: String) -> String {
    let lines = log.split(separator: "\n")
    let records = lines.filter { $0.contains("\"total_us\":") }
    let cut = records.filter { !$0.contains("\"end\":\"complete\"") }
    return (lines.filter { !$0.contains("\"total_us\":") }.suffix(25) + cut.suffix(5) + records.suffix(3)).map {
        String($0.prefix(400))
    }.joined(separator: "\n")
}

/// Responses that their upstream cut, by the access log.
func cutResponses(_ log: String) -> Int {
    log.split(separator: "\n").count { $0.contains("\"end\":\"upstream closed\"") && $0.contains("\"step\":\"body\"") }
}

/// Runs a test's body beside an appliance that is stopped afterwards, whatever happens.
func withAppliance(
    _ wanted: Appliance.Wanted = .init(), _ body: (Appliance) async throws -> Void
) async throws {
    let appliance = try await Appliance.serving(wanted)
    do {
        try await body(appliance)
    } catch {
        await appliance.stop()
        throw error
    }
    await appliance.stop()
}

/// The same, beside the engine of the run, whose containers are removed afterwards.
func withContainers(
    _ wanted: Appliance.Wanted = .init(), _ body: (Appliance, DockerEngine) async throws -> Void
) async throws {
    let engine = try engineOfTheRun()
    var wanted = wanted
    wanted.docker = engine.endpoint
    do {
        try await withAppliance(wanted) { try await body($0, engine) }
    } catch {
        try? await engine.ensureRunning()
        try? await engine.removeAll()
        throw error
    }
    try await engine.removeAll()
}
