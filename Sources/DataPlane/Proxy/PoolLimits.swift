import Balancing
import Engine
import Routing
import Telemetry

// Limits of a pool as a whole, over all workers: the exchanges that have an endpoint of it or look for one, the
// connections that were made for its rule, those of them that are being made. Counted by rule in the `Census`, and only
// where a rule limits them.

extension Worker {
    /// Whether the exchange may take a connection of its pool to the endpoint it was given, as far as the pool is
    /// concerned. Once let in it stays so until it is held or over.
    @inline(never)
    func hasPoolLeave(_ index: UInt32, _ limits: Congestion, hasIdle: Bool) -> Bool {
        let number = Int(exchanges[index].route)
        if limits.inFlight < .max, !exchanges[index].isInPool {
            let counts = poolsInFlight ?? census.ofPools(.inFlight)
            poolsInFlight = counts
            guard counts.enter(number, limit: UInt64(limits.inFlight)) else {
                tally.breakers.poolInFlight.add()
                return false
            }
            exchanges[index].isInPool = true
        }
        guard !hasIdle else { return true }
        // Two workers may find the last place at once: one more than the limit for each worker beside this one.
        if limits.connections < .max, connectionCounts.count(number) >= UInt64(limits.connections) {
            tally.breakers.poolConnections.add()
            return false
        }
        if limits.pending < .max, connectCounts.count(number) >= UInt64(limits.pending) {
            tally.breakers.poolPending.add()
            return false
        }
        return true
    }

    /// The exchange is held, or over: another may come in its place.
    func leavePoolCount(_ index: UInt32) {
        guard exchanges[index].isInPool else { return }
        exchanges[index].isInPool = false
        poolsInFlight?.leave(Int(exchanges[index].route))
    }

    /// Counts a connection that is being made for an exchange, where its pool limits these.
    func countAtPool(_ upstream: UInt32, _ index: UInt32) {
        let view = poolView(index)
        let pool = view.pool(of: view.route(RouteID(number: exchanges[index].route)))
        guard pool.limitsConnections else { return }
        connections[upstream].pool = exchanges[index].route
        connections[upstream].isCounted = true
        connections[upstream].isCountedConnect = true
        connectionCounts.add(Int(exchanges[index].route))
        connectCounts.add(Int(exchanges[index].route))
    }

    /// The connect is over.
    func leaveConnects(_ upstream: UInt32) {
        connections[upstream].isCountedConnect = false
        connectCounts.leave(Int(connections[upstream].pool))
    }

    /// The connection is closed. Rules that share an endpoint share its idle connections; each counts at the rule that
    /// it was made for.
    func leaveConnections(_ upstream: UInt32) {
        connections[upstream].isCounted = false
        connectionCounts.leave(Int(connections[upstream].pool))
    }

    private var connectionCounts: SharedCounts {
        if let poolConnections { return poolConnections }
        let counts = census.ofPools(.connections)
        poolConnections = counts
        return counts
    }

    private var connectCounts: SharedCounts {
        if let poolConnects { return poolConnects }
        let counts = census.ofPools(.connects)
        poolConnects = counts
        return counts
    }
}
