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
    }

    deinit { arena.free() }

    /// One more than the largest route number in use.
    public var routeIDLimit: Int { view.routeIDLimit }
    /// One more than the largest endpoint number in use.
    public var endpointIDLimit: Int { view.endpointIDLimit }
}
