import AsyncHTTPClient
import Foundation
public import KontainersConfiguration
import NIOCore
import NIOHTTP1
import Synchronization

/// Runs containers for whoever manages them: of all engines together. Any thread.
public final class ContainerDesk: Sendable {
    private static let answerLimit = 64 << 20
    private static let inspectLimit = 4 << 20
    /// One call that changes something; a stop lasts as long as its container takes.
    private static let changeTime = Duration.seconds(40)
    public static let logLimit = 10_000
    /// The first whose stats can be had without waiting for a second sample.
    private static let statsVersion = "v1.41"
    /// Samples asked for side by side.
    private static let samplesAtOnce = 32

    private let clients: [DockerClient]
    private let samples = Mutex<[String: ContainerReadings.Sample]>([:])

    public init(_ endpoints: [ApplianceConfiguration.DockerEndpoint]) {
        clients = endpoints.map { DockerClient(address: $0.address) }
    }

    public func close() async { for client in clients { await client.close() } }

    // MARK: - Looking

    /// Of all engines, by name.
    public func list(all: Bool = true) async throws -> [ContainerDocument] {
        var containers: [ContainerDocument] = []
        for client in clients {
            let list = try await client.document("/containers/json?all=\(all ? 1 : 0)", limit: Self.answerLimit)
            containers += (list?.list ?? []).compactMap(ContainerDocument.init(summary:))
        }
        return containers.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
    }

    public func one(_ id: String) async throws -> ContainerDocument? {
        try await found(id).flatMap { ContainerDocument(inspection: $0.inspection) }
    }

    public func images() async throws -> [JSONValue] { try await lists("/images/json") }
    public func networks() async throws -> [JSONValue] { try await lists("/networks") }

    private func lists(_ path: String) async throws -> [JSONValue] {
        var all: [JSONValue] = []
        for client in clients { all += try await client.document(path, limit: Self.answerLimit)?.list ?? [] }
        return all
    }

    private func found(_ id: String) async throws -> (client: DockerClient, inspection: JSONValue)? {
        for client in clients {
            let path = "/containers/\(DockerClient.percentEncoded(id))/json"
            if let inspection = try await client.document(path, limit: Self.inspectLimit) {
                return (client, inspection)
            }
        }
        return nil
    }

    // MARK: - Changing

    public enum Act: String, Sendable { case start, stop, restart }

    /// - Returns: as it is afterwards; `nil`: there is none.
    public func carryOut(_ act: Act, _ id: String) async throws -> ContainerDocument? {
        guard let (client, inspection) = try await found(id), let id = inspection["Id"]?.text else { return nil }
        _ = try await client.change(.POST, "/containers/\(id)/\(act.rawValue)", time: Self.changeTime)
        return try await one(id)
    }

    /// - Returns: what it was; `nil`: there is none.
    public func remove(_ id: String, force: Bool, volumes: Bool) async throws -> ContainerDocument? {
        guard let (client, inspection) = try await found(id), let id = inspection["Id"]?.text else { return nil }
        _ = try await client.change(.DELETE, "/containers/\(id)?force=\(force)&v=\(volumes)", time: Self.changeTime)
        return ContainerDocument(inspection: inspection)
    }

    /// Makes a container on the first engine, and starts it if that is wanted.
    public func create(_ request: ContainerRequest) async throws -> ContainerDocument? {
        guard let client = clients.first else { return nil }
        let name = request.name.map { "?name=\(DockerClient.percentEncoded($0))" } ?? ""
        let made = try await client.change(
            .POST, "/containers/create\(name)", body: request.document, time: Self.changeTime)
        guard let id = made?["Id"]?.text else { return nil }
        if request.start { _ = try await client.change(.POST, "/containers/\(id)/start", time: Self.changeTime) }
        return try await one(id)
    }

    /// Changes what an engine changes in place: name, restart policy, memory, processors.
    public func update(_ id: String, _ update: ContainerUpdate) async throws -> ContainerDocument? {
        guard let (client, inspection) = try await found(id), let id = inspection["Id"]?.text else { return nil }
        if let document = update.document {
            _ = try await client.change(.POST, "/containers/\(id)/update", body: document, time: Self.changeTime)
        }
        if let name = update.name {
            _ = try await client.change(
                .POST, "/containers/\(id)/rename?name=\(DockerClient.percentEncoded(name))", time: Self.changeTime)
        }
        return try await one(id)
    }

