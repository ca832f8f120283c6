import Contract

/// What a rule says of connections or datagrams, in the form that building a table copies from.
struct CompiledTransport: Sendable {
    private(set) var record = RouteTransport()
    /// As in a ClientHello; places of the record count from its start.
    let protocols: [UInt8]
    /// What connections of the rule begin with; empty: anything.
    let prefaces: [TransportPreface]
    /// Its clients are greeted.
    let greets: Bool

    /// `nil` for an http rule.
    init?(_ rule: Rule) throws(RuleFault) {
        guard rule.kind != .http else {
            guard rule.transport == nil else {
                throw RuleFault(message: "found transport options in an http rule, wanted kind tcp or udp")
            }
            return nil
        }
        let options = rule.transport ?? TransportOptions()
        greets = options.preamble == .mysql
        do {
            try options.check(for: rule.kind, hosts: rule.hosts)
            try options.checkPreamble(takesOffTLS: rule.tls == .required)
        } catch {
            throw RuleFault(message: "transport: \(error.message)")
        }
        guard !rule.listeners.isEmpty else {
            throw RuleFault(message: "a \(rule.kind.rawValue) rule names no listener; wanted one at least")
        }
        guard rule.path == "/" else {
            throw RuleFault(
                message: "found path \"\(rule.path)\" in a \(rule.kind.rawValue) rule, wanted it left out")
        }
        protocols = options.protocols.flatMap { [UInt8(truncatingIfNeeded: $0.utf8.count)] + Array($0.utf8) }
        // Names and protocols are those of a ClientHello.
        prefaces =
            rule.hosts.isEmpty && options.protocols.isEmpty ? options.prefaces.map { TransportPreface($0) } : [.tls]
        record.protocols.count = UInt32(protocols.count)
        record.terminates = rule.kind == .tcp && rule.tls == .required
        record.originates = options.upstreamTLS != nil
        record.header =
            switch options.proxyProtocol {
            case .off: .none
            case .v1: .version1
            case .v2: .version2
            }
        let sessions = options.sessions ?? SessionOptions()
        record.sessions.idle = UInt64(sessions.idle) * 1_000_000
        record.sessions.limit = UInt32(sessions.limit)
        record.sessions.replies = UInt32(sessions.replies)
        record.sessions.amplification = UInt32(sessions.amplification)
        record.sessions.orphans =
            switch sessions.orphans {
            case .move: .move
            case .keep: .keep
            case .close: .close
            }
    }

    /// The hosts by which a rule is found; none for one that goes by its listener.
    static func hosts(of rule: Rule) -> [String] {
        switch rule.kind {
        case .http: rule.hosts.isEmpty ? ["*"] : rule.hosts
        case .tcp: rule.hosts.isEmpty && rule.transport?.protocols.isEmpty == false ? ["*"] : rule.hosts
        case .udp: []
        }
    }
}

extension TransportPreface {
    init(_ preface: TransportOptions.Preface) {
        self =
            switch preface {
            case .tls: .tls
            case .http: .http
            case .ssh: .ssh
            case .postgres: .postgres
            case .other: .other
            }
    }
}

extension TableWriter {
    /// Writes what a rule says of connections or datagrams, and answers where it is.
    mutating func add(_ transport: CompiledTransport?) -> UInt32 {
        guard let transport else { return nobody }
        var record = transport.record
        record.protocols.start = append(bytes: transport.protocols)
        arena.store(record, at: header.transportOptions, transportCount)
        transportCount += 1
        return UInt32(transportCount - 1)
    }

    /// Notes at each of a rule's listeners what it asks of connections there.
    mutating func addToListeners(_ rule: CompiledRule) {
        for listener in rule.listenerIndexes {
            var record = arena.load(ListenerRecord.self, at: header.listeners, Int(listener))
            switch (rule.source.kind, rule.transport) {
            case (.http, _):
                if !rule.flags.isDisjoint(with: [.servesPlain, .redirectsPlain]) {
                    record.traits.insert(.plainRequests)
                }
                if rule.flags.contains(.servesSecure) { record.traits.insert(.secureRequests) }
            case (.tcp, let transport) where !rule.places.isEmpty:
                record.traits.insert(.names)
                if transport?.greets == true { record.traits.insert(.greets) }
            case (_, let transport?): take(rule, transport, &record)
            case (_, nil): preconditionFailure("a rule of kind tcp or udp without its transport")
            }
            arena.store(record, at: header.listeners, Int(listener))
        }
    }

    /// Takes for a rule the beginnings that it names, or those that nobody names.
    private mutating func take(_ rule: CompiledRule, _ transport: CompiledTransport, _ record: inout ListenerRecord) {
        var winner: UInt32?
        if transport.prefaces.isEmpty {
            if record.fallback != nobody { winner = record.fallback } else { record.fallback = rule.id.number }
            record.traits.insert(.anything)
            for preface in TransportPreface.allCases where record[preface] == nobody {
                record[preface] = rule.id.number
            }
        } else {
            record.traits.insert(.prefaces)
            for preface in transport.prefaces {
                if record.named & 1 << preface.rawValue != 0 {
                    winner = record[preface]
                } else {
                    record.named |= 1 << preface.rawValue
                    record[preface] = rule.id.number
                }
            }
        }
        if let winner { lose(rule, to: winner) }
    }
}
