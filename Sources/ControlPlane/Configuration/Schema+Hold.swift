import Contract

/// What becomes of requests while no endpoint of a rule is ready, and of containers that nobody asks.
extension Schema {
    static let hold = Section(
        title: "hold",
        fields: [
            Field(
                "time", .duration(Holding.timeRange), standard: "10s for containers, 0 for addresses",
                says: "How long requests wait for a successor, from when the last endpoint went; 0: not at all."),
            Field(
                "limit", .integer(Holding.limitRange), standard: "10000",
                says: "Requests of one worker that wait at once. Answer beyond: 503."),
            Field(
                "page", .duration(Holding.timeRange), standard: "2s",
                says: "When a browser that waits gets a page that asks again by itself; 0: never."),
        ])

    static let sleep = Section(
        title: "sleep",
        fields: [
            Field(
                "after", .duration(SleepDeclaration.afterRange), .required,
                says: "How long nobody asks for it until the container is stopped."),
            Field(
                "wake", .duration(SleepDeclaration.wakeRange), standard: "60s",
                says: "How long a request waits for the container that is started for it."),
        ])

    /// Of containers alone: nobody can start what stands behind an address.
    static let sleepField = Field(
        "sleep", .abbreviated(sleep, by: "after"),
        says: "When the container is stopped until somebody asks for it.")
}
