import Contract

/// What rules of kind `tcp` and `udp` say beside their pool, and which options make sense for them.
extension Schema {
    static let kind = Field(
        "kind", .choice(Rule.Kind.allCases.map(\.rawValue)), standard: "what its fields and its listeners say",
        says: "What it passes on: http (requests), tcp (connections) or udp (datagrams).")
    static let sni = Field(
        "sni", .several(.host, limit: listLimit),
        says: "Names that clients ask for when they begin TLS; *.suffix for every name below; * for every other.")
    static let alpn = Field(
        "alpn", .several(.text, limit: TransportOptions.protocolsLimit), standard: "any",
        says: "Application protocols such as h2, one of which a client must offer when it begins TLS.")
    static let preface = Field(
        "preface",
        .several(
            .choice(TransportOptions.Preface.allCases.map(\.rawValue)),
            limit: TransportOptions.Preface.allCases.count),
        standard: "whatever nobody else asks for",
        says: "What a connection must begin with: tls, http, ssh, postgres, or other.")

    static let preamble = Field(
        "preamble", .choice(TransportOptions.Preamble.allCases.map(\.rawValue)),
        standard: "clients speak first",
        says: "With sni: what clients of its listeners are greeted with before they say a name: mysql.")

    static let upstreamTLS = Section(
        title: "upstreamTLS",
        fields: labelUpstreamTLS.fields + [
            Field(
                "authorities", .file, standard: "the system's",
                says: "A PEM file of the authorities that are believed instead.")
        ])

    /// Files are the host's: a container has no say over them.
    static let labelUpstreamTLS = Section(
        title: "upstreamTLS",
        fields: [
            Field(
                "serverName", .host, standard: "what the client asked for",
                says: "The name that endpoints are asked for and whose certificate they must show."),
            Field(
                "verify", .boolean, standard: "true",
                says: "Whether a certificate that nobody known has signed, or for another name, ends the connection."),
        ])

    static let sessions = Section(
        title: "sessions",
        fields: [
            Field(
                "idle", .duration(SessionOptions.idleRange), standard: "60s",
                says: "How long no datagram comes, either way, until a client is forgotten."),
            Field(
                "limit", .integer(SessionOptions.limitRange), standard: "100000",
                says: "Clients of one worker at once; one that would be one more is not heard."),
            Field(
                "replies", .integer(SessionOptions.repliesRange), standard: "0",
                says: "Datagrams back, for each of its own, until a client is forgotten; 0: it is once it is idle."),
            Field(
                "amplification", .integer(SessionOptions.amplificationRange), standard: "64",
                says: "Times the bytes it sent that a client gets which was not seen to answer; 0: no limit."),
            Field(
                "orphans", .choice(SessionOptions.Orphans.allCases.map(\.rawValue)), standard: "move",
                says: "What becomes of clients whose endpoint is gone: move, keep or close."),
        ])

    /// Of the file; labels have the same but for files.
    static let transport = transportFields(upstreamTLS)

    private static func transportFields(_ upstreamTLS: Section) -> [Field] {
        [
            sni, alpn, preface, preamble,
            Field(
                "proxyProtocol", alias: "proxy-protocol",
                .choice(TransportOptions.SentProxyProtocol.allCases.map(\.rawValue)), standard: "off",
                says: "The PROXY protocol header that endpoints get first: off, v1 (tcp alone) or v2."),
            Field(
                "upstreamTLS", .switchable(upstreamTLS), standard: "false",
                says: "TLS towards the endpoints: true, or a mapping that says more."),
            Field("sessions", .section(sessions), says: "How the datagrams of one client are kept together."),
        ]
    }

    // MARK: - By kind

    private static let ofStreams: Set<String> = [
        "allow", "deny", "timeouts", "pool", "hold", "health", "retries", "sni", "alpn", "preface",
        "preamble", "proxyProtocol", "upstreamTLS",
    ]
    private static let ofDatagrams: Set<String> = ["allow", "deny", "pool", "health", "proxyProtocol", "sessions"]

    /// Whether a field of the file's rules has a meaning for the kind.
    static func isField(_ name: String, of kind: Rule.Kind) -> Bool {
        switch name {
        case "name", "kind", "listeners", "endpoints": return true
        case "tls": return kind != .udp
        case _: break
        }
        return switch kind {
        case .http: !transport.contains { $0.name == name }
        case .tcp: ofStreams.contains(name)
        case .udp: ofDatagrams.contains(name)
        }
    }

    /// What is deeper in options and is for requests alone.
    static let ofRequests: [[String]] = [
        ["timeouts", "bodyIdle"], ["timeouts", "firstByte"], ["timeouts", "responseIdle"], ["pool", "sticky"],
        ["pool", "ejection", "serverErrors"], ["pool", "ejection", "latency"], ["pool", "breaker", "serverErrors"],
    ]

    // MARK: - Labels

    static let streamOptions =
        (options + transportFields(labelUpstreamTLS)).filter { ofStreams.contains($0.name) } + [sleepField]
    static let datagramOptions =
        (options + transportFields(labelUpstreamTLS)).filter { ofDatagrams.contains($0.name) } + [sleepField]
    /// Without a name: for reading them alone.
    static let streamOptionsSection = Section(title: "a tcp rule", fields: streamOptions)
    static let datagramOptionsSection = Section(title: "a udp rule", fields: datagramOptions)

    private static let listen = Field(
        "listen", .integer(1...65_535), says: "A port of its own to listen on, where policy allows.")
    static let tcpLabels = Section(
        title: "a tcp rule",
        fields: [listeners, listen, port, network, ruleTLS, weight, tier] + streamOptions)
    static let udpLabels = Section(
        title: "a udp rule", fields: [listeners, listen, port, network, weight, tier] + datagramOptions)

    static func labels(of kind: Rule.Kind) -> Section {
        switch kind {
        case .http: httpLabels
        case .tcp: tcpLabels
        case .udp: udpLabels
        }
    }

    static func labelOptionsSection(of kind: Rule.Kind) -> Section {
        switch kind {
        case .http: labelOptionsSection
        case .tcp: streamOptionsSection
        case .udp: datagramOptionsSection
        }
    }

    /// Whether rules of any kind have labels with this field.
    static func isOption(_ spelling: String) -> Bool {
        httpLabels.field(spelled: spelling) != nil || transport.contains { $0.name == spelling }
    }

    /// Every option of any kind.
    static let allLabelOptionNames = labelOptionNames + transport.map(\.name)
}
