/// What is counted of each route, endpoint and listener.
public enum TallyColumn: Int, Sendable, CaseIterable {
    /// Exchanges that ended, by the class of their status; `unanswered` ended before they had one.
    case unanswered, status1xx, status2xx, status3xx, status4xx, status5xx
    /// Under way now. Of a listener: open connections.
    case inFlight
    /// Bytes of bodies: of requests, of responses.
    case received, sent
    /// Connections begun. Of a listener: accepted.
    case connects
    case connectFailures
    /// Connections that were there and did not bring a response: closed, malformed, late.
    case failures
    /// Connections that wait in the pool now.
    case idle

    /// The column of a status; 0 is none.
    @inlinable public init(status: Int) {
        switch status {
        case 100..<200: self = .status1xx
        case 200..<300: self = .status2xx
        case 300..<400: self = .status3xx
        case 400..<500: self = .status4xx
        case 500...: self = .status5xx
        case _: self = .unanswered
        }
    }
}

/// One row as it was at one moment.
public struct TallyReading: Equatable, Sendable {
    /// By the raw value of ``TallyColumn``.
    public var columns = [UInt64](repeating: 0, count: TallyColumn.allCases.count)
    public var durations = Histogram()

    public init() {}

    public subscript(_ column: TallyColumn) -> UInt64 {
        get { columns[column.rawValue] }
        set { columns[column.rawValue] = newValue }
    }

    public mutating func merge(_ other: TallyReading) {
        for place in columns.indices { columns[place] &+= other.columns[place] }
        durations.merge(other.durations)
    }
}
