import Contract
public import KontainersConfiguration

/// A rule of the interface as the file's grammar would have it.
extension ProxyRule {
    public var document: RuleDocument {
        var document = RuleDocument(name: name, kind: kind)
        document.fields += hostFields
        if kind == .http, sourcePath != "/" {
            document.fields.append(.init("path", .text(sourcePath), at: "/sourcePath"))
        }
        if let listeners, !listeners.isEmpty {
            document.fields.append(.init("listeners", .list(listeners.map(JSONValue.text)), at: "/listeners"))
        }
        if kind != .udp, let tls { document.fields.append(.init("tls", .text(tls.text), at: tls.pointer)) }
        if targetContainer.isEmpty {
            if let endpoints { document.fields.append(.init("endpoints", .list(endpoints), at: "/endpoints")) }
        } else {
            document.container = .init(
                id: targetContainer, port: targetPort == 0 ? nil : targetPort,
                network: advancedConfig?["network"]?.text)
        }
        document.fields += headerFields + loadFields + advancedFields
        document.listenPort = advancedConfig?["listen"]?.integer
        if sslCertPath != nil, sslKeyPath != nil { document.certificate = "store:" + name }
        return document
    }

    /// One list in the grammar, three fields here.
    private var hostFields: [RuleDocument.Field] {
        var named = [(sourceHost, "/sourceHost"), (domain ?? "", "/domain")].filter { !$0.0.isEmpty }
        named += (hosts ?? []).enumerated().map { ($0.element, "/hosts/\($0.offset)") }
        var seen: Set<String> = []
        named = named.filter { seen.insert($0.0).inserted }
        // Of connections, every name and none is the same.
        guard !named.isEmpty, !(kind == .tcp && named.map(\.0) == ["*"]) else { return [] }
        return [
            .init(
                kind == .tcp ? "sni" : "hosts", .list(named.map { .text($0.0) }), at: named[0].1, items: named.map(\.1))
        ]
    }

    var kind: RuleDeclaration.Kind {
        switch proxyProtocol {
        case .http, .https: .http
        case .tcp: .tcp
        case .udp: .udp
        }
    }

    /// Of several fields that speak of TLS, the one that says most.
    private var tls: (text: String, pointer: String)? {
        if let sslCertificate, !sslCertificate.isEmpty { return (sslCertificate, "/sslCertificate") }
        if letsEncryptEnabled == true { return ("auto", "/letsEncryptEnabled") }
        if sslEnabled { return ("auto", "/sslEnabled") }
        if proxyProtocol == .https { return ("auto", "/protocol") }
        return nil
    }

    /// `headers` and `responseHeaders` are set; what `advancedConfig` says of headers beside them stays.
    private var headerFields: [RuleDocument.Field] {
        [("requestHeaders", headers, "/headers"), ("responseHeaders", responseHeaders, "/responseHeaders")]
            .compactMap { name, values, pointer in
                guard let values, !values.isEmpty else { return nil }
                var section = advancedConfig?[name]?.object ?? [:]
                let set = (section["set"]?.object ?? [:]).merging(values.mapValues(JSONValue.text)) { $1 }
                section["set"] = .object(set)
                return .init(name, .object(section), at: pointer)
            }
    }

    private var loadFields: [RuleDocument.Field] {
        var fields: [RuleDocument.Field] = []
        if let loadBalancing { fields.append(.init("pool", Self.pool(loadBalancing), at: "/loadBalancing")) }
        if let check = healthCheck {
            var health: [String: JSONValue] = [
                "interval": .text("\(check.interval)s"), "timeout": .text("\(check.timeout)s"),
                "fall": .integer(check.retries),
            ]
            if kind == .http {
                health["path"] = .text(check.path.isEmpty ? "/" : check.path)
                if !check.successCodes.isEmpty { health["expect"] = .text(check.successCodes) }
            }
            fields.append(.init("health", .object(health), at: "/healthCheck"))
        }
        return fields
    }

    /// The words of the original specification's time, beside the grammar's own.
    private static func pool(_ written: JSONValue) -> JSONValue {
        guard case .object(var fields) = written, fields["policy"] == nil, let method = fields["method"]?.text else {
            return written
        }
        fields["method"] = nil
        switch method.lowercased().replacing("_", with: "-") {
        case "ip-hash":
            fields["policy"] = .text("hash")
            fields["hashBy"] = .text("client")
        case "least-conn", "least-connections": fields["policy"] = .text("least-connections")
        case let other: fields["policy"] = .text(other)
        }
        return .object(fields)
    }

    private var advancedFields: [RuleDocument.Field] {
        guard let fields = advancedConfig?.object else { return [] }
        // Said elsewhere, or joined to what is.
        var taken: Set = ["network", "listen"]
        if headers?.isEmpty == false { taken.insert("requestHeaders") }
        if responseHeaders?.isEmpty == false { taken.insert("responseHeaders") }
        return fields.sorted { $0.key < $1.key }.compactMap { name, value in
            taken.contains(name) ? nil : .init(name, value, at: "/advancedConfig/" + JSONPointer.part(name))
        }
    }
}
