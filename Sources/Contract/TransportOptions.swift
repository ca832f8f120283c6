/// What a rule of kind `tcp` or `udp` asks for beside its pool. What is left out of the JSON has the default stated
/// here.
public struct TransportOptions: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case protocols, prefaces, preamble, proxyProtocol, upstreamTLS, sessions
    }

    /// What a connection begins with, as far as its first bytes say.
    public enum Preface: String, Codable, Sendable, CaseIterable {
        /// A TLS ClientHello.
        case tls
        /// A request of HTTP/1, or the connection preface of HTTP/2.
        case http
        /// The identification string of SSH.
        case ssh
        /// A PostgreSQL client that asks for TLS or GSSAPI, or begins its session at once.
        case postgres
        /// Anything else, and a client that waits for its server to speak first.
        case other
    }

    /// What is said before TLS begins, where a client waits for it.
    public enum Preamble: String, Codable, Sendable, CaseIterable {
        /// The greeting of a server of MySQL or MariaDB.
        case mysql
    }

    /// The PROXY protocol header that the upstream gets before anything else.
    public enum SentProxyProtocol: String, Codable, Sendable, CaseIterable {
        case off
        /// Text, for TCP alone.
        case v1
        /// Binary, with what is known of the client's TLS.
        case v2
    }

    /// Of TLS connections (RFC 7301): the ClientHello must offer one of them; empty: any will do. Where TLS is taken
    /// off, the first of them that the client offers is agreed on.
    public var protocols: [String] = []
    /// For a rule without hosts: what the connection must begin with; empty: anything that no other rule of the
    /// listener asks for by name.
    public var prefaces: [Preface] = []
    /// Clients of the rule's listeners are greeted in the place of its endpoints, since they say no name before;
    /// `nil`: they speak first.
    public var preamble: Preamble?
    public var proxyProtocol = SentProxyProtocol.off
    /// TLS towards the endpoints; `nil` is none.
    public var upstreamTLS: UpstreamTLS?
    /// Of a `udp` rule; `nil` is the standard one.
    public var sessions: SessionOptions?

    public static let protocolsLimit = 16
    /// RFC 7301 §3.1.
    public static let protocolRange = 1...255

    public init() {}

    public func check() throws(OptionFault) {
        try within(protocols.count, 0...Self.protocolsLimit, "application protocols")
        for name in protocols { try within(name.utf8.count, Self.protocolRange, "bytes in an application protocol") }
        try upstreamTLS?.check()
        try sessions?.check()
    }

    /// - Parameter takesOffTLS: whether TLS ends here.
    public func checkPreamble(takesOffTLS: Bool) throws(OptionFault) {
        guard preamble == .mysql, takesOffTLS, upstreamTLS == nil else { return }
        throw OptionFault(
            found: "found preamble mysql and TLS that is taken off, without upstreamTLS",
            wanted:
                "wanted \"upstreamTLS\" too, or TLS passed on: packets of MySQL are numbered from its question for TLS")
    }

    /// What keeps options that are right one by one from going together with a rule of this kind.
    public func check(for kind: Rule.Kind, hosts: [String]) throws(OptionFault) {
        try check()
        switch kind {
        case .http:
            guard self == TransportOptions() else {
                throw OptionFault(found: "found transport options in an http rule", wanted: "wanted kind tcp or udp")
            }
        case .tcp:
            guard sessions == nil else {
                throw OptionFault(found: "found sessions in a tcp rule", wanted: "wanted kind udp, or no sessions")
            }
            guard hosts.isEmpty || prefaces.isEmpty || prefaces == [.tls] else {
                throw OptionFault(
                    found: "found hosts and prefaces in a tcp rule",
                    wanted: "wanted one of them: only TLS says which host it wants")
            }
            guard preamble == nil || !hosts.isEmpty || !protocols.isEmpty else {
                throw OptionFault(
                    found: "found a preamble in a rule that goes by no name",
                    wanted: "wanted \"sni\" too, or no preamble: without names the endpoint greets itself")
            }
        case .udp:
            guard hosts.isEmpty, protocols.isEmpty, prefaces.isEmpty, preamble == nil, upstreamTLS == nil else {
                throw OptionFault(
                    found: "found hosts, protocols, prefaces, a preamble or upstreamTLS in a udp rule",
                    wanted: "wanted them left out: datagrams have none")
            }
            guard proxyProtocol != .v1 else {
                throw OptionFault(
                    found: "found version 1 of the PROXY protocol in a udp rule", wanted: "wanted v2, or off")
            }
        }
    }
}

