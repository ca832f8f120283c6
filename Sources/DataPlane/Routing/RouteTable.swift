/// Every route of one revision, compiled for matching. Immutable; workers read it through ``view``.
///
/// Whoever uses a view keeps its table alive. Letting go of the last reference frees the block and gives back the
/// numbers of what is in no other table: work linear in the number of rules, better done on the Link's thread than on
/// a worker's.
public final class RouteTable: @unchecked Sendable {
    public let revision: UInt64
    public let epoch: String
    public let routeCount: Int
    public let view: RouteView
    /// Keeps the numbers of routes and endpoints from being given to others.
    let rules: [CompiledRule]
    /// Indexes of listeners by name when the table was built.
    let listeners: [String: Int]
    /// The buckets of rules with a rate limit; one for all tables of a compiler, so that no change of configuration
    /// fills a bucket. `nil` while no rule has ever had a limit.
    public let rates: RateTable?
    private let arena: ArenaBlock
    /// Where a route's rule is among the rules, by number.
    private let places: [UInt32]

    init(
        revision: UInt64, epoch: String, rules: [CompiledRule], listeners: [String: Int], rates: RateTable?,
        arena: ArenaBlock
    ) {
        self.revision = revision
        self.epoch = epoch
        self.rules = rules
        self.listeners = listeners
        routeCount = rules.count
        self.rates = rates
        self.arena = arena
        view = arena.view
        var places = [UInt32](repeating: nobody, count: view.routeIDLimit)
        for (place, rule) in rules.enumerated() { places[rule.id.index] = UInt32(place) }
        self.places = places
    }

    deinit { arena.free() }

    /// Something that keeps the numbers of a route and its endpoints from being given to others, for whoever outlives
    /// the table: a table of many rules is too much to keep for one connection. The same for every table that has the
    /// rule as it is here.
    public func hold(of id: RouteID) -> RouteHold? {
        let place = id.index < places.count ? places[id.index] : nobody
        return place == nobody ? nil : RouteHold(rule: rules[Int(place)])
    }

    /// One more than the largest route number in use.
    public var routeIDLimit: Int { view.routeIDLimit }
    /// One more than the largest endpoint number in use.
    public var endpointIDLimit: Int { view.endpointIDLimit }
}

/// A rule as a table had it. While it is kept, its numbers are its own.
public struct RouteHold: Sendable {
    let rule: CompiledRule

    public var id: RouteID { rule.id }
    /// Escaped for JSON.
    public var name: [UInt8] { rule.name }
    /// Tells rules apart: another when the rule was changed.
    public var identity: ObjectIdentifier { ObjectIdentifier(rule) }

    public var endpoints: [EndpointID] { rule.endpoints }
}
