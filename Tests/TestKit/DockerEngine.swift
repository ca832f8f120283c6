import Foundation
import Synchronization

/// A real Docker engine of the test run's own: data, socket and bridge apart from any other's, stopped by its process
/// number. Containers keep running while the engine is away (`live-restore`) when `keepsContainers` says so.
///
/// It publishes no ports and needs no packet filter rules: the host reaches containers over the bridge.
public final class DockerEngine: Sendable {
    public let folder: TemporaryFolder
    /// The number that sets its addresses apart: bridge 198.18.N.1/24, networks from 198.19.4N.0/22.
    public let number: Int
    private let keepsContainers: Bool
    private let program = Mutex<Program?>(nil)

    public var socket: String { folder("docker.sock") }
    public var endpoint: String { "unix://\(socket)" }
    public var log: String { (try? String(contentsOfFile: folder("engine.log"), encoding: .utf8)) ?? "" }

    /// Starts an engine and imports the web image.
    public init(keepsContainers: Bool = false) async throws {
        await Leftovers.clear()
        folder = try TemporaryFolder("engine")
        self.keepsContainers = keepsContainers
        number = try await Self.makeBridge()
        try folder.write("bridge", "kt\(number)")
        do {
            try await start()
            try await importWebImage()
        } catch {
            await stop()
            throw error
        }
    }

    /// Starts the engine's process; waits until it answers.
    public func start() async throws {
        var arguments = [
            "--bridge", "kt\(number)", "--iptables=false", "--ip-masq=false", "--userland-proxy=false",
            "--default-address-pool", "base=\(Self.pool(number)),size=26", "--data-root", folder("data"),
            "--exec-root", folder("exec"), "--pidfile", folder("pid"), "-H", endpoint, "--shutdown-timeout", "2",
        ]
        if keepsContainers { arguments.append("--live-restore") }
        let started = try Program("dockerd", arguments, log: folder("engine.log"))
        program.withLock { $0 = started }
        do {
            try await eventually("the Docker engine to answer", within: .seconds(30)) {
                guard started.isRunning else { throw EngineDied(log: self.log) }
                return try await self.ping()
            }
        } catch {
            throw EngineDied(log: "\(error)\n" + log)
        }
    }

    /// Starts the engine again when a test that failed left it stopped.
    public func ensureRunning() async throws {
        if program.withLock({ $0 })?.isRunning != true { try await start() }
    }

    /// Stops the engine's process as a service manager would.
    public func stopProcess() async {
        await program.withLock { $0 }?.stop(within: .seconds(20))
    }

    /// `kill -9` of the engine.
    public func killProcess() async throws {
        guard let running = program.withLock({ $0 }) else { return }
        ProcessTable.kill(running.pid)
        try await eventually("the engine to be gone") { !running.isRunning }
    }

    /// Removes every container and network, stops the engine and takes its bridge and mounts away.
    public func stop() async {
        try? await ensureRunning()
        try? await removeAll()
        await stopProcess()
        for entry in ProcessTable.all where entry.command.contains(folder.path) { ProcessTable.kill(entry.pid) }
        await Leftovers.unmountAll(under: folder.path)
        _ = try? await run("ip", ["link", "delete", "kt\(number)"], anyStatus: true)
    }

    /// Runs `docker` against this engine.
    @discardableResult
    public func docker(_ arguments: String...) async throws -> Output {
        try await run("docker", ["-H", endpoint] + arguments)
    }

    private func ping() async throws -> Bool {
        let arguments = ["-sf", "-m", "1", "--unix-socket", socket, "http://engine/_ping"]
        return try await run("curl", arguments, within: .seconds(2)).line == "OK"
    }

    /// A bridge whose number nobody else on this machine has: making it is the test. Addresses that somebody's network
    /// covers already are passed over, or the host would reach that network instead.
    private static func makeBridge() async throws -> Int {
        let first = Int(ProcessInfo.processInfo.processIdentifier) % 60
        var last = "every range of 198.18.0.0/15 is taken"
        for number in (0..<60).map({ ($0 + first) % 60 + 1 }) {
            guard try await isFree("198.18.\(number).0/24"), try await isFree(pool(number)) else { continue }
            let made = try await run("ip", ["link", "add", "name", "kt\(number)", "type", "bridge"], anyStatus: true)
            guard made.status == 0 else {
                last = made.err
                continue
            }
            try await run("ip", ["address", "add", "198.18.\(number).1/24", "dev", "kt\(number)"])
            try await run("ip", ["link", "set", "kt\(number)", "up"])
            return number
        }
        throw NoBridge(reason: last)
    }

    /// Where an engine's networks get their addresses.
    static func pool(_ number: Int) -> String { "198.19.\(number * 4).0/22" }

    /// Whether no route lies within a range.
    private static func isFree(_ range: String) async throws -> Bool {
        try await run("ip", ["-4", "route", "show", "root", range]).line.isEmpty
    }
}

public struct EngineDied: Error, CustomStringConvertible {
    var log: String
    public var description: String {
        "the Docker engine did not start; it needs root and the packages of scripts/install.sh test. Its log ends:\n"
            + log.split(separator: "\n").suffix(20).joined(separator: "\n")
    }
}

public struct NoBridge: Error, CustomStringConvertible {
    var reason: String
    public var description: String {
        "could not make a network bridge for the Docker engine (root is needed): \(reason)"
    }
}
