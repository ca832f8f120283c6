/// What one edge has said of its rules, endpoints and listeners: the newest row of each.
public struct TallyBook: Equatable, Sendable {
    /// Rows of one kind that are kept; what an edge says beyond it is passed over.
    public static let rowLimit = 1 << 17

    /// By name.
    public private(set) var rules: [String: TallyRow] = [:]
    public private(set) var endpoints: [String: TallyRow] = [:]
    public private(set) var listeners: [String: TallyRow] = [:]

    public init() {}

    public mutating func take(_ news: EdgeTallies) {
        if news.isFirst { self = TallyBook() }
        for name in news.gone.rules { rules[name] = nil }
        for name in news.gone.endpoints { endpoints[name] = nil }
        Self.put(news.rules, into: &rules)
        Self.put(news.endpoints, into: &endpoints)
        Self.put(news.listeners, into: &listeners)
    }

    private static func put(_ rows: [TallyRow], into book: inout [String: TallyRow]) {
        for row in rows where book.count < rowLimit || book[row.name] != nil { book[row.name] = row }
    }
}
