/// What an engine says has happened.
struct EngineEvent: Equatable, Sendable {
    /// What it means for what is known of the containers.
    enum Meaning: Equatable, Sendable {
        /// Nothing more can be sent to the container, from now on.
        case left(id: String, ContainerRecord.State)
        /// It was sent a signal, which may be the one that ends it; `nil` when the engine does not tell which.
        case signalled(id: String, Int?)
        case gone(id: String)
        case health(id: String, ContainerRecord.Health)
        /// Something about it changed that only the engine can tell.
        case touched(id: String)
        /// A network came, went or changed its name.
        case networks
        case nothing
    }

    var kind: String
    var action: String
    var id: String
    var attributes: [String: String]

    /// The events that are asked for. Those of `exec` are not among them: a health check makes three each time it runs.
    static let containerActions = [
        "create", "start", "die", "kill", "stop", "pause", "unpause", "destroy", "rename", "health_status", "update",
        "remove", "oom", "restart",
    ]
    static let networkActions = ["create", "destroy", "remove", "connect", "disconnect"]

    var meaning: Meaning {
        switch kind {
        case "container" where !id.isEmpty: containerMeaning
        case "network": networkMeaning
        default: .nothing
        }
    }

    private var containerMeaning: Meaning {
        switch action {
        case "die", "died", "stop": .left(id: id, .exited)
        case "pause": .left(id: id, .paused)
        case "kill": .signalled(id: id, attributes["signal"].map { StopSignal.number($0) ?? 0 })
        case "destroy", "remove": .gone(id: id)
        case "health_status: healthy": .health(id: id, .healthy)
        case "health_status: unhealthy": .health(id: id, .unhealthy)
        case let action where action.hasPrefix("exec_"): .nothing
        case "attach", "detach", "resize", "top", "copy", "export", "archive-path", "extract-to-dir": .nothing
        // Whatever else an engine reports about a container (start, unpause, rename, update, what later versions add)
        // is answered by asking.
        default: .touched(id: id)
        }
    }

    private var networkMeaning: Meaning {
        switch action {
        case "connect", "disconnect":
            if let container = attributes["container"], !container.isEmpty {
                .touched(id: container)
            } else {
                .networks
            }
        default: .networks
        }
    }
}

/// Cuts a stream of bytes into lines, however the bytes were split on their way.
struct LineSplitter {
    /// A line grew beyond `limit` bytes.
    struct TooLong: Error, Equatable {}

    private var rest: [UInt8] = []
    let limit: Int

    init(limit: Int) { self.limit = limit }

    /// The lines that `bytes` completed, without their ends and without empty ones.
    mutating func lines(adding bytes: some Sequence<UInt8>) throws(TooLong) -> [[UInt8]] {
        var whole: [[UInt8]] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if !rest.allSatisfy({ $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: " ") }) { whole.append(rest) }
                rest.removeAll(keepingCapacity: rest.count < 4_096)
            } else {
                guard rest.count < limit else { throw TooLong() }
                rest.append(byte)
            }
        }
        return whole
    }
}
