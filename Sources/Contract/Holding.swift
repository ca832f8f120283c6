/// What becomes of requests that come while none of a rule's endpoints is ready: they are held until one is. What is
/// left out of the JSON has the default stated here.
public struct Holding: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case time, limit, wake, page }

    /// Milliseconds, counted from when the last endpoint went, in which requests wait for its successor: 0 to ten
    /// minutes. Those that come later are answered at once.
    public var time = 10_000
    /// Exchanges that one worker holds for the rule, 1 to 100,000; those beyond are answered at once.
    public var limit = 10_000
    /// Milliseconds, from its own arrival, that a request waits for the containers which it has control start; 0 to
    /// ten minutes, and 0: none are started.
    public var wake = 0
    /// Milliseconds after which a browser that waits gets a page that asks again by itself; 0 to ten minutes, and 0:
    /// it waits as long as others do.
    public var page = 2_000

    /// Milliseconds.
    public static let timeRange = 0...600_000
    public static let limitRange = 1...100_000

    public init() {}

    public func check() throws(OptionFault) {
        try within(time, Self.timeRange, "milliseconds for which requests are held")
        try within(limit, Self.limitRange, "requests that are held")
        try within(wake, Self.timeRange, "milliseconds to wait for a container that is started")
        try within(page, Self.timeRange, "milliseconds until the waiting page")
    }
}

extension Holding: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        try values.read(.time, into: &time)
        try values.read(.limit, into: &limit)
        try values.read(.wake, into: &wake)
        try values.read(.page, into: &page)
    }
}
