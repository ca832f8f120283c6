public import Docker
import Foundation
import KontainersConfiguration
public import Logging
import Store

/// Containers as they come and go, what they use, and what they write: found out while somebody listens, not before.
public struct ContainerSources: Sendable {
    private static let interval = Duration.seconds(1)

    let hub: EventHub
    let desk: ContainerDesk
    let logger: Logger

    public init(hub: EventHub, desk: ContainerDesk, logger: Logger) {
        self.hub = hub
        self.desk = desk
        self.logger = logger
    }

    /// Until its task is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await watchContainers() }
            group.addTask { await watchStats() }
            group.addTask { await watchLogs() }
        }
    }

    private func watchContainers() async {
        var before: [String: ContainerDocument]?
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            guard hub.isHeard(.containers) else {
                before = nil
                continue
            }
            guard let list = try? await desk.list() else { continue }
            let now = Dictionary(list.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
            if let before { publish(before, now) }
            before = now
        }
    }

    private func publish(_ before: [String: ContainerDocument], _ now: [String: ContainerDocument]) {
        for (id, container) in now.sorted(by: { $0.value.name < $1.value.name }) {
            guard let old = before[id] else {
                tell("CREATED", container)
                continue
            }
            // "Up 3 minutes" becomes "Up 4 minutes" without anything having happened.
            var same = container
            same.status = old.status
            guard same != old else { continue }
            switch (old.state, container.state) {
            case (let was, .running) where was != .running: tell("STARTED", container)
            case (.running, let isNow) where isNow != .running: tell("STOPPED", container)
            case (_, _): tell("UPDATED", container)
            }
        }
        for (id, container) in before where now[id] == nil { tell("REMOVED", container) }
    }

    private func tell(_ type: String, _ container: ContainerDocument) {
        guard let document = try? JSONValue(encoding: container) else { return }
        hub.publish(.containers, ["type": .text(type), "container": document])
    }

    private func watchStats() async {
        while !Task.isCancelled {
            let began = ContinuousClock.now
            if hub.isHeard(.stats), let readings = try? await desk.readings() {
                let documents = readings.compactMap { try? JSONValue(encoding: $0) }
                hub.publish(.stats, ["stats": .list(documents)])
            }
            try? await Task.sleep(until: began + Self.interval, clock: .continuous)
        }
    }

    /// One stream for each container whose lines somebody wants.
    private func watchLogs() async {
        var streams: [Topic: Task<Void, Never>] = [:]
        for await topics in hub.demands {
            for (topic, task) in streams where !topics.contains(topic) {
                task.cancel()
                streams[topic] = nil
            }
            for topic in topics where streams[topic] == nil {
                guard case .logs(let container) = topic else { continue }
                streams[topic] = Task { await follow(container, topic) }
            }
        }
        for task in streams.values { task.cancel() }
    }

    private func follow(_ container: String, _ topic: Topic) async {
        while !Task.isCancelled {
            do {
                try await desk.follow(container) { entries in
                    for entry in entries {
                        guard let fields = try? JSONValue(encoding: entry).object else { continue }
                        hub.publish(topic, fields)
                    }
                }
            } catch {
                logger.debug("a container's lines have ended", metadata: ["reason": "\(error)"])
            }
            // It has ended, or is not there yet.
            try? await Task.sleep(for: .seconds(2))
        }
    }
}
