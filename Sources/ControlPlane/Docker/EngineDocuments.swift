import FoundationEssentials

// The engine's JSON, read field by field: what is missing, null or of another type is left out and harms nothing else.

/// An element of a list or a value of a table that may be nonsense.
struct Lenient<Value: Decodable>: Decodable {
    var value: Value?

    init(from decoder: any Decoder) throws { value = try? Value(from: decoder) }
}

extension KeyedDecodingContainer {
    fileprivate func field<Value: Decodable>(_ key: Key, as type: Value.Type = Value.self) -> Value? {
        (try? decodeIfPresent(Value.self, forKey: key)) ?? nil
    }

    fileprivate func list<Value: Decodable>(_ key: Key, of type: Value.Type) -> [Value] {
        (field(key, as: [Lenient<Value>].self) ?? []).compactMap(\.value)
    }

    fileprivate func table<Value: Decodable>(_ key: Key, of type: Value.Type) -> [String: Value] {
        (field(key, as: [String: Lenient<Value>].self) ?? [:]).compactMapValues(\.value)
    }
}

private enum Field: String, CodingKey {
    case id = "Id", ID, names = "Names", name = "Name", image = "Image", labels = "Labels", state = "State"
    case status = "Status", ports = "Ports", hostConfig = "HostConfig", networkMode = "NetworkMode"
    case networkSettings = "NetworkSettings", networks = "Networks", config = "Config", health = "Health"
    case exposedPorts = "ExposedPorts", privatePort = "PrivatePort", type = "Type", ipAddress = "IPAddress"
    case globalIPv6Address = "GlobalIPv6Address", networkID = "NetworkID", driver = "Driver"
    case running = "Running", paused = "Paused", restarting = "Restarting", dead = "Dead"
    case version = "Version", apiVersion = "ApiVersion", message
    case stopTimeout = "StopTimeout", stopSignal = "StopSignal"
    case action = "Action", actor = "Actor", attributes = "Attributes"
}

/// `GET /version`.
public struct EngineVersion: Equatable, Sendable, Decodable {
    public var version: String
    public var apiVersion: String

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        version = fields.field(.version) ?? "?"
        apiVersion = fields.field(.apiVersion) ?? "?"
    }
}

/// The text of an engine's own error.
struct EngineComplaint: Decodable {
    var message: String

    init(from decoder: any Decoder) throws {
        message = try decoder.container(keyedBy: Field.self).decode(String.self, forKey: .message)
    }
}

/// One of `GET /networks`.
public struct NetworkRecord: Equatable, Sendable, Decodable {
    public var id: String
    public var name: String
    public var driver: String

    public init(id: String, name: String, driver: String) {
        self.id = id
        self.name = name
        self.driver = driver
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        id = try fields.decode(String.self, forKey: .id)
        name = fields.field(.name) ?? id
        driver = fields.field(.driver) ?? ""
    }
}

private struct AttachmentDocument: Decodable {
    var networkID: String
    var address: String
    var address6: String

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        networkID = fields.field(.networkID) ?? ""
        address = fields.field(.ipAddress) ?? ""
        address6 = fields.field(.globalIPv6Address) ?? ""
    }
}

extension [String: AttachmentDocument] {
    fileprivate var attachments: [ContainerRecord.Attachment] {
        map { name, document in
            ContainerRecord.Attachment(
                network: name, networkID: document.networkID, address: document.address, address6: document.address6)
        }
    }
}

private func name(fromEngine text: String) -> String {
    text.hasPrefix("/") ? String(text.dropFirst()) : text
}

extension ContainerRecord.Port {
    /// `80/tcp`, `80`; `nil` for what is no port.
    init?(exposed text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let number = parts.first.flatMap({ Int($0) }) else { return nil }
        self.init(number: number, transport: parts.count == 2 ? String(parts[1]) : "tcp")
    }

    fileprivate init?(number: Int, transport: String) {
        guard (1...65_535).contains(number), let transport = Transport(rawValue: transport) else { return nil }
        self.init(number: number, transport: transport)
    }
}

extension ContainerRecord.State {
    /// Docker's words, and those that Podman has besides.
    init(engine text: String) {
        switch text.lowercased() {
        case "configured", "initialized": self = .created
        case "stopped", "stopping": self = .exited
        case let text: self = Self(rawValue: text) ?? .exited
        }
    }
}

