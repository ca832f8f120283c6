import KontainersConfiguration

/// A container that is to be made. It can ask for nothing that reaches out of itself but volumes: no privileges, no
/// namespaces of the host, no devices and no capabilities.
public struct ContainerRequest: Equatable, Sendable, Codable {
    public var name: String?
    public var image: String
    public var command: [String]?
    public var env: [String]?
    public var labels: [String: String]?
    public var ports: [ContainerDocument.PortMapping]?
    public var volumes: [ContainerDocument.VolumeMount]?
    public var network: String?
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    public var restartPolicy: String?
    /// Bytes.
    public var memory: Int?
    /// Hundredths of a processor.
    public var cpuPercent: Int?
    public var start = true

    enum CodingKeys: String, CodingKey {
        case name, image, command, env, labels, ports, volumes, network, restartPolicy, memory, cpuPercent, start
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        name = try values.decodeIfPresent(String.self, forKey: .name)
        image = try values.decode(String.self, forKey: .image)
        command = try values.decodeIfPresent([String].self, forKey: .command)
        env = try values.decodeIfPresent([String].self, forKey: .env)
        labels = try values.decodeIfPresent([String: String].self, forKey: .labels)
        ports = try values.decodeIfPresent([ContainerDocument.PortMapping].self, forKey: .ports)
        volumes = try values.decodeIfPresent([ContainerDocument.VolumeMount].self, forKey: .volumes)
        network = try values.decodeIfPresent(String.self, forKey: .network)
        restartPolicy = try values.decodeIfPresent(String.self, forKey: .restartPolicy)
        memory = try values.decodeIfPresent(Int.self, forKey: .memory)
        cpuPercent = try values.decodeIfPresent(Int.self, forKey: .cpuPercent)
        start = try values.decodeIfPresent(Bool.self, forKey: .start) ?? true
    }

    /// What policy has against it: places in the request, with what was found and is wanted.
    /// - Parameter paths: of the host that may be mounted, with all below them.
    public func faults(allowing paths: [String]) -> [(pointer: String, found: String, wanted: String)] {
        var faults: [(pointer: String, found: String, wanted: String)] = []
        for (index, volume) in (volumes ?? []).enumerated() where volume.source.hasPrefix("/") {
            let path = Self.resolved(volume.source)
            let isAllowed = paths.contains { allowed in
                let allowed = Self.resolved(allowed)
                return path == allowed || path.hasPrefix(allowed == "/" ? "/" : allowed + "/")
            }
            guard !isAllowed || path.hasSuffix("docker.sock") else { continue }
            faults.append(
                (
                    "/volumes/\(index)/source", "found the path \(path) of the host",
                    paths.isEmpty
                        ? "wanted the name of a volume: no path of the host is allowed (containerPaths)"
                        : "wanted the name of a volume, or a path below " + paths.joined(separator: ", ")
                ))
        }
        if let network, network == "host" || network.hasPrefix("container:") {
            faults.append(("/network", "found the network \(network)", "wanted a network of its own"))
        }
        return faults
    }

    /// Without `.` and `..`. Links of the host are not followed: nobody here sees them.
    static func resolved(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// As the engine wants it.
    var document: JSONValue {
        var exposed: [String: JSONValue] = [:]
        var bindings: [String: JSONValue] = [:]
        for port in ports ?? [] {
            let key = "\(port.privatePort)/\(port.type.isEmpty ? "tcp" : port.type.lowercased())"
            exposed[key] = .object([:])
            guard let published = port.publicPort else { continue }
            let binding = JSONValue.object(["HostIp": .text(port.ip), "HostPort": .text(String(published))])
            bindings[key] = .list((bindings[key]?.list ?? []) + [binding])
        }
        var host: [String: JSONValue] = ["PortBindings": .object(bindings), "Privileged": .boolean(false)]
        host["Binds"] = .list((volumes ?? []).map { .text("\($0.source):\($0.destination):\($0.mode)") })
        if let restartPolicy { host["RestartPolicy"] = .object(["Name": .text(restartPolicy)]) }
        if let memory { host["Memory"] = .integer(memory) }
        if let cpuPercent { host["NanoCpus"] = .integer(cpuPercent * 10_000_000) }
        if let network { host["NetworkMode"] = .text(network) }
        var document: [String: JSONValue] = [
            "Image": .text(image), "ExposedPorts": .object(exposed), "HostConfig": .object(host),
        ]
        if let command { document["Cmd"] = .list(command.map(JSONValue.text)) }
        if let env { document["Env"] = .list(env.map(JSONValue.text)) }
        if let labels { document["Labels"] = .object(labels.mapValues(JSONValue.text)) }
        return .object(document)
    }
}

/// What an engine changes of a container in place.
public struct ContainerUpdate: Equatable, Sendable, Codable {
    public var name: String?
    public var restartPolicy: String?
    /// Bytes.
    public var memory: Int?
    /// Hundredths of a processor.
    public var cpuPercent: Int?

    var document: JSONValue? {
        var fields: [String: JSONValue] = [:]
        if let restartPolicy { fields["RestartPolicy"] = .object(["Name": .text(restartPolicy)]) }
        if let memory {
            fields["Memory"] = .integer(memory)
            fields["MemorySwap"] = .integer(memory * 2)
        }
        if let cpuPercent { fields["NanoCpus"] = .integer(cpuPercent * 10_000_000) }
        return fields.isEmpty ? nil : .object(fields)
    }
}
