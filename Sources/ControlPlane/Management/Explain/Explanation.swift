import KontainersConfiguration

/// Why a request goes where it goes: what is answered to `POST /api/explain`.
struct ExplanationDocument: Encodable {
    struct Listener: Encodable {
        var name: String
        var address: String
        var `protocol`: String
    }

    struct Certificate: Encodable {
        var name: String
        var names: [String]
        var note: String
    }

    struct Considered: Encodable {
        var rule: String
        var host: String
        var path: String
        /// `serves`, `redirects`, `lost`.
        var outcome: String
        var reason: String
    }

    /// What is done to the request, in order.
    struct Stage: Encodable {
        var name: String
        /// `passes`, `changes`, `answers`.
        var effect: String
        var text: String
    }

    struct Endpoint: Encodable {
        var endpoint: String
        var address: String?
        var state: EndpointReading.State
        var reason: String
        var weight: Int?
        var tier: Int
        /// Whether the request could be sent to it now.
        var eligible: Bool
    }

    var url: String
    var method: String
    var client: String?
    var revision: UInt64
    var listener: Listener?
    /// Why that listener, or why none.
    var listenerNote: String
    var certificate: Certificate?
    var considered: [Considered] = []
    var rule: String?
    var answer: String
    var stages: [Stage] = []
    var policy: String?
    var endpoints: [Endpoint] = []

    private static let texts = JSONSchema.text(0...8_192)
    static let schema = JSONSchema.named(
        "Explanation",
        .object(
            .init([
                .init("url", texts, isRequired: true), .init("method", texts, isRequired: true),
                .init("client", texts), .init("revision", .count, isRequired: true),
                .init(
                    "listener",
                    .object(
                        .init([
                            .init("name", texts, isRequired: true), .init("address", texts, isRequired: true),
                            .init("protocol", texts, isRequired: true),
                        ]))),
                .init("listenerNote", texts, isRequired: true),
                .init(
                    "certificate",
                    .object(
                        .init([
                            .init("name", texts, isRequired: true),
                            .init("names", .list(texts, limit: 1_000), isRequired: true),
                            .init("note", texts, isRequired: true),
                        ]))),
                .init("considered", .list(considered, limit: 10_000), isRequired: true),
                .init("rule", texts), .init("answer", texts, isRequired: true),
                .init("stages", .list(stage, limit: 64), isRequired: true), .init("policy", texts),
                .init("endpoints", .list(endpoint, limit: 10_000), isRequired: true),
            ])))
    private static let considered = JSONSchema.object(
        .init([
            .init("rule", texts, isRequired: true), .init("host", texts, isRequired: true),
            .init("path", texts, isRequired: true),
            .init("outcome", .choice(["serves", "redirects", "lost"]), isRequired: true),
            .init("reason", texts, isRequired: true),
        ]))
    private static let stage = JSONSchema.object(
        .init([
            .init("name", texts, isRequired: true),
            .init("effect", .choice(["passes", "changes", "answers"]), isRequired: true),
            .init("text", texts, isRequired: true),
        ]))
    private static let endpoint = JSONSchema.object(
        .init([
            .init("endpoint", texts, isRequired: true), .init("address", texts),
            .init("state", .choice(EndpointReading.State.allCases.map(\.rawValue)), isRequired: true),
            .init("reason", texts, isRequired: true), .init("weight", .integer(0...1_000)),
            .init("tier", .integer(0...7), isRequired: true), .init("eligible", .boolean, isRequired: true),
        ]))
}

/// A request as somebody thinks of it.
struct Question: Sendable {
    var url: String
    var method = "GET"
    var headers: [String: String] = [:]
    /// An IP address.
    var client: String?
    /// A listener's name; `nil`: by the URL's port.
    var listener: String?
    var isSecure: Bool
    var authority: String
    var host: String
    var port: Int
    /// Without the query.
    var path: String

    static let schema = JSONSchema.named(
        "Question",
        .object(
            .init([
                .init("url", .line(1...8_192), isRequired: true, says: "http:// or https://, with a host."),
                .init("method", .line(1...32), says: "Standard: GET."),
                .init("headers", .map(.text(0...8_192), limit: 100)),
                .init("client", .line(2...64), says: "The client's IP address."),
                .init("listener", .line(1...64), says: "Standard: the one that has the URL's port."),
            ])))

    /// - Throws: ``Problem``
    init(_ body: JSONValue) throws {
        url = body["url"]?.text ?? ""
        method = body["method"]?.text ?? "GET"
        for (name, value) in body["headers"]?.object ?? [:] { headers[name.lowercased()] = value.text ?? "" }
        client = body["client"]?.text
        listener = body["listener"]?.text
        let rest: Substring
        if url.lowercased().hasPrefix("https://") {
            (isSecure, rest) = (true, url.dropFirst(8))
        } else if url.lowercased().hasPrefix("http://") {
            (isSecure, rest) = (false, url.dropFirst(7))
        } else {
            throw Self.fault(url, "wanted http:// or https:// and a host")
        }
        let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        var authority = String(rest[..<end])
        guard !authority.isEmpty, !authority.contains("@") else {
            throw Self.fault(url, "wanted a host, and no user in front of it")
        }
        let target = rest[end...].prefix { $0 != "#" }
        path = String(target.prefix { $0 != "?" })
        if path.isEmpty { path = "/" }
        port = isSecure ? 443 : 80
        var host = authority[...]
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            guard let number = Int(authority[authority.index(after: colon)...]), (1...65_535).contains(number) else {
                throw Self.fault(url, "wanted a port from 1 to 65535")
            }
            port = number
            host = authority[..<colon]
        }
        // What a client writes into Host goes before what it writes into the URL.
        if let named = headers["host"] { (authority, host) = (named, named.prefix { $0 != ":" }) }
        self.authority = authority
        self.host = String(host).lowercased()
    }

    private static func fault(_ url: String, _ wanted: String) -> Problem {
        Problem.invalid([FieldFault("/url", found: "found \(JSONSchema.shown(url))", wanted: wanted)])
    }
}
