import Balancing
import Engine
import HTTP1
import Kernel
import Routing
import Telemetry

// Which endpoint of a pool with a plan gets an exchange. A pool without a plan gives each endpoint its turn
// (`UpstreamConnection`) and comes here for nothing. What is learned of endpoints: `EndpointWatch`, `Ejecting`,
// `Breaking`, `SlowStarting`.

extension Worker {
    /// The table whose endpoints the exchange goes by.
    @inline(__always)
    func poolView(_ index: UInt32) -> RouteView { tables[Int(exchanges[index].poolTable)].view }

    /// Begins the exchange's way through its pool: what it is chosen by, while the request's head is at hand. `false`:
    /// the pool's circuit is open, and it was answered.
    @inline(never)
    func planTurn(_ index: UInt32, _ route: Route) -> Bool {
        let view = poolView(index)
        // Handed on to nobody, or all of it would be copied.
        let pool = view.pool(of: route)
        exchanges[index].hasPlan = true
        exchanges[index].asksLeave = pool.asksLeave
        if pool.key != .none { exchanges[index].turn.key = key(index, route, view) }
        if pool.isSticky {
            // Whether it came by TLS, for the cookie that may be given.
            if !route.hasOptions { noteAsker(index) }
            exchanges[index].turn.pinned = pinned(index, route, view)
        }
        return !pool.poolBreaks || entersCircuit(index, pool)
    }

    /// The endpoint to try next by the plan. An exchange that gave its last attempt back goes to the same once more.
    @inline(never)
    func balance(_ index: UInt32, _ view: RouteView, _ route: Route) -> EndpointID? {
        if exchanges[index].attempts < UInt32(exchanges[index].turn.count) {
            exchanges[index].attempts += 1
            let number = exchanges[index].endpoint
            if !exchanges[index].asksLeave || hasLeave(index, number, view, route) { return EndpointID(number: number) }
        }
        while true {
            var turn = exchanges[index].turn
            let number = next(&turn, view.plan(of: route), loads, route.id.index)
            exchanges[index].turn = turn
            guard let number else { return nil }
            if pools[route.id.index].condition == .panicking { tally.panicChoices.add() }
            exchanges[index].attempts += 1
            if !exchanges[index].asksLeave || hasLeave(index, number, view, route) { return EndpointID(number: number) }
        }
    }

    /// By itself: a pool borrows the loads to the end of its scope.
    @inline(__always)
    func next(_ turn: inout Turn, _ plan: Span<UInt32>, _ loads: [EndpointLoad], _ route: Int) -> UInt32? {
        let pool = Pool(plan: plan, loads: loads.span)
        return pool.next(&turn, &pools[route], epoch: poolEpoch, now: loop.now, random: &random)
    }

    /// The exchange has a connection to the endpoint.
    @inline(__always)
    func enterEndpoint(_ index: UInt32, _ number: UInt32) {
        loads[Int(number)].inFlight += 1
        if exchanges[index].hasPlan { pools[Int(exchanges[index].route)].inFlight += 1 }
        tally.endpoints.add(.inFlight, of: number)
    }

    /// It has none any more.
    @inline(__always)
    func leaveEndpoint(_ index: UInt32, _ number: UInt32) {
        leaveEndpoint(number, of: exchanges[index].route, hasPlan: exchanges[index].hasPlan)
    }

    @inline(__always)
    func leaveEndpoint(_ number: UInt32, of route: UInt32, hasPlan: Bool) {
        if loads[Int(number)].inFlight >= loads[Int(number)].inFlightLimit { endpointFreed(number) }
        if endpoints[Int(number)].firstStalled != Connection.nobody { noteRoom(number) }
        loads[Int(number)].inFlight -= 1
        if hasPlan { pools[Int(route)].inFlight -= 1 }
        tally.endpoints.subtract(.inFlight, of: number)
    }

    /// The first byte of a response is here.
    @inline(__always)
    func noteFirstByte(_ index: UInt32) {
        exchanges[index].firstByte = loop.now
        guard exchanges[index].hasPlan else { return }
        let since = exchanges[index].connected
        loads[Int(exchanges[index].endpoint)].latency.observe(loop.now &- since, at: loop.now)
    }

    /// Those that have an endpoint now, and those of pools with a plan once more.
    var exchangesAtEndpoints: Int {
        loads.reduce(0) { $0 + Int($1.inFlight) } + pools.reduce(0) { $0 + Int($1.inFlight) }
    }
}
