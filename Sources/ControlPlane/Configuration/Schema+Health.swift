import Contract

/// How a rule's endpoints are asked whether they are well: the same fields in the file and in labels.
extension Schema {
    static let health = Section(
        title: "health",
        fields: [
            Field(
                "kind", .choice(HealthCheck.Kind.allCases.map(\.rawValue)),
                standard: "the rule's",
                says: "http, https (whatever its certificate), tcp (connected is enough) or udp (a datagram returns)."),
            Field("path", .text, standard: "/", says: "What is asked for; with a query, if it has one."),
            Field("host", .text, standard: "the endpoint's address", says: "The Host of the request."),
            Field(
                "method", .choice(HealthCheck.Method.allCases.map(\.rawValue)), standard: "GET",
                says: "GET, HEAD or OPTIONS."),
            Field(
                "expect", .text, standard: StatusRanges.usual.written,
                says: "Statuses and ranges of them that are good, such as 200-299,304."),
            Field("body", .text, says: "A text that the first 64 KiB of the body must have."),
            Field(
                "send", .text,
                says: "With udp: what the datagram holds, as text with \\n, \\xNN and the like, or hex: and digits."),
            Field("answer", .text, says: "With udp: what the datagram that comes back must hold somewhere."),
            Field("port", .integer(1...65_535), standard: "the endpoint's", says: "Where to ask instead."),
            Field("interval", .duration(100...86_400_000), standard: "5s", says: "From one check to the next."),
            Field("timeout", .duration(1...60_000), standard: "2s", says: "What a check may take."),
            Field("rise", .integer(1...100), standard: "2", says: "Good checks in a row until one that is down is up."),
            Field("fall", .integer(1...100), standard: "3", says: "Bad checks in a row until it is down."),
            Field(
                "jitter", .integer(0...50), standard: "10",
                says: "Percent by which an interval may be shorter or longer."),
        ])
}