/// One of `GET /containers/json`.
struct ContainerSummary: Decodable {
    var record: ContainerRecord

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        let id = try fields.decode(String.self, forKey: .id)
        guard !id.isEmpty else {
            throw DecodingError.dataCorruptedError(forKey: .id, in: fields, debugDescription: "an empty id")
        }
        // A container that others link to has names such as "/other/alias" beside its own.
        let names = fields.list(.names, of: String.self).map { Docker.name(fromEngine: $0) }
        let host = try? fields.nestedContainer(keyedBy: Field.self, forKey: .hostConfig)
        let settings = try? fields.nestedContainer(keyedBy: Field.self, forKey: .networkSettings)
        record = ContainerRecord(
            id: id, name: names.first { !$0.contains("/") } ?? names.first ?? String(id.prefix(12)),
            image: fields.field(.image) ?? "", state: .init(engine: fields.field(.state) ?? ""),
            health: Self.health(inStatus: fields.field(.status) ?? ""),
            labels: fields.table(.labels, of: String.self),
            exposedPorts: Array(Set(fields.list(.ports, of: PublishedPort.self).compactMap(\.port))),
            networks: settings?.table(.networks, of: AttachmentDocument.self).attachments ?? [],
            networkMode: host?.field(.networkMode) ?? "default")
    }

    /// The list tells health only in words: `Up 3 minutes (healthy)`.
    static func health(inStatus text: String) -> ContainerRecord.Health {
        if text.hasSuffix("(healthy)") { return .healthy }
        if text.hasSuffix("(unhealthy)") { return .unhealthy }
        return text.hasSuffix("(health: starting)") ? .starting : .none
    }

    private struct PublishedPort: Decodable {
        var port: ContainerRecord.Port?

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Field.self)
            port = .init(number: fields.field(.privatePort) ?? 0, transport: fields.field(.type) ?? "tcp")
        }
    }
}

/// `GET /containers/{id}/json`.
struct ContainerInspection: Decodable {
    var record: ContainerRecord

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        let id = try fields.decode(String.self, forKey: .id)
        guard !id.isEmpty else {
            throw DecodingError.dataCorruptedError(forKey: .id, in: fields, debugDescription: "an empty id")
        }
        let config = try? fields.nestedContainer(keyedBy: Field.self, forKey: .config)
        let host = try? fields.nestedContainer(keyedBy: Field.self, forKey: .hostConfig)
        let settings = try? fields.nestedContainer(keyedBy: Field.self, forKey: .networkSettings)
        let state = try? fields.nestedContainer(keyedBy: Field.self, forKey: .state)
        let health = try? state?.nestedContainer(keyedBy: Field.self, forKey: .health)
        // The keys are the ports; the values (bindings on the host, or empty objects) do not matter here.
        let exposed = (config?.table(.exposedPorts, of: Ignored.self) ?? [:]).keys
        let published = (settings?.table(.ports, of: Ignored.self) ?? [:]).keys
        record = ContainerRecord(
            id: id, name: Docker.name(fromEngine: fields.field(.name) ?? String(id.prefix(12))),
            image: config?.field(.image) ?? fields.field(.image) ?? "", state: Self.state(state),
            health: .init(rawValue: (health?.field(.status) ?? "none").lowercased()) ?? .none,
            labels: config?.table(.labels, of: String.self) ?? [:],
            exposedPorts: Array(Set((Array(exposed) + Array(published)).compactMap { .init(exposed: $0) })),
            networks: settings?.table(.networks, of: AttachmentDocument.self).attachments ?? [],
            networkMode: host?.field(.networkMode) ?? "default")
        record.stopTimeout = config?.field(.stopTimeout)
        record.stopSignal = config?.field(.stopSignal, as: String.self).flatMap(StopSignal.number)
    }

    /// `Status`, or where an engine leaves it out, the flags that say the same.
    private static func state(_ fields: KeyedDecodingContainer<Field>?) -> ContainerRecord.State {
        guard let fields else { return .exited }
        if let text: String = fields.field(.status) { return .init(engine: text) }
        if fields.field(.paused) == true { return .paused }
        if fields.field(.restarting) == true { return .restarting }
        if fields.field(.dead) == true { return .dead }
        return fields.field(.running) == true ? .running : .exited
    }

    private struct Ignored: Decodable {
        init(from decoder: any Decoder) throws {}
    }
}

extension EngineEvent: Decodable {
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        let actor = try? fields.nestedContainer(keyedBy: Field.self, forKey: .actor)
        let attributes = actor?.table(.attributes, of: String.self) ?? [:]
        guard let kind: String = fields.field(.type), let action: String = fields.field(.action) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "an event without Type or Action"))
        }
        self.init(kind: kind, action: action, id: actor?.field(.ID) ?? "", attributes: attributes)
    }
}
