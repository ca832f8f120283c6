import Contract
import Kernel
import KontainersConfiguration

/// What a person reads when the appliance is up. The last line tells what to open next.
struct Announcement {
    var configuration: ApplianceConfiguration
    var configurationPath: String
    /// What is open and what is not, by the listeners' names.
    var statuses: [ListenerStatus]
    /// Docker sockets of the configuration that are not there.
    var absentDockerSockets: [String]
    /// Who runs what, by name.
    var supervisorUser: String
    var controlUser: String
    var edgeUser: String
    var isRoot: Bool
    /// Children that are not ready yet.
    var waitsFor: [String] = []

    var text: String {
        var lines = [
            waitsFor.isEmpty
                ? "Kontainers is up."
                : "Kontainers is up, except \(waitsFor.joined(separator: " and ")): see what it says above."
        ]
        let width = configuration.listeners.map(\.name.count).max() ?? 0
        for listener in configuration.listeners {
            guard let status = statuses.first(where: { $0.name == listener.name }) else { continue }
            let name = listener.name.padded(to: width)
            let proto = listener.wireProtocol.rawValue.padded(to: 5)
            lines.append("  \(name)  \(proto)  " + (status.failure.map { "NOT OPEN: \($0)" } ?? status.address))
        }
        lines += dockerLines
        lines.append(userLine)
        lines.append(next)
        return lines.joined(separator: "\n") + "\n"
    }

    private var dockerLines: [String] {
        guard !configuration.dockerEndpoints.isEmpty else { return [] }
        return configuration.dockerEndpoints.map { endpoint in
            if case .unix(let path) = endpoint.address, absentDockerSockets.contains(path) {
                return
                    "Docker: \(path) is absent. Kontainers keeps trying; the rules of \(configurationPath) are served."
            }
            return "Docker: containers with labels are taken from \(endpoint.text)."
        }
    }

    private var userLine: String {
        if isRoot {
            return edgeUser == supervisorUser
                ? "Users: everything runs as \(edgeUser). Give the edge a user of its own (users: edge)."
                : "Users: the supervisor runs as \(supervisorUser), control as \(controlUser), the edge as \(edgeUser)."
        }
        return "Users: not started as root, so the edge, which reads what strangers send, runs as \(edgeUser) like "
            + "everything else and can reach what \(edgeUser) can. Fine for development."
    }

    /// `Open http://site.test:8080/ …`
    private var next: String {
        guard let web = configuration.listeners.first(where: { $0.isWeb && isOpen($0.name) }) else {
            let open = configuration.listeners.filter { isOpen($0.name) }.map { listener in
                "\(Self.local(address(listener))):\(port(listener)) (\(listener.wireProtocol.rawValue))"
            }
            return open.isEmpty
                ? "No listener is open yet: see above, or add one to \(configurationPath)."
                : "Connect to \(open.joined(separator: " or "))."
        }
        let best = configuration.rules.lazy
            .filter { $0.kind == .http && !$0.hosts.isEmpty }
            .compactMap { rule in listener(for: rule).map { (rule, $0) } }
            .min { Self.effort($0.0) < Self.effort($1.0) }
        guard let (rule, listener) = best else {
            let url = url("hello.localhost", web, path: "/")
            return configuration.dockerEndpoints.isEmpty
                ? "Next: add a rule to \(configurationPath); it is served as soon as the file is saved."
                : "Next: docker run -d -l kontainers.enable=true -l kontainers.host=hello.localhost nginx, "
                    + "then open \(url)"
        }
        let host = Self.easiestHost(rule)
        guard Self.reachesThisMachine(host) else {
            let name = host.hasPrefix("*.") ? "www" + host.dropFirst() : host
            let insecure = listener.wireProtocol == .https ? "-k " : ""
            let resolve = "\(name):\(port(listener)):\(Self.local(address(listener)).trimmed)"
            let there = url(name, listener, path: rule.path)
            return "Open \(there) (while \(name) has no address: curl \(insecure)--resolve \(resolve) \(there))"
        }
        let name = host == "*" ? Self.local(address(listener)) : host
        return "Open \(url(name, listener, path: rule.path))"
    }

    /// The open listener that serves the rule, TLS where the rule asks for it.
    private func listener(for rule: RuleDeclaration) -> Listener? {
        let serving = configuration.listeners.filter {
            $0.isWeb && isOpen($0.name) && (rule.listeners.isEmpty || rule.listeners.contains($0.name))
        }
        let wanted: Listener.WireProtocol =
            switch rule.tls {
            case .auto, .certificate: .https
            case .off, .unspecified: .http
            }
        return serving.first { $0.wireProtocol == wanted } ?? serving.first
    }

    private func isOpen(_ name: String) -> Bool {
        statuses.contains { $0.name == name && $0.failure == nil }
    }

    private func address(_ listener: Listener) -> SocketAddress {
        let text = statuses.first { $0.name == listener.name }?.address ?? listener.address
        return SocketAddress(text: text) ?? SocketAddress(ipv4: 0x7f00_0001, port: 0)
    }

    private func port(_ listener: Listener) -> UInt16 { address(listener).port }

    private func url(_ host: String, _ listener: Listener, path: String) -> String {
        let isPlain = listener.wireProtocol == .http
        let port = port(listener)
        let usual: UInt16 = isPlain ? 80 : 443
        return "\(isPlain ? "http" : "https")://\(host)\(port == usual ? "" : ":\(port)")\(path)"
    }

    /// Where a listener is reached from this machine, as it stands in a URL.
    private static func local(_ address: SocketAddress) -> String {
        switch address.family {
        case .ipv4: address.ipv4 == 0 ? "127.0.0.1" : address.host
        case .ipv6: address.ipv6 == (0, 0) ? "[::1]" : "[\(address.host)]"
        }
    }

    private static func reachesThisMachine(_ host: String) -> Bool {
        host == "*" || host == "localhost" || (host.hasSuffix(".localhost") && !host.hasPrefix("*"))
    }

    private static func easiestHost(_ rule: RuleDeclaration) -> String {
        rule.hosts.first(where: reachesThisMachine) ?? rule.hosts.first { !$0.hasPrefix("*") } ?? rule.hosts[0]
    }

    /// How much a person must do to see the rule answer.
    private static func effort(_ rule: RuleDeclaration) -> Int {
        let host = easiestHost(rule)
        return reachesThisMachine(host) ? 0 : host.hasPrefix("*") ? 2 : 1
    }
}

extension Listener {
    fileprivate var isWeb: Bool {
        switch wireProtocol {
        case .http, .https: true
        case .tcp, .udp: false
        }
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
    /// Without the brackets of an IPv6 address in a URL.
    fileprivate var trimmed: String { hasPrefix("[") ? String(dropFirst().dropLast()) : self }
}
