public import Balancing

/// What is to be known of a pool with a plan beside the plan; trivial. Names are read through the ``RouteView``.
public struct RoutePool: Sendable, BitwiseCopyable {
    /// What the key of an exchange is made of.
    public enum Key: UInt8, Sendable, BitwiseCopyable { case none, client, path, header, cookie }

    public var key = Key.none
    /// Whether a client keeps its endpoint by a cookie.
    public var isSticky = false
    /// Whether failures take an endpoint out; and whether statuses from 500 on are failures.
    public var ejects = false
    public var countsServerErrors = false
    public var ejection = OutlierEjection.Policy()
    public var queue = RouteQueue(nil)
    var planStart: UInt32 = 0
    var planCount: UInt32 = 0
    var keyName = TextPlace()
    var cookie = TextPlace()

    init() {}
}

extension RouteView {
    /// The pool of a route that has a plan.
    public func pool(of route: Route) -> RoutePool {
        precondition(route.hasPlan, "a route without a plan")
        return balanced(route.pool)
    }

    /// The header or cookie to hash by.
    @_lifetime(borrow self)
    public func keyName(of pool: RoutePool) -> Span<UInt8> { text(pool.keyName) }

    /// The cookie that holds the endpoint's identity.
    @_lifetime(borrow self)
    public func stickyCookie(of pool: RoutePool) -> Span<UInt8> { text(pool.cookie) }
}

extension EndpointAddress {
    /// A number for the address that is the same in every process and every revision, and never 0: keys of a hash and
    /// sticky cookies follow it. It hides nothing.
    public var identity: UInt64 {
        var state: UInt64 = 0xcbf2_9ce4_8422_2325
        for word in [high, low, UInt64(port) << 8 | UInt64(family.rawValue)] {
            state = (state ^ word) &* 0x9e37_79b9_7f4a_7c15
            state ^= state >> 29
        }
        return state == 0 ? 1 : state
    }
}