/// TLS towards the endpoints of a rule.
public struct UpstreamTLS: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case serverName, verify, authorities }

    /// The name asked for and verified; `nil`: the one that the client asked for, if it did.
    public var serverName: String?
    /// Whether a certificate that nobody known has signed, or for another name, ends the connection.
    public var verify = true
    /// PEM of the authorities believed instead of the system's.
    public var authorities: String?

    public init() {}

    public func check() throws(OptionFault) {
        if let serverName { try within(serverName.utf8.count, 1...253, "bytes in the server name of upstreamTLS") }
        if let authorities { try within(authorities.utf8.count, 1...1_048_576, "bytes of authorities of upstreamTLS") }
    }
}

/// How the datagrams of one client are kept together. One client is one address and port.
public struct SessionOptions: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case idle, limit, replies, amplification, orphans }

    /// What becomes of a session whose endpoint is in the rule no more.
    public enum Orphans: String, Codable, Sendable, CaseIterable {
        /// The client's next datagram goes to another endpoint.
        case move
        /// It stays until it is idle.
        case keep
        /// It ends at once.
        case close
    }

    /// Milliseconds without a datagram in either direction, 100 to a day.
    public var idle = 60_000
    /// Sessions of one rule and worker, 1 to a million; a client that would be one more is not heard.
    public var limit = 100_000
    /// A session ends once so many datagrams came back for each that its client sent; 0: it ends by being idle. DNS
    /// over UDP is done with 1.
    public var replies = 0
    /// A client that was not seen to answer gets at most so many times the bytes that it sent, headers counted, 1 to
    /// 10,000; 0 is no limit, for protocols whose servers go on sending to a client that says no more. The standard
    /// leaves the largest answers of DNS over UDP alone (1,232 bytes to a question of 30).
    public var amplification = 64
    public var orphans = Orphans.move

    public static let idleRange = 100...86_400_000
    public static let limitRange = 1...1_000_000
    public static let repliesRange = 0...1_000_000
    public static let amplificationRange = 0...10_000

    public init() {}

    public func check() throws(OptionFault) {
        try within(idle, Self.idleRange, "milliseconds until a session is idle")
        try within(limit, Self.limitRange, "sessions of a rule")
        try within(replies, Self.repliesRange, "replies until a session ends")
        try within(amplification, Self.amplificationRange, "times the bytes a client sent")
    }
}

extension TransportOptions: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        try values.read(.protocols, into: &protocols)
        try values.read(.prefaces, into: &prefaces)
        preamble = try values.decodeIfPresent(Preamble.self, forKey: .preamble)
        try values.read(.proxyProtocol, into: &proxyProtocol)
        upstreamTLS = try values.decodeIfPresent(UpstreamTLS.self, forKey: .upstreamTLS)
        sessions = try values.decodeIfPresent(SessionOptions.self, forKey: .sessions)
    }
}

extension UpstreamTLS: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        serverName = try values.decodeIfPresent(String.self, forKey: .serverName)
        try values.read(.verify, into: &verify)
        authorities = try values.decodeIfPresent(String.self, forKey: .authorities)
    }
}

extension SessionOptions: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        try values.read(.idle, into: &idle)
        try values.read(.limit, into: &limit)
        try values.read(.replies, into: &replies)
        try values.read(.amplification, into: &amplification)
        try values.read(.orphans, into: &orphans)
    }
}
