import KontainersConfiguration

/// A container as the interface tells of it.
public struct ContainerDocument: Equatable, Sendable, Codable {
    public enum State: String, Sendable, Codable, CaseIterable {
        case running = "RUNNING"
        case stopped = "STOPPED"
        case paused = "PAUSED"
        case restarting = "RESTARTING"
        case removing = "REMOVING"
        case dead = "DEAD"
        case created = "CREATED"

        init(engine: String) {
            switch engine {
            case "running": self = .running
            case "paused": self = .paused
            case "restarting": self = .restarting
            case "removing": self = .removing
            case "dead": self = .dead
            case "created", "configured": self = .created
            case _: self = .stopped
            }
        }
    }

    public struct PortMapping: Equatable, Sendable, Codable {
        public var privatePort: Int
        public var publicPort: Int?
        public var type: String
        public var ip: String
    }

    public struct VolumeMount: Equatable, Sendable, Codable {
        public var source: String
        public var destination: String
        public var mode: String
    }

    public var id: String
    public var name: String
    public var image: String
    public var state: State
    /// The engine's words: "Up 3 hours".
    public var status: String
    public var ports: [PortMapping]
    public var volumes: [VolumeMount]
    public var networks: [String]
    /// Milliseconds since 1970.
    public var created: Int64
    public var labels: [String: String]?
    /// Of one container alone.
    public var env: [String]?

    /// From a list of the engine.
    init?(summary: JSONValue) {
        guard let id = summary["Id"]?.text else { return nil }
        self.id = id
        name = Self.plain(summary["Names"]?.list?.first?.text ?? id)
        image = summary["Image"]?.text ?? ""
        state = State(engine: summary["State"]?.text ?? "")
        status = summary["Status"]?.text ?? ""
        ports = (summary["Ports"]?.list ?? []).compactMap { port in
            port["PrivatePort"]?.integer.map {
                PortMapping(
                    privatePort: $0, publicPort: port["PublicPort"]?.integer, type: port["Type"]?.text ?? "tcp",
                    ip: port["IP"]?.text ?? "")
            }
        }
        volumes = Self.volumes(summary["Mounts"])
        networks = (summary["NetworkSettings"]?["Networks"]?.object ?? [:]).keys.sorted()
        created = Int64(summary["Created"]?.integer ?? 0) * 1_000
        labels = summary["Labels"]?.object?.compactMapValues(\.text)
    }

    /// From what the engine tells of one.
    init?(inspection: JSONValue) {
        guard let id = inspection["Id"]?.text else { return nil }
        self.id = id
        name = Self.plain(inspection["Name"]?.text ?? id)
        image = inspection["Config"]?["Image"]?.text ?? ""
        let word = inspection["State"]?["Status"]?.text ?? ""
        state = State(engine: word)
        status = word
        var ports: [PortMapping] = []
        for (text, bound) in (inspection["NetworkSettings"]?["Ports"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            let parts = text.split(separator: "/")
            guard let number = parts.first.flatMap({ Int($0) }) else { continue }
            let type = parts.count > 1 ? String(parts[1]) : "tcp"
            let hosts = bound.list ?? []
            if hosts.isEmpty { ports.append(PortMapping(privatePort: number, publicPort: nil, type: type, ip: "")) }
            for host in hosts {
                ports.append(
                    PortMapping(
                        privatePort: number, publicPort: host["HostPort"]?.text.flatMap { Int($0) }, type: type,
                        ip: host["HostIp"]?.text ?? ""))
            }
        }
        self.ports = ports
        volumes = Self.volumes(inspection["Mounts"])
        networks = (inspection["NetworkSettings"]?["Networks"]?.object ?? [:]).keys.sorted()
        created = EngineTime.milliseconds(inspection["Created"]?.text ?? "") ?? 0
        labels = inspection["Config"]?["Labels"]?.object?.compactMapValues(\.text)
        env = inspection["Config"]?["Env"]?.list?.compactMap(\.text)
    }

    private static func volumes(_ mounts: JSONValue?) -> [VolumeMount] {
        (mounts?.list ?? []).map { mount in
            let name = mount["Name"]?.text ?? ""
            return VolumeMount(
                source: name.isEmpty ? mount["Source"]?.text ?? "" : name,
                destination: mount["Destination"]?.text ?? "",
                mode: mount["RW"] == .boolean(false) ? "ro" : "rw")
        }
    }

    private static func plain(_ name: String) -> String { name.hasPrefix("/") ? String(name.dropFirst()) : name }
}

/// Times as engines write them (RFC 3339 with up to nine digits behind the second).
enum EngineTime {
    static func milliseconds(_ text: String) -> Int64? {
        let parts = text.split { "-T:Z.+".contains($0) }
        guard parts.count >= 6, let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
            let hour = Int(parts[3]), let minute = Int(parts[4]), let second = Int(parts[5]), (1...12).contains(month)
        else { return nil }
        let digits = parts.count > 6 ? parts[6].prefix(3) : "0"
        let fraction = Int64(digits + String(repeating: "0", count: max(0, 3 - digits.count))) ?? 0
        // Days since 1970 by the civil calendar (Howard Hinnant's algorithm).
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
        return (Int64(days) * 86_400 + Int64(hour * 3_600 + minute * 60 + second)) * 1_000 + fraction
    }
}
