import Contract

/// Every field of the file and of labels.
enum Schema {
    static let listLimit = 1_000
    static let hoursLimit = 24
    private static let wait = 1...hoursLimit * 3_600_000

    static let listener = Section(
        title: "a listener",
        fields: [
            Field(
                "name", .name, .required,
                says: "Its name, by which rules choose it; an open socket survives changes by it."),
            Field("address", .address, .required, says: "IPv4:port, [IPv6]:port, or :port for every IPv4 address."),
            Field(
                "protocol", .choice(Listener.WireProtocol.allCases.map(\.rawValue)), .required,
                says: "http (HTTP/1.1 and h2c), https (HTTP/1.1 and h2 by ALPN), tcp or udp."),
            Field(
                "proxyProtocol", alias: "proxy-protocol", .choice(Listener.ProxyProtocol.allCases.map(\.rawValue)),
                standard: "off",
                says: "Whether trusted proxies may (optional) or must (required) send a PROXY protocol header."),
            Field(
                "connections", .integer(Limits.countRange), standard: "limits.connectionsPerListener",
                says: "Open connections, or clients of udp, of all clients together; 0 means no limit."),
            Field(
                "connectionsPerAddress", .integer(Limits.countRange), standard: "limits.connectionsPerAddress",
                says: "The same of one client's address; 0 means no limit."),
        ])

    static let management = Section(
        title: "management",
        fields: [
            Field(
                "address", .addressOrOff, standard: "127.0.0.1:8600",
                says: "Where the management plane listens: metrics and health. off: nowhere.")
        ])

    static let docker = Section(
        title: "docker",
        fields: [
            Field(
                "endpoint", alias: "endpoints", .several(.dockerEndpoint, limit: 64), standard: "no engine",
                says: "The engine's socket, unix:///path or tcp://host:port; several are allowed."),
            Field(
                "listen", .several(.ports, limit: listLimit), standard: "1024-65535",
                says: "Ports that labels may have opened: a port, a range such as 5000-5999, several, or off."),
            Field("listenAddress", .ip, standard: "0.0.0.0", says: "The address that such ports are opened on."),
        ])

    static let tls = Section(
        title: "tls",
        fields: [
            Field(
                "policy", .choice(["modern", "intermediate", "custom"]), standard: "intermediate",
                says: "modern: TLS 1.3 only. intermediate: TLS 1.2 with forward secrecy, and 1.3.")
        ])

    static let certificate = Section(
        title: "a certificate",
        fields: [
            Field("name", .name, .required, says: "Its name, by which rules choose it."),
            Field("certificate", .file, .required, says: "The chain as PEM, the certificate of the host first."),
            Field("key", .file, .required, says: "Its private key as PEM, without a passphrase."),
        ])

    /// What labels and the file say alike of a rule.
    static let hosts = Field(
        "hosts", alias: "host", .several(.host, limit: listLimit),
        says: "Host names; *.suffix for every name one label below or deeper; * for every other host.")
    static let host = Field("host", alias: "hosts", hosts.type, says: hosts.documentation)
    static let path = Field("path", .path, standard: "/", says: "Path prefix, by whole segments; the longest wins.")
    static let ruleTLS = Field(
        "tls", .tls, standard: "served with and without TLS",
        says: "auto, off, or a certificate's name; with TLS, plain requests are redirected.")
    static let listeners = Field(
        "listeners", alias: "listener", .several(.name, limit: listLimit),
        standard: "every http and https listener", says: "The listeners that serve it; needed for tcp and udp.")
    static let port = Field(
        "port", .integer(1...65_535), standard: "the only port the image exposes", says: "The container's port.")
    static let network = Field(
        "network", .name, standard: "one that the host can reach", says: "The container's network to reach it by.")

    static let rule = Section(
        title: "a rule",
        fields: [
            Field("name", .name, .required, says: "Its name, unique in the file."),
            kind, hosts, path, listeners, ruleTLS,
            Field(
                "endpoints", alias: "endpoint", .several(.endpoint, limit: listLimit), standard: "required",
                says:
                    "Where its traffic goes: IPv4:port, [IPv6]:port or name:port; or with weight and tier."
            ),
        ] + options + transport)

    static let shortLabels = Section(
        title: "the short form", fields: [host, path, port, ruleTLS, network, weight, tier] + labelOptions)
    static let httpLabels = Section(
        title: "an http rule", fields: [hosts, path, port, network, ruleTLS, listeners, weight, tier] + labelOptions)
    static let timeouts = Section(
        title: "timeouts",
        fields: [
            Field("head", .duration(wait), standard: "10s", says: "First to last byte of a request head. Answer: 408."),
            Field("handshake", .duration(wait), standard: "10s", says: "The TLS handshake, from accept."),
            Field(
                "preface", .duration(wait), standard: "3s",
                says: "Where several protocols share a port: how long a client may be silent."),
            Field(
                "bodyIdle", .duration(wait), standard: "60s", says: "No byte of the request body moving. Answer: 408."),
            Field("connect", .duration(wait), standard: "5s", says: "TCP connect to an endpoint. Answer: 504."),
            Field(
                "firstByte", .duration(wait), standard: "60s",
                says: "End of the request to the first byte of the response. Answer: 504."),
            Field(
                "responseIdle", .duration(wait), standard: "60s", says: "No byte of the response moving, either side."),
            Field("keepAlive", .duration(wait), standard: "75s", says: "An idle keep-alive connection of a client."),
            Field("upstreamIdle", .duration(wait), standard: "60s", says: "An idle pooled connection to an endpoint."),
            Field(
                "tunnelIdle", .duration(wait), standard: "1h",
                says: "No byte in either direction of a tunnel, such as a WebSocket."),
            Field(
                "total", .duration(0...hoursLimit * 3_600_000), standard: "none",
                says: "The whole exchange but a tunnel; 0 means none. Answer: 408 while the request comes, then 504."),
            Field(
                "drain", .duration(0...hoursLimit * 3_600_000), standard: "30s",
                says: "After SIGTERM, exchanges in flight get this long to finish."),
        ])

