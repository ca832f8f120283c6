import Foundation
import TestKit

/// An upstream with keep-alive on loopback (`Clients/upstream.py`).
final class Upstream: Sendable {
    let port: Int
    let program: Program
    private let folder: TemporaryFolder

    var address: String { "127.0.0.1:\(port)" }

    init(_ name: String = "upstream") async throws {
        let port = try freePort()
        let folder = try TemporaryFolder("upstream")
        let program = try Program(
            Appliance.python, ["\(Appliance.clients)/upstream.py", "\(port)", name], log: folder("log"))
        (self.port, self.folder, self.program) = (port, folder, program)
        try await eventually("the upstream to listen") { program.log.contains("listening") }
    }

    func stop() async { await program.stop(within: .seconds(1)) }
}

/// What a steady load met (`Clients/load.py`).
struct LoadReport: Decodable, CustomStringConvertible {
    /// `ok`, `refused`, `reset in connect`, `reset in exchange`, `timeout in …`, or a status other than 200.
    var outcomes: [String: Int]
    /// How often each body came.
    var bodies: [String: Int]
    /// Milliseconds.
    var longestGap: Double
    var p50: Double
    var p99: Double
    var slowest: Double

    var succeeded: Int { outcomes["ok"] ?? 0 }
    var failed: Int { outcomes.values.reduce(0, +) - succeeded }

    var description: String {
        "\(outcomes) bodies \(bodies) longest gap \(longestGap) ms, p50 \(p50), p99 \(p99), slowest \(slowest) ms"
    }
}

/// A load that runs while a test does something.
final class Load: Sendable {
    enum Connections: Sendable { case kept, fresh }

    private let program: Program
    private let folder: TemporaryFolder
    private let seconds: Double

    init(
        port: Int, host: String, rate: Int, seconds: Double, connections: Int = 16, _ kind: Connections = .kept
    ) async throws {
        let folder = try TemporaryFolder("load")
        let arguments = [
            "\(Appliance.clients)/load.py", "\(port)", host, "\(rate)", "\(seconds)", "\(connections)",
            kind == .fresh ? "fresh" : "kept",
        ]
        let program = try Program(Appliance.python, arguments, log: folder("log"))
        (self.program, self.folder, self.seconds) = (program, folder, seconds)
        try await eventually("the load to start") { program.log.contains("started") }
    }

    /// Waits for its end.
    func report() async throws -> LoadReport {
        let program = program
        try await eventually("the load to end", within: .seconds(seconds + 20)) { !program.isRunning }
        guard let line = program.log.split(separator: "\n").last(where: { $0.hasPrefix("{") }) else {
            throw Unexpected(wanted: "a report of load.py", got: "status \(program.status ?? -1)", log: program.log)
        }
        return try JSONDecoder().decode(LoadReport.self, from: Data(line.utf8))
    }
}

/// A certificate that signs itself, with its key, in files.
struct MadeCertificate: Sendable {
    var certificate: String
    var key: String

    /// - Parameter names: what it is valid for; the first is its subject.
    static func make(_ names: [String], in folder: TemporaryFolder, as file: String = "site") async throws -> Self {
        let made = Self(certificate: folder("\(file).pem"), key: folder("\(file).key"))
        try await run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "60",
                "-subj",
                "/CN=\(names[0])", "-addext", "subjectAltName=" + names.map { "DNS:\($0)" }.joined(separator: ","),
                "-keyout", made.key, "-out", made.certificate,
            ])
        return made
    }

    /// Its item in the file.
    func item(named name: String) -> String { "{ name: \(name), certificate: \(certificate), key: \(key) }" }
}
