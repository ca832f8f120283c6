/// What a rule does beside passing requests on. What is left out is not done, and costs nothing.
public struct RuleOptions: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey {
        case allow, deny, requestHeaders, responseHeaders, stripPrefix, addPrefix, redirect, maxBody, maintenance,
            securityHeaders, rateLimit, retries, timeouts, bufferRequest, maxPending, basicAuth, gzip,
            errorPages
    }

    /// Networks (`10.0.0.0/8`, `2001:db8::/32`, or one address) whose clients are let in; with any, all others are
    /// not. Of several that hold an address the longest prefix counts. Answer: 403.
    public var allow: [String] = []
    /// Networks whose clients are not let in.
    public var deny: [String] = []
    public var requestHeaders = HeaderChanges()
    public var responseHeaders = HeaderChanges()
    /// Taken off the front of the path that the upstream gets, by whole segments; a path without it stays.
    public var stripPrefix: String?
    /// Put in front of the path that the upstream gets.
    public var addPrefix: String?
    public var redirect: Redirect?
    /// Bytes of a request body, instead of the edge's limit; 0 means no limit. Answer: 413.
    public var maxBody: Int?
    /// Nothing is passed on. Answer: 503.
    public var maintenance = false
    /// Fields that have browsers protect their users are added to responses that lack them.
    public var securityHeaders = false
    public var rateLimit: RateLimit?
    /// When a request is sent to a second endpoint; standard: see ``Retries``.
    public var retries: Retries?
    public var timeouts: RuleTimeouts?
    /// Bytes of a request body, 1 to 16 MiB, up to which the upstream is contacted only once the whole of it is here.
    public var bufferRequest: Int?

    public static let bufferRange = 1...16_777_216
    /// Exchanges that wait for a connect or the head of a response, instead of the edge's `pendingPerPool`; 0 means no
    /// limit. Answer: 503.
    public var maxPending: Int?
    /// Who may ask, by name and password. Answer: 401.
    public var basicAuth: BasicAuth?
    /// Responses are compressed for clients that take gzip.
    public var gzip: Gzip?

    /// Pages for browsers instead of the edge's own.
    public var errorPages: ErrorPages?

    /// Networks of `allow` and `deny` together.
    public static let networkLimit = 2_000

    public init() {}

    /// What keeps options that are right one by one from going together.
    public func check() throws(OptionFault) {
        for field in requestHeaders.set + requestHeaders.add where basicAuth == nil {
            guard try HeaderField.template(of: field.value, in: .request).pieces.contains(.variable(.user)) else {
                continue
            }
            throw OptionFault(
                found: "found \"${user}\" in requestHeaders without basicAuth",
                wanted: "wanted \"basicAuth\" too, which says who the user is")
        }
    }
}

/// A request is answered with another address instead of being passed on.
public struct Redirect: Equatable, Sendable, Codable {
    /// May hold variables, see ``Template``.
    public var to: String
    /// 301, 302, 307 or 308.
    public var status: Int

    public static let statuses = [301, 302, 307, 308]
    public static let variables: [Template.Variable] = [.scheme, .host, .path, .query]

    public init(to: String, status: Int = 308) {
        self.to = to
        self.status = status
    }