    static let limits = Section(
        title: "limits",
        fields: [
            Field(
                "headBytes", .size(1_024...61_440), standard: "32KiB",
                says: "Request or response head. Answer: 431 (request), 502 (response)."),
            Field("fieldCount", .integer(1...256), standard: "128", says: "Fields in a head. Answer: 431."),
            Field(
                "targetBytes", .size(Limits.targetRange), standard: "16KiB",
                says: "The target of a request. Answer: 414."),
            Field("bodyBytes", .size(0...Int.max), standard: "0", says: "Request body; 0 means no limit. Answer: 413."),
            Field(
                "connectionsPerWorker", .integer(1...4_000_000), standard: "100000",
                says: "Open client connections of one worker; beyond it the listener waits."),
            Field(
                "connectionsPerListener", .integer(Limits.countRange), standard: "0",
                says: "Open client connections of one listener; 0 means no limit. Answer: 503, or closed."),
            Field(
                "connectionsPerAddress", .integer(Limits.countRange), standard: "0",
                says: "Open connections of one client's address; 0 means no limit. Answer: 429, or closed."),
            Field(
                "requestsPerConnection", .integer(Limits.countRange), standard: "0",
                says: "Requests of one client connection; 0 means no limit. It is closed after the last."),
            Field(
                "pendingPerPool", .integer(Limits.countRange), standard: "0",
                says: "Exchanges of one rule that wait for a response to begin; 0 means no limit. Answer: 503."),
            Field(
                "idlePerEndpoint", .integer(0...1_000_000), standard: "256",
                says: "Idle pooled connections of one worker to one endpoint."),
            Field(
                "bufferedBytesPerWorker", .size(0...Int.max), standard: "64MiB",
                says: "Memory of one worker for requests that rules hold until they are whole; beyond it they stream."),
        ])

    static let headers = Section(
        title: "headers",
        fields: [
            Field(
                "underscores", .choice(HeaderSettings.Underscores.allCases.map(\.rawValue)), standard: "drop",
                says: "Request headers with an underscore in their names: keep, drop, or refuse. Answer: 400.")
        ])

    static let accessLog = Section(
        title: "accessLog",
        fields: [
            Field("output", .text, standard: "stdout", says: "stdout, stderr, off, or the path of a file."),
            Field(
                "format", .choice(AccessLog.Format.allCases.map(\.rawValue)), standard: "json",
                says: "json, or Apache's combined."),
            Field(
                "rotateAt", .size(AccessLog.rotateAtLeast...1 << 40), standard: "never",
                says: "How large a file may be before it is rotated, as FILE.1, FILE.2 and so on."),
            Field(
                "keep", .integer(1...AccessLog.keepMost), standard: "5",
                says: "Rotated files that are kept; the oldest is deleted."),
            Field(
                "sample", .integer(1...AccessLog.sampleMost), standard: "1",
                says: "One of so many exchanges is written; those that failed are written all."),
        ])

    static let users = Section(
        title: "users",
        fields: [
            Field("edge", .user, standard: "a number of its own that owns nothing", says: "Whom the edge runs as."),
            Field("control", .user, standard: "the supervisor's", says: "Whom the control plane runs as."),
        ])

    static let file = Section(
        title: "the file",
        fields: [
            Field("data", .file, standard: "./data", says: "State: database, certificates, last good snapshot."),
            Field("workers", .integer(1...256), standard: "one a core", says: "Worker threads of the edge."),
            Field("listeners", .sections(listener), .required, says: "Accepting addresses."),
            Field(
                "trustedProxies", .several(.addressRange, limit: listLimit), standard: "nobody",
                says: "Proxies in front of this one; what they say of whom they speak for is believed."),
            Field("management", .section(management), says: "The management plane."),
            Field("docker", .section(docker), says: "Docker engines whose labelled containers are served."),
            Field("tls", .section(tls), says: "What clients must speak."),
            Field("certificates", .sections(certificate), says: "Certificates from PEM files."),
            Field("rules", .sections(rule), says: "What is served from where, beside what containers ask for."),
            Field("timeouts", .section(timeouts), says: "How long each wait may last."),
            Field("limits", .section(limits), says: "What one peer may take."),
            Field("headers", .section(headers), says: "What is done with doubtful header names."),
            Field("accessLog", .section(accessLog), says: "Where a line for each exchange is written."),
            Field("users", .section(users), says: "Who runs what when started by root."),
        ])
}
