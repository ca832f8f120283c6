public import Contract

/// Reads what rules of connections and datagrams say beside their pool.
extension SectionReader {
    struct Transport {
        /// `nil` when nothing was said.
        var options: TransportOptions?
        /// The file of `upstreamTLS`' authorities as it was written.
        var authorities: (path: String, position: Position)?
    }

    mutating func transport(_ fields: Fields) -> Transport {
        var transport = Transport()
        var options = TransportOptions()
        for (name, position) in texts("alpn", of: fields) {
            guard TransportOptions.protocolRange.contains(name.utf8.count) else {
                report(
                    "bad-alpn", at: position, subject: fields.subject,
                    found: "found \(name.utf8.count) bytes in an application protocol",
                    wanted: "wanted 1 to 255, such as \"h2\"")
                continue
            }
            if !options.protocols.contains(name) { options.protocols.append(name) }
        }
        for (word, _) in texts("preface", of: fields) {
            guard let preface = TransportOptions.Preface(rawValue: word), !options.prefaces.contains(preface) else {
                continue
            }
            options.prefaces.append(preface)
        }
        options.preamble = text("preamble", of: fields).flatMap(TransportOptions.Preamble.init)
        if let word = text("proxyProtocol", of: fields) {
            options.proxyProtocol = TransportOptions.SentProxyProtocol(rawValue: word) ?? options.proxyProtocol
        }
        options.upstreamTLS = upstreamTLS(fields, &transport)
        options.sessions = sessions(fields)
        if options != TransportOptions() { transport.options = options }
        return transport
    }

    private mutating func upstreamTLS(_ fields: Fields, _ transport: inout Transport) -> UpstreamTLS? {
        guard let (field, pair) = fields.written("upstreamTLS"), case .switchable(let section) = field.type else {
            return nil
        }
        if case .text(let text, _) = pair.value.content {
            do {
                return try Quantities.boolean(text) ? UpstreamTLS() : nil
            } catch {
                report(
                    error.code, at: pair.value.position, subject: fields.subject,
                    found: "\(error.found) in \"upstreamTLS\"", wanted: "wanted \(field.type.wanted)")
                return nil
            }
        }
        guard let inner = self.fields(pair.value, as: section, subject: fields.subject) else { return nil }
        var tls = UpstreamTLS()
        tls.serverName = text("serverName", of: inner)
        if let name = tls.serverName, name.hasPrefix("*") {
            report(
                "bad-host", at: inner.position("serverName"), subject: fields.subject,
                found: "found \(Shown.quoted(name)) in \"serverName\"",
                wanted: "wanted the one name that endpoints are asked for")
        }
        tls.verify = number("verify", of: inner).map { $0 == 1 } ?? tls.verify
        if let path = text("authorities", of: inner) { transport.authorities = (path, inner.position("authorities")) }
        if !tls.verify, transport.authorities != nil {
            report(
                "said-in-vain", .warning, at: inner.position("authorities"), subject: fields.subject,
                found: "found \"authorities\", and \"verify\" false: nobody is asked who signed",
                wanted: "wanted one of them")
        }
        return tls
    }

    private mutating func sessions(_ fields: Fields) -> SessionOptions? {
        guard let section = section("sessions", of: fields) else { return nil }
        var sessions = SessionOptions()
        for (name, field) in [
            ("idle", \SessionOptions.idle), ("limit", \.limit), ("replies", \.replies),
            ("amplification", \.amplification),
        ] {
            if let value = number(name, of: section) { sessions[keyPath: field] = value }
        }
        if let word = text("orphans", of: section) {
            sessions.orphans = SessionOptions.Orphans(rawValue: word) ?? sessions.orphans
        }
        return sessions
    }

    // MARK: - What is for requests alone

    /// Reports what options of a rule say that has no meaning for its kind.
    mutating func refuseUnfit(
        _ fields: Fields, for kind: Rule.Kind, _ options: RuleOptions?, _ pool: PoolOptions?
    ) {
        guard kind != .http else { return }
        for path in Schema.ofRequests {
            guard let (_, pair) = fields.written(path[0]), let found = pair.value.pair(at: path.dropFirst()) else {
                continue
            }
            reportUnfit(found, kind, fields)
        }
        if let pool, pool.hashBy != .client {
            report(
                "not-for-kind", at: fields.position("pool"), subject: fields.subject,
                found: "found \"hashBy\" \(Shown.quoted(pool.hashBy.written)) in a \(kind.rawValue) rule",
                wanted: "wanted client: nothing else is known of \(kind.traffic)")
        }
        if let retries = options?.retries, fields.has("retries"), retries.on != [.connect] {
            guard let (_, pair) = fields.written("retries"), let said = pair.value.pair(at: ["on"]) else { return }
            report(
                "not-for-kind", at: said.value.position, subject: fields.subject,
                found: "found \"on\" with more than connect in a \(kind.rawValue) rule",
                wanted: "wanted connect: what was passed on cannot be sent again")
        }
        if kind == .udp { refuseBeyondDatagrams(fields) }
    }

    private mutating func refuseBeyondDatagrams(_ fields: Fields) {
        guard let (_, pair) = fields.written("pool"), let slowStart = pair.value.pair(at: ["slowStart"]) else { return }
        reportUnfit(slowStart, .udp, fields)
    }

    mutating func reportUnfit(_ pair: Written.Pair, _ kind: Rule.Kind, _ fields: Fields) {
        report(
            "not-for-kind", at: pair.keyPosition, subject: fields.subject,
            found: "found \"\(Shown.plain(pair.key))\" in a \(kind.rawValue) rule",
            wanted: "wanted it left out: \(kind.traffic) have none")
    }
}

extension Rule.Kind {
    /// A rule of it, with its article.
    public var inARule: String { self == .http ? "an http rule" : "a \(rawValue) rule" }

    /// In a sentence: what it passes on.
    var traffic: String {
        switch self {
        case .http: "requests"
        case .tcp: "connections"
        case .udp: "datagrams"
        }
    }
}

extension Written {
    /// What stands in mappings within each other under these names.
    func pair(at path: some Collection<String>) -> Pair? {
        guard let name = path.first, case .mapping(let pairs) = content,
            let pair = pairs.first(where: { $0.key == name })
        else { return nil }
        let rest = path.dropFirst()
        return rest.isEmpty ? pair : pair.value.pair(at: rest)
    }
}
