import Contract

/// Which rules were considered for a request, why each lost, and what came of it.
public struct Explanation: Equatable, Sendable {
    public struct Considered: Equatable, Sendable {
        public var rule: String
        /// Of the rule, as it writes them.
        public var host: String
        public var path: String
        public var isWinner: Bool
        /// A sentence's end: "serves", "lost, …".
        public var reason: String
    }

    /// Host and path in the form in which they are compared; `nil` where it did not come to that.
    public var compared: (host: String, path: String)?
    /// In the order of the decision: more specific hosts first.
    public var considered: [Considered]
    public var match: RouteMatch
    /// The rule's name.
    public var winner: String?
    /// A sentence's end: "rule "site" serves it", "404, …".
    public var answer: String

    public static func == (left: Explanation, right: Explanation) -> Bool {
        left.compared?.host == right.compared?.host && left.compared?.path == right.compared?.path
            && left.considered == right.considered && left.match == right.match && left.answer == right.answer
    }
}

extension RouteTable {
    /// Which rules were considered for a request and why each lost, in sentences for people; the last line is the
    /// answer.
    public func explain(host: String, path: String, listener: String, secure: Bool) -> [String] {
        let explanation = explanation(host: host, path: path, listener: listener, secure: secure)
        var lines = [
            "asked: host \"\(host)\", path \"\(path)\", listener \"\(listener)\", \(secure ? "with" : "without") TLS"
        ]
        if let read = explanation.compared { lines.append("compared: host \"\(read.host)\", path \"\(read.path)\"") }
        lines += explanation.considered.map {
            "rule \"\($0.rule)\" (host \($0.host), path \($0.path)): \($0.reason)"
        }
        lines.append("answer: \(explanation.answer)")
        return lines
    }

    /// The same code decides as on the path of a request. Not for that path: it allocates, and looks at every rule.
    ///
    /// - Parameter listener: the listener's name. One that no rule and nobody else ever named serves only rules of
    ///   every listener.
    public func explanation(host: String, path: String, listener: String, secure: Bool) -> Explanation {
        let (hostBytes, pathBytes) = (Array(host.utf8), Array(path.utf8))
        var log = MatchLog()
        let match = view.match(
            host: hostBytes.span, path: pathBytes.span, listener: listeners[listener] ?? -1, secure: secure,
            watched: &log)
        let names = Dictionary(uniqueKeysWithValues: rules.map { ($0.id, $0.source.name) })
        let winner = log.steps.first { step in
            switch match {
            case .route(let id): step.route == id && step.verdict == .serves
            case .redirectToTLS(let id): step.route == id && step.verdict == .redirects
            case .none, .badPath, .badHost: false
            }
        }
        let name = winner.flatMap { names[$0.route] }
        var considered = log.steps.map { step in
            Explanation.Considered(
                rule: names[step.route] ?? "", host: step.host, path: step.path,
                isWinner: step.route == winner?.route && step.rank == winner?.rank && step.path == winner?.path,
                reason: step.reason(against: winner, named: name ?? "", on: listener))
        }
        considered += unreached(in: log)
        let answer =
            switch match {
            case .route: "rule \"\(name ?? "")\" serves it"
            case .redirectToTLS: "rule \"\(name ?? "")\" redirects it to https"
            case .none where log.read == nil: "404, the host is longer than \(HostLimits.nameBytes) bytes"
            case .none: "404, no rule serves this host and path here"
            case .badPath: "400, the path climbs above the root, is badly encoded, or does not start with \"/\""
            case .badHost: "400, the host is not a name, an IPv4 address or an IPv6 address in brackets"
            }
        return Explanation(compared: log.read, considered: considered, match: match, winner: name, answer: answer)
    }

    /// Rules at the places the request came by that are in no chain, since others leave them nothing.
    private func unreached(in log: MatchLog) -> [Explanation.Considered] {
        var considered: [MatchLog.Place: Set<RouteID>] = [:]
        for step in log.steps { considered[step.place, default: []].insert(step.route) }
        return rules.flatMap { rule in
            rule.places.indices.compactMap { index -> Explanation.Considered? in
                let place = MatchLog.Place(host: rule.hostPattern(at: index), path: rule.pathText)
                guard let others = considered[place], !others.contains(rule.id) else { return nil }
                return Explanation.Considered(
                    rule: rule.source.name, host: place.host, path: place.path, isWinner: false,
                    reason: "never reached, rules that come before it by name serve the same")
            }
        }
    }
}

extension CompiledRule {
    /// The path as it is compared; `/` for the root.
    fileprivate var pathText: String {
        let bytes = (0..<pathCount).map { UInt8(truncatingIfNeeded: path[$0 / 8] >> UInt64($0 % 8 * 8)) }
        return pathCount == 0 ? "/" : String(decoding: bytes, as: UTF8.self)
    }
}

/// The steps of one match, in order: more specific hosts first.
private struct MatchLog: MatchWatch {
    struct Place: Hashable {
        var host: String
        var path: String
    }

    struct Step {
        /// Counts the hosts the request came by.
        var rank: Int
        var host: String
        var path: String
        var route: RouteID
        var verdict: Verdict

        var place: Place { Place(host: host, path: path) }

        func reason(against winner: Step?, named name: String, on listener: String) -> String {
            switch verdict {
            case .servesOtherListeners: return "lost, it does not serve listener \"\(listener)\""
            case .servesPlainOnly: return "lost, it serves requests without TLS only"
            case .passesConnections: return "lost, it takes connections, not requests"
            case .servesSecureOnly: return "lost, it serves requests with TLS only"
            case .serves, .redirects: break
            }
            guard let winner else { return "lost" }
            if winner.route == route, winner.rank == rank {
                return verdict == .serves ? "serves" : "redirects to https"
            }
            if winner.rank != rank { return "lost, host \(winner.host) of rule \"\(name)\" is more specific" }
            if winner.path != path { return "lost, path \(winner.path) of rule \"\(name)\" is longer" }
            return verdict == .redirects && winner.verdict == .serves
                ? "lost, rule \"\(name)\" serves here what this one would redirect"
                : "lost, rule \"\(name)\" comes first by name"
        }
    }

    static var readsOn: Bool { true }
    var read: (host: String, path: String)?
    var steps: [Step] = []
    private var rank = 0
    private var host = ""
    private var path = ""

    mutating func reads(host: ByteRun, path: ByteRun) {
        read = (host.string, path.count == 0 ? "/" : path.string)
    }

    mutating func enters(host record: HostRecord, in view: RouteView) {
        rank += 1
        let name = view.run(at: record.text, count: Int(record.count)).string
        switch record.kind {
        case .exact: host = name
        case .suffix: host = "*." + name
        case .any: host = "*"
        }
    }

    mutating func enters(path prefix: ByteRun) { path = prefix.count == 0 ? "/" : prefix.string }

    mutating func judges(_ route: RouteID, _ verdict: Verdict) {
        steps.append(Step(rank: rank, host: host, path: path, route: route, verdict: verdict))
    }
}
