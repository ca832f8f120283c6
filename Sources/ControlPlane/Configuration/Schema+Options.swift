import Contract

/// What a rule does beside passing requests on: the same fields in the file and in labels.
extension Schema {
    private static func headerChanges(_ title: String) -> Section {
        Section(
            title: title,
            fields: [
                Field("set", .pairs, says: "Names and values; each replaces every header of its name."),
                Field("add", .pairs, says: "Names and values; each comes beside what is there."),
                Field(
                    "remove", .several(.text, limit: HeaderChanges.countLimit), says: "Names of headers to take away."),
            ])
    }

    static let redirect = Section(
        title: "redirect",
        fields: [
            Field(
                "to", .text, .required,
                says: "The address; ${scheme}, ${host}, ${path} (without its first slash) and ${query} are filled in."),
            Field(
                "status", .choice(Redirect.statuses.map(String.init)), standard: "308", says: "301, 302, 307 or 308."),
        ])

    static let rateLimit = Section(
        title: "rateLimit",
        fields: [
            Field("requests", .integer(RateLimit.requestsRange), .required, says: "How many requests a client has."),
            Field("per", .duration(RateLimit.perRange), standard: "1s", says: "In which time."),
            Field(
                "burst", .integer(RateLimit.requestsRange), standard: "as many as requests",
                says: "How many of them may come at once."),
        ])

    static let retries = Section(
        title: "retries",
        fields: [
            Field(
                "attempts", .integer(Retries.attemptsRange), standard: "2",
                says: "Endpoints that one request is sent to at most; those that take no connection do not count."),
            Field(
                "on", .several(.choice(Retries.Cause.allCases.map(\.rawValue)), limit: Retries.Cause.allCases.count),
                standard: "connect, closed", says: "After which failures: connect, closed, timeout, 502, 503, 504."),
            Field(
                "budget", .integer(Retries.budgetRange), standard: "20",
                says: "Retries for each hundred requests of the rule."),
        ])

    /// The edge's fields of the same names; each in place of the edge's.
    static let ruleTimeouts = Section(
        title: "a rule's timeouts",
        fields: timeouts.fields.filter { field in RuleTimeouts.fields.contains { $0.name == field.name } }
            .map { field in
                // Of connections there is no other idleness.
                Field(
                    field.name, alias: field.name == "tunnelIdle" ? "idle" : nil, field.type,
                    standard: field.standard, says: field.documentation)
            })

    static let basicAuth = Section(
        title: "basicAuth",
        fields: [
            Field("users", alias: "user", .users, .required, says: "Names with bcrypt hashes, $2a$, $2b$ or $2y$."),
            Field("realm", .text, standard: BasicAuth.standardRealm, says: "What browsers show when they ask."),
            Field("forward", .boolean, standard: "false", says: "Whether the upstream gets name and password too."),
        ])

    static let gzip = Section(
        title: "gzip",
        fields: [
            Field(
                "types", alias: "type", .several(.text, limit: Gzip.typeLimit),
                standard: "text, JSON, XML and their like",
                says: "Media types that are compressed: text/html, or text/* for all of a kind."),
            Field(
                "minimum", .size(Gzip.minimumRange), standard: "1KiB", says: "Shorter responses are left as they are."),
            Field("level", .integer(Gzip.levelRange), standard: "5", says: "1 (fast) to 9 (small)."),
        ])

    static let options: [Field] = [
        Field(
            "allow", .several(.network, limit: listLimit), standard: "everybody",
            says: "Networks whose clients are let in, and no others. Answer: 403."),
        Field(
            "deny", .several(.network, limit: listLimit), standard: "nobody",
            says: "Networks whose clients are not let in; of several that fit, the longest prefix counts."),
        Field("rateLimit", .section(rateLimit), says: "How often each client may ask. Answer: 429."),
        Field(
            "maintenance", .boolean, standard: "false", says: "Whether every request is told to come back. Answer: 503."
        ),
        Field("redirect", .section(redirect), says: "Another address that every request is sent to."),
        Field("basicAuth", .section(basicAuth), says: "Who may ask, by name and password. Answer: 401."),
        Field(
            "maxBody", .size(0...Int.max), standard: "limits.bodyBytes",
            says: "Request body; 0 means no limit. Answer: 413."),
        Field(
            "bufferRequest", .size(RuleOptions.bufferRange),
            says: "Bodies up to this size are here as a whole before an endpoint is contacted."),
        Field(
            "maxPending", .integer(Limits.countRange), standard: "limits.pendingPerPool",
            says: "Exchanges that wait for a response to begin; 0 means no limit. Answer: 503."),
        Field("pool", .section(pool), says: "How its endpoints share what comes, and when one is left alone."),
        Field(
            "hold", .abbreviated(hold, by: "time"),
            says: "How long requests wait while none of its endpoints is ready."),
        Field(
            "health", .switchable(health), standard: "false", says: "How its endpoints are asked whether they are well."
        ),
        Field("retries", .section(retries), says: "When a request is sent to a second endpoint."),
        Field("timeouts", .section(ruleTimeouts), says: "Waits of its own, in place of the edge's."),
        Field("stripPrefix", .text, says: "true (the rule's path) or a path: taken off in front for the upstream."),
        Field("addPrefix", .path, says: "A path that is put in front for the upstream."),
        Field("replacePrefix", .path, says: "A path that the upstream sees instead of the rule's path."),
        Field(
            "requestHeaders", .section(headerChanges("requestHeaders")),
            says: "Changes of the headers that the upstream gets."),
        Field(
            "responseHeaders", .section(headerChanges("responseHeaders")),
            says: "Changes of the headers that the client gets."),
        Field(
            "gzip", .switchable(gzip), standard: "false", says: "Responses are compressed for clients that take gzip."),
        Field(
            "errorPages", .pairs,
            says: "HTML for browsers by status (503, or 5xx for all of a kind), where the appliance itself answers."),
        Field(
            "securityHeaders", .boolean, standard: "false",
            says: "Headers by which browsers protect their users are added where the upstream sends none."),
    ]

    static let optionNames = options.map(\.name)
    /// Of labels: also what only a container can be asked for.
    static let labelOptions = options + [sleepField]
    static let labelOptionNames = labelOptions.map(\.name)
    /// For reading them alone.
    static let labelOptionsSection = Section(title: "a rule", fields: labelOptions)
}
