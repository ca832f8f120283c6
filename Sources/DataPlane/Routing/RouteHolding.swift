import Contract

/// How long the requests of a route are held while no endpoint of it is ready; trivial.
public struct RouteHolding: Sendable, BitwiseCopyable {
    /// Nanoseconds from the beginning of an outage.
    public var time: UInt64
    /// Exchanges of one worker.
    public var limit: Int
    /// Nanoseconds from a request's arrival in which containers are started for it; 0: none are.
    public var wake: UInt64
    /// Nanoseconds after which a browser gets a page; 0: it never does.
    public var page: UInt64

    init(_ holding: Holding) throws(OptionFault) {
        try holding.check()
        time = UInt64(holding.time) * 1_000_000
        limit = holding.limit
        wake = UInt64(holding.wake) * 1_000_000
        page = UInt64(holding.page) * 1_000_000
    }
}

/// The line before a pool all of whose endpoints have as much as they may; trivial.
public struct RouteQueue: Sendable, BitwiseCopyable {
    /// Exchanges of one worker; 0: there is no line.
    public var size = 0
    /// Nanoseconds.
    public var timeout: UInt64 = 0

    public static var none: RouteQueue { RouteQueue(nil) }

    init(_ queue: Queue?) {
        guard let queue else { return }
        size = queue.size
        timeout = UInt64(queue.timeout) * 1_000_000
    }
}

extension RouteView {
    /// How requests of the route are held; `nil` where they are not.
    public func holding(of route: Route) -> RouteHolding? {
        route.isHolding ? held(route.holding) : nil
    }
}

extension TableWriter {
    /// Writes how a rule's requests are held, and answers where it is.
    mutating func add(_ holding: RouteHolding?) -> UInt32 {
        guard let holding else { return nobody }
        arena.store(holding, at: header.holdings, holdingCount)
        holdingCount += 1
        return UInt32(holdingCount - 1)
    }
}
