import Contract
import Routing

/// What a rule does to a request, in the order in which the edge does it.
struct Stages {
    private(set) var all: [ExplanationDocument.Stage] = []

    /// Ends with a stage that answers, where one does.
    init(_ question: Question, _ rule: Rule, _ match: RouteMatch, _ table: RouteTable) {
        let options = rule.options ?? RuleOptions()
        if !options.allow.isEmpty || !options.deny.isEmpty {
            guard admit(question, match, table) else { return }
        }
        if case .redirectToTLS = match {
            add("TLS", "answers", "308, the rule wants TLS: https://\(question.host)\(question.path)")
            return
        }
        if let limit = options.rateLimit {
            add(
                "rate limit", "passes",
                "\(limit.requests) requests in \(limit.per) ms for each client, \(limit.burst) at once; beyond it 429")
        }
        if options.maintenance {
            add("maintenance", "answers", "503, the rule is in maintenance")
            return
        }
        if let redirect = options.redirect {
            add("redirect", "answers", "\(redirect.status), to \(redirect.to)")
            return
        }
        if let auth = options.basicAuth, !signIn(question, auth) { return }
        if let size = options.maxBody, size > 0 { add("body limit", "passes", "more than \(size) bytes: 413") }
        if let size = options.bufferRequest {
            add("buffering", "passes", "a body of up to \(size) bytes is here whole before an endpoint is asked")
        }
        path(question, options)
        headers(options)
        if options.gzip != nil { add("compression", "changes", "responses are compressed for clients that take gzip") }
        if options.securityHeaders { add("security headers", "changes", "added to responses that lack them") }
    }

    private mutating func add(_ name: String, _ effect: String, _ text: String) {
        all.append(.init(name: name, effect: effect, text: text))
    }

    private mutating func admit(_ question: Question, _ match: RouteMatch, _ table: RouteTable) -> Bool {
        let id: RouteID
        switch match {
        case .route(let route), .redirectToTLS(let route): id = route
        case .none, .badPath, .badHost: return true
        }
        guard let client = question.client else {
            add("access list", "passes", "it has one; say \"client\" to learn whether it lets that address in")
            return true
        }
        let text = client.contains(":") ? "[\(client)]:1" : "\(client):1"
        guard let address = EndpointAddress(text: text) else {
            add("access list", "answers", "\(client) is no IP address")
            return false
        }
        // IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), as the edge has it.
        let low = address.family == .ipv4 ? 0xffff_0000_0000 | address.low : address.low
        let options = table.view.options(of: table.view.route(id))
        if table.view.admits(options, high: address.high, low: low) {
            add("access list", "passes", "it lets \(client) in")
            return true
        }
        add("access list", "answers", "403, it does not let \(client) in")
        return false
    }

    private mutating func signIn(_ question: Question, _ auth: BasicAuth) -> Bool {
        guard question.headers["authorization"] != nil else {
            add("basic auth", "answers", "401, the rule wants a name and password (realm \(auth.realm))")
            return false
        }
        add("basic auth", "passes", "if name and password are those of one of its \(auth.users.count) users, else 401")
        return true
    }

    private mutating func path(_ question: Question, _ options: RuleOptions) {
        guard options.stripPrefix != nil || options.addPrefix != nil else { return }
        var path = question.path
        if let strip = options.stripPrefix, strip != "/", path == strip || path.hasPrefix(strip + "/") {
            path = String(path.dropFirst(strip.count))
        }
        if let prefix = options.addPrefix { path = (prefix == "/" ? "" : prefix) + path }
        add("path", "changes", "the endpoint is asked for \(path.isEmpty ? "/" : path)")
    }

    private mutating func headers(_ options: RuleOptions) {
        for (name, changes) in [
            ("request headers", options.requestHeaders), ("response headers", options.responseHeaders),
        ] where !changes.isEmpty {
            let words =
                changes.remove.map { "\($0) is removed" } + changes.set.map { "\($0.name) is set" }
                + changes.add.map { "\($0.name) is added" }
            add(name, "changes", words.joined(separator: ", "))
        }
    }
}
