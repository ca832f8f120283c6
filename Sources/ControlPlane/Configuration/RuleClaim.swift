public import Contract

/// What a rule takes for itself on its listeners: no other rule there may have the same.
public enum RuleClaim: Hashable, Sendable {
    case requests(host: String, path: String)
    /// TLS connections by what their ClientHello names; an empty protocol is any.
    case names(String, protocol: String)
    case preface(TransportOptions.Preface)
    /// Whatever comes and nobody else asks for.
    case rest
}

extension RuleClaim: CustomStringConvertible {
    public var description: String {
        switch self {
        case .requests(let host, let path): host + path
        case .names(let name, ""): "sni \(name)"
        case .names("*", let offered): "alpn \(offered)"
        case .names(let name, let offered): "sni \(name) with alpn \(offered)"
        case .preface(let preface): "preface \(preface.rawValue)"
        case .rest: "whatever comes"
        }
    }
}

extension RuleDeclaration {
    /// What one of its hosts claims.
    public func claims(of host: String) -> [RuleClaim] {
        guard kind == .tcp else { return [.requests(host: host, path: path)] }
        let protocols = transport?.protocols ?? []
        return (protocols.isEmpty ? [""] : protocols).map { .names(host, protocol: $0) }
    }

    public var claims: [RuleClaim] {
        guard hosts.isEmpty else { return hosts.flatMap(claims) }
        switch kind {
        case .http, .udp: return [.rest]
        case .tcp: break
        }
        let transport = transport ?? TransportOptions()
        // Who asks for a protocol alone asks for it under any name.
        if !transport.protocols.isEmpty { return claims(of: "*") }
        return transport.prefaces.isEmpty ? [.rest] : transport.prefaces.map { .preface($0) }
    }

    /// Whether it says which connections it wants of those that come to its listeners.
    public var hasConditions: Bool { claims != [.rest] }

    /// What keeps fields that are right one by one from going together.
    func check() throws(OptionFault) {
        try transport?.check(for: kind, hosts: hosts)
        switch tls {
        case .unspecified, .off: break
        case .auto, .certificate: try transport?.checkPreamble(takesOffTLS: true)
        }
        guard kind == .tcp, let prefaces = transport?.prefaces, !prefaces.isEmpty, prefaces != [.tls] else { return }
        if let offered = transport?.protocols.first {
            throw OptionFault(
                found: "found alpn \"\(offered)\" and prefaces beside tls",
                wanted: "wanted one of them: only TLS says what it offers")
        }
        switch tls {
        case .unspecified, .off: return
        case .auto, .certificate:
            throw OptionFault(
                found: "found tls, which is taken off here, and prefaces beside tls",
                wanted: "wanted \"preface\" to be tls, or no \"tls\"")
        }
    }
}

extension Rule.Kind {
    /// What a rule could ask for that asks for what another has.
    public var wantedInstead: String {
        switch self {
        case .http: "wanted another host, path or listener"
        case .tcp: "wanted another sni, alpn, preface or listener"
        case .udp: "wanted another listener"
        }
    }
}
