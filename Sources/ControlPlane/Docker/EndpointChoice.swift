public import Contract
public import KontainersConfiguration

/// Which address of a container is used for a rule, and why.
public struct EndpointChoice: Equatable, Sendable {
    /// `nil` when none can be used; the diagnosis then says what to do.
    public var endpoint: Endpoint?
    /// One sentence for the log: which network and address, and why these.
    public var reason: String
    public var diagnosis: Diagnosis?

    /// Where the container's engine is, and what this host reaches.
    public struct Surroundings: Sendable {
        /// The IP of the engine's host.
        public var hostAddress: String
        /// `nil` when the routes are not known: then a bridge is taken to be reachable.
        public var routes: LocalRoutes?

        public init(hostAddress: String = "127.0.0.1", routes: LocalRoutes? = nil) {
            self.hostAddress = hostAddress
            self.routes = routes
        }
    }

    /// What a rule says about its container.
    public struct Wish: Sendable {
        public var port: Int?
        public var network: String?
        public var transport: ContainerRecord.Port.Transport
        public var kind = Rule.Kind.http
        /// The port that the rule has opened: of several it is the one that is meant.
        public var listenPort: Int?
        public var place: Place
        public var rule: String

        public init(
            port: Int? = nil, network: String? = nil, transport: ContainerRecord.Port.Transport = .tcp, place: Place,
            rule: String
        ) {
            self.port = port
            self.network = network
            self.transport = transport
            self.place = place
            self.rule = rule
        }
    }

    /// - Parameter container: looks up another container of the same engine, for those that share its network.
    public init(
        for record: ContainerRecord, wish: Wish, surroundings: Surroundings,
        container: (String) -> ContainerRecord? = { _ in nil }
    ) {
        self.init(reason: "")
        guard let port = choosePort(record, wish) else { return }
        guard let address = chooseAddress(record, wish, surroundings, container) else { return }
        endpoint = Endpoint(address: IPLiteral.endpoint(address, port: port), name: record.name)
    }

    private init(reason: String) {
        endpoint = nil
        self.reason = reason
        diagnosis = nil
    }

    // MARK: - Port

    private mutating func choosePort(_ record: ContainerRecord, _ wish: Wish) -> Int? {
        if let port = wish.port { return port }
        let ports = record.exposedPorts.filter { $0.transport == wish.transport }.map(\.number)
        if let port = wish.listenPort, ports.contains(port) { return port }
        switch ports.count {
        case 1: return ports[0]
        case 0:
            refuse(
                wish, code: "no-port", found: "found that \(record.name) exposes no \(wish.transport.rawValue) port",
                wanted: "wanted the label \(wish.portLabel) set to the one it listens on")
        default:
            let list = ports.map(String.init).joined(separator: " and ")
            refuse(
                wish, code: "several-ports", found: "found that \(record.name) exposes \(list)",
                wanted: "wanted \(wish.portLabel) set to the one that is meant")
        }
        return nil
    }

    // MARK: - Address

    private mutating func chooseAddress(
        _ record: ContainerRecord, _ wish: Wish, _ surroundings: Surroundings,
        _ container: (String) -> ContainerRecord?
    ) -> String? {
        let mode = record.networkMode
        if mode == "host" || (record.networks.count == 1 && record.networks[0].network == "host") {
            reason = "\(record.name) uses the host's network, so \(surroundings.hostAddress) is used"
            return surroundings.hostAddress
        }
        if mode.hasPrefix("container:") {
            let id = String(mode.dropFirst("container:".count))
            guard let other = container(id), other.id != record.id, !other.networkMode.hasPrefix("container:") else {
                refuse(
                    wish, code: "no-network",
                    found: "found that \(record.name) shares the network of a container that is gone",
                    wanted: "wanted that container (\(id.prefix(12))) started again")
                return nil
            }
            let address = chooseAddress(other, wish, surroundings, container)
            reason = "\(record.name) shares the network of \(other.name); \(reason)"
            return address
        }
        if let network = wish.network { return named(network, record, wish, surroundings) }
        return best(record, wish, surroundings)
    }