    // MARK: - Logs and readings

    /// The last lines. `nil`: there is no such container.
    /// - Parameter since: seconds since 1970.
    public func logs(_ id: String, tail: Int, since: Int?) async throws -> [LogEntry]? {
        var entries: [LogEntry] = []
        let isThere = try await read(id, tail: tail, since: since, follow: false) { more in
            entries += more
            if entries.count > Self.logLimit { entries.removeFirst(entries.count - Self.logLimit) }
        }
        return isThere ? entries : nil
    }

    /// Lines as they are written, until the task is cancelled or the container ends.
    public func follow(_ id: String, _ take: @Sendable ([LogEntry]) -> Void) async throws {
        _ = try await read(id, tail: 0, since: nil, follow: true) { take($0) }
    }

    private func read(
        _ id: String, tail: Int, since: Int?, follow: Bool, _ take: ([LogEntry]) -> Void
    ) async throws -> Bool {
        guard let (client, inspection) = try await found(id), let id = inspection["Id"]?.text else { return false }
        var path = "/containers/\(id)/logs?stdout=1&stderr=1&timestamps=1&tail=\(tail)&follow=\(follow)"
        if let since { path += "&since=\(since)" }
        guard let body = try await client.stream(path) else { return false }
        var reader = LogReader(id, isTerminal: inspection["Config"]?["Tty"] == .boolean(true))
        for try await part in body {
            let entries = reader.read(part.readableBytesView)
            if !entries.isEmpty { take(entries) }
        }
        let rest = reader.finish()
        if !rest.isEmpty { take(rest) }
        return true
    }

    /// What one container uses, counted over half a second. `nil`: there is none.
    public func readings(_ id: String) async throws -> ContainerReadings? {
        guard let (client, inspection) = try await found(id), let id = inspection["Id"]?.text else { return nil }
        guard let first = try await sample(id, client) else { return nil }
        try await Task.sleep(for: .milliseconds(500))
        guard let second = try await sample(id, client) else { return nil }
        let at = EngineTime.milliseconds(first["read"]?.text ?? "") ?? Self.now - 500
        return ContainerReadings(
            id, second, since: .init(first, at: at), inspection: inspection, at: Self.now)
    }

    /// What all that run use, counted since the call before.
    public func readings() async throws -> [ContainerReadings] {
        var readings: [ContainerReadings] = []
        for client in clients {
            let list = try await client.document("/containers/json", limit: Self.answerLimit)?.list ?? []
            var ids = list.compactMap { $0["Id"]?.text }[...]
            while !ids.isEmpty {
                let some = ids.prefix(Self.samplesAtOnce)
                ids = ids.dropFirst(some.count)
                readings += try await withThrowingTaskGroup(of: ContainerReadings?.self) { group in
                    for id in some { group.addTask { try await self.reading(id, client) } }
                    return try await group.reduce(into: []) { all, one in if let one { all.append(one) } }
                }
            }
        }
        let known = Set(readings.map(\.containerId))
        samples.withLock { $0 = $0.filter { known.contains($0.key) } }
        return readings.sorted { $0.containerId < $1.containerId }
    }

    private func reading(_ id: String, _ client: DockerClient) async throws -> ContainerReadings? {
        guard let sample = try await sample(id, client) else { return nil }
        let now = EngineTime.milliseconds(sample["read"]?.text ?? "") ?? Self.now
        let before = samples.withLock { samples in
            let before = samples[id]
            samples[id] = .init(sample, at: now)
            return before
        }
        return ContainerReadings(id, sample, since: before, at: now)
    }

    private func sample(_ id: String, _ client: DockerClient) async throws -> JSONValue? {
        try await client.document(
            "/containers/\(id)/stats?stream=false&one-shot=true", limit: Self.inspectLimit, version: Self.statsVersion)
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }
}