    /// The address with its variables, sure to lead where it says: what a client writes into its path never becomes
    /// part of the host.
    public func template() throws(OptionFault) -> Template {
        guard Self.statuses.contains(status) else {
            throw OptionFault(found: "found the status \(status)", wanted: "wanted 301, 302, 307 or 308")
        }
        for byte in to.utf8 where !(0x21...0x7e).contains(byte) || "\"<>\\^`|".utf8.contains(byte) {
            throw OptionFault(
                found: "found byte \(byte) in the address of a redirect",
                wanted: "wanted an address as RFC 3986 writes it: other bytes as %XX")
        }
        let starts = ["http://", "https://", "${scheme}://"]
        let isPath = to.hasPrefix("/") && !to.hasPrefix("//")
        let hasHost = starts.contains { start in
            // Some browsers skip slashes here, and take what follows them for the host.
            to.hasPrefix(start) && to.utf8.dropFirst(start.utf8.count).first.map { !"/?#:@".utf8.contains($0) } == true
        }
        guard isPath || hasHost else {
            throw OptionFault(
                found: "found \"\(to)\" as the address of a redirect",
                wanted: "wanted http://, https:// or ${scheme}:// with a host, or a path that starts with one \"/\"")
        }
        let template = try Template(to, allowing: Self.variables)
        var before: Template.Piece?
        for piece in template.pieces {
            if piece == .variable(.path) {
                guard case .text(let text) = before, text.hasSuffix("/"), !text.hasSuffix("://") else {
                    throw OptionFault(
                        found: "found \"${path}\" behind something else than \"/\"",
                        wanted: "wanted \"/${path}\": a client's path must not become part of the host")
                }
            }
            before = piece
        }
        return template
    }
}

/// A bucket of tokens for each client: a request takes one, and `requests` of them come back in every `per`.
public struct RateLimit: Equatable, Sendable, Codable {
    /// 1 to a million.
    public var requests: Int
    /// Milliseconds, 1 to a day.
    public var per: Int
    /// How many tokens the bucket holds, 1 to a million.
    public var burst: Int

    public static let requestsRange = 1...1_000_000
    public static let perRange = 1...86_400_000

    public init(requests: Int, per: Int = 1_000, burst: Int? = nil) {
        self.requests = requests
        self.per = per
        self.burst = burst ?? requests
    }

    public func check() throws(OptionFault) {
        for count in [requests, burst] where !Self.requestsRange.contains(count) {
            throw OptionFault(found: "found \(count) in a rate limit", wanted: "wanted 1 to 1000000 requests")
        }
        guard Self.perRange.contains(per) else {
            throw OptionFault(found: "found \(per) milliseconds in a rate limit", wanted: "wanted 1ms to 24h")
        }
    }
}

extension RuleOptions: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        allow = try values.decodeIfPresent([String].self, forKey: .allow) ?? []
        deny = try values.decodeIfPresent([String].self, forKey: .deny) ?? []
        requestHeaders = try values.decodeIfPresent(HeaderChanges.self, forKey: .requestHeaders) ?? HeaderChanges()
        responseHeaders = try values.decodeIfPresent(HeaderChanges.self, forKey: .responseHeaders) ?? HeaderChanges()
        stripPrefix = try values.decodeIfPresent(String.self, forKey: .stripPrefix)
        addPrefix = try values.decodeIfPresent(String.self, forKey: .addPrefix)
        redirect = try values.decodeIfPresent(Redirect.self, forKey: .redirect)
        maxBody = try values.decodeIfPresent(Int.self, forKey: .maxBody)
        maintenance = try values.decodeIfPresent(Bool.self, forKey: .maintenance) ?? false
        securityHeaders = try values.decodeIfPresent(Bool.self, forKey: .securityHeaders) ?? false
        rateLimit = try values.decodeIfPresent(RateLimit.self, forKey: .rateLimit)
        retries = try values.decodeIfPresent(Retries.self, forKey: .retries)
        timeouts = try values.decodeIfPresent(RuleTimeouts.self, forKey: .timeouts)
        bufferRequest = try values.decodeIfPresent(Int.self, forKey: .bufferRequest)
        maxPending = try values.decodeIfPresent(Int.self, forKey: .maxPending)
        basicAuth = try values.decodeIfPresent(BasicAuth.self, forKey: .basicAuth)
        gzip = try values.decodeIfPresent(Gzip.self, forKey: .gzip)
        errorPages = try values.decodeIfPresent(ErrorPages.self, forKey: .errorPages)
    }
}

extension HeaderChanges: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            set: try values.decodeIfPresent([HeaderField].self, forKey: .set) ?? [],
            add: try values.decodeIfPresent([HeaderField].self, forKey: .add) ?? [],
            remove: try values.decodeIfPresent([String].self, forKey: .remove) ?? [])
    }
}