    /// The network that a label names wins, even where it looks out of reach: the host may know better.
    private mutating func named(
        _ wanted: String, _ record: ContainerRecord, _ wish: Wish, _ surroundings: Surroundings
    ) -> String? {
        let exact = record.networks.filter { $0.network == wanted }
        // Compose calls the network `front` of a project `shop` `shop_front`.
        let matching = exact.isEmpty ? record.networks.filter { $0.network.hasSuffix("_\(wanted)") } : exact
        guard matching.count == 1 else {
            let names = record.networks.map(\.network).joined(separator: ", ")
            refuse(
                wish, code: "unknown-network",
                found: "found that \(record.name) is \(matching.isEmpty ? "not" : "more than once") on a network "
                    + "\"\(wanted)\"",
                wanted: names.isEmpty ? "wanted it connected to that network" : "wanted one of its networks: \(names)")
            return nil
        }
        let network = matching[0]
        guard let address = network.usableAddress else {
            refuse(
                wish, code: "no-address", found: "found that \(record.name) has no address on \(network.network)",
                wanted: "wanted it connected again to \(network.network)")
            return nil
        }
        reason = "\(address) on \(network.network) is used because the label names this network"
        if let obstacle = network.obstacle(surroundings) {
            diagnosis = Diagnosis(
                code: "network-out-of-reach", severity: .warning, place: wish.place, subject: wish.rule,
                found: "found that \(obstacle), though a label asks for it",
                wanted: "wanted a bridge network of this host, if requests fail")
        }
        return address
    }

    /// The first by name that the host reaches; the default bridge comes last.
    private mutating func best(
        _ record: ContainerRecord, _ wish: Wish, _ surroundings: Surroundings
    ) -> String? {
        let candidates = record.networks.filter { $0.usableAddress != nil }
            .sorted { ($0.network == "bridge" ? 1 : 0, $0.network) < ($1.network == "bridge" ? 1 : 0, $1.network) }
        var obstacles: [String] = []
        var reachable: [(network: ContainerRecord.Attachment, address: String)] = []
        for network in candidates {
            if let obstacle = network.obstacle(surroundings) {
                obstacles.append(obstacle)
            } else if let address = network.usableAddress {
                reachable.append((network, address))
            }
        }
        guard let chosen = reachable.first else {
            let found =
                obstacles.isEmpty
                ? "found that \(record.name) has no address on any network"
                : "found that \(obstacles.joined(separator: "; "))"
            refuse(
                wish, code: "no-reachable-network", found: found,
                wanted: "wanted \(record.name) on a bridge network of this host, or a network named by a label")
            return nil
        }
        reason = "\(chosen.address) on \(chosen.network.network) is used: "
        if reachable.count > 1 {
            let others = reachable.dropFirst().map(\.network.network).joined(separator: ", ")
            reason += "the first by name of those this host reaches (also: \(others))"
        } else {
            reason += "the only network this host reaches"
        }
        if let interface = surroundings.routes?.interface(to: chosen.address) { reason += ", over \(interface)" }
        if !obstacles.isEmpty { reason += "; \(obstacles.joined(separator: "; "))" }
        return chosen.address
    }

    private mutating func refuse(_ wish: Wish, code: String, found: String, wanted: String) {
        reason = "\(wish.rule): \(found); \(wanted)"
        diagnosis = Diagnosis(code: code, place: wish.place, subject: wish.rule, found: found, wanted: wanted)
    }
}

extension EndpointChoice.Wish {
    fileprivate var portLabel: String {
        switch kind {
        case .http: "kontainers.port (or kontainers.http.<name>.port)"
        case .tcp, .udp: "kontainers.\(kind.rawValue).\(rule).port"
        }
    }
}

extension ContainerRecord.Attachment {
    /// IPv4 before IPv6. Only what is an address: an engine's nonsense is not passed on.
    fileprivate var usableAddress: String? {
        [address, address6].first { IPLiteral.bytes($0) != nil }
    }

    /// Why this host cannot send to it, or `nil`.
    fileprivate func obstacle(_ surroundings: EndpointChoice.Surroundings) -> String? {
        switch driver {
        case "overlay", "macvlan", "ipvlan":
            // Even with a route to the subnet: the kernel does not pass frames between a macvlan and its parent.
            return "\(network) (\(driver ?? "")) is not reachable from the host"
        case "null": return "\(network) has no addresses"
        case _: break
        }
        guard let routes = surroundings.routes, let address = usableAddress, routes.interface(to: address) == nil else {
            return nil
        }
        return "\(network) is not reachable: no interface or route of this host leads to \(address)"
    }
}
