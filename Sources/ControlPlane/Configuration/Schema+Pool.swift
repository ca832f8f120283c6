import Contract

/// How a rule's endpoints share what comes: the same fields in the file and in labels.
extension Schema {
    static let ejection = Section(
        title: "ejection",
        fields: [
            Field(
                "consecutive", .integer(0...1_000), standard: "5", says: "Failures in a row that eject; 0: none do."),
            Field(
                "ratio", .integer(0...100), standard: "50",
                says: "Percent of failures in a window that eject; 0: none do."),
            Field(
                "minimum", .integer(1...1_000_000), standard: "20",
                says: "Exchanges in a window without which its ratio says nothing."),
            Field("window", .duration(100...3_600_000), standard: "10s", says: "Over which the ratio is taken."),
            Field(
                "base", .duration(100...3_600_000), standard: "10s", says: "The first ejection; the next: twice it."),
            Field("longest", .duration(100...86_400_000), standard: "5m", says: "The longest ejection."),
            Field("cap", .integer(0...100), standard: "50", says: "Percent of the pool that may be ejected."),
            Field(
                "latency", .integer(0...Ejection.latencyRange.upperBound), standard: "0",
                says: "Percent of its neighbours' median time that ejects who takes as long for a window; 0: none does."
            ),
            Field(
                "serverErrors", .boolean, standard: "false", says: "Whether statuses from 500 to 599 are failures."),
        ])

    static let breaker = Section(
        title: "breaker",
        fields: [
            Field(
                "connections", .integer(0...1_000_000), standard: "0",
                says: "Open connections of one worker to an endpoint; 0: as many as it takes."),
            Field(
                "pending", .integer(0...1_000_000), standard: "0",
                says: "Connections being made by one worker to an endpoint; 0: as many as it takes."),
            Field(
                "inFlight", .integer(0...1_000_000), standard: "0",
                says: "Requests of one worker at an endpoint; 0: as many as come."),
            Field(
                "ratio", .integer(0...100), standard: "0",
                says: "Percent of failures in a window that open an endpoint's circuit; 0: none do."),
            Field(
                "poolConnections", .integer(0...1_000_000), standard: "0",
                says: "Open connections of the whole pool, over all workers; 0: as many as it takes."),
            Field(
                "poolPending", .integer(0...1_000_000), standard: "0",
                says: "Connections of the whole pool being made, over all workers; 0: as many as it takes."),
            Field(
                "poolInFlight", .integer(0...1_000_000), standard: "0",
                says: "Requests of the whole pool, over all workers; 0: as many as come."),
            Field(
                "poolRatio", .integer(0...100), standard: "0",
                says: "Percent of requests answered for failures of endpoints that open the pool's circuit; 0: none."),
            Field(
                "minimum", .integer(1...1_000_000), standard: "20",
                says: "Exchanges in a window without which its ratio says nothing."),
            Field("window", .duration(100...3_600_000), standard: "10s", says: "Over which the ratio is taken."),
            Field(
                "base", .duration(100...3_600_000), standard: "5s",
                says: "How long a circuit stays open; after a failed trial: twice as long."),
            Field("longest", .duration(100...86_400_000), standard: "1m", says: "How long at the longest."),
            Field(
                "trials", .integer(1...100), standard: "3", says: "Requests that must end well until it closes."),
            Field(
                "serverErrors", .boolean, standard: "false", says: "Whether statuses from 500 to 599 are failures."),
        ])

    static let pool = Section(
        title: "pool",
        fields: [
            Field(
                "policy", .choice(PoolOptions.Policy.allCases.map(\.rawValue)), standard: "round-robin",
                says: "Who gets a request: " + PoolOptions.Policy.allCases.map(\.rawValue).joined(separator: ", ") + "."
            ),
            Field(
                "hashBy", .text, standard: "client",
                says: "What hash goes by: client, path, header:NAME or cookie:NAME."),
            Field(
                "bound", .integer(PoolOptions.boundRange), standard: "none",
                says: "With hash, percent of its share of what is in flight that an endpoint takes at most."),
            Field(
                "panic", .integer(0...100), standard: "0",
                says: "Percent of usable endpoints below which a tier counts as gone."),
            Field("sticky", .text, says: "The name of a cookie that keeps a client with its endpoint."),
            Field(
                "slowStart", .duration(PoolOptions.slowStartRange), standard: "0s",
                says: "In which an endpoint that is new, or back, grows into its weight."),
            Field("breaker", .section(breaker), says: "Limits of each endpoint, and when it is left alone at once."),
            Field(
                "ejection", .switchable(ejection), standard: "true",
                says: "When an endpoint that fails is left alone for a while."),
        ])

    static let weight = Field(
        "weight", .integer(Endpoint.weightRange), standard: "1",
        says: "What the endpoint gets beside the others of its pool; with 0 nobody new.")
    static let tier = Field(
        "tier", .integer(Endpoint.tierRange), standard: "0",
        says: "0 is served first, a higher one while nobody of those below is usable.")

    static let weighedEndpoint = Section(
        title: "an endpoint",
        fields: [
            Field("address", .endpoint, .required, says: "IPv4:port, [IPv6]:port or name:port."), weight, tier,
        ])
}
