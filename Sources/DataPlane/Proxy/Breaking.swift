import Balancing
import Engine
import Routing
import Telemetry

// Limits and circuits of endpoints. An exchange asks leave before it takes a connection, and carries its pass until its
// attempt is over. A pool refuses at once when the circuits of all its endpoints are open; what it has of its own is in
// `PoolLimits` and `PoolCircuits`.

/// Why an exchange that was looking for an endpoint found none.
enum Scarcity {
    /// Nobody is there, or nobody who may get anything.
    case deserted
    /// Who could be chosen has as much under way as it may.
    case full
    /// The circuits of all are open; nanoseconds until the first may be tried.
    case broken(UInt64)
    /// Connections were tried, and none came about.
    case tried
}

extension Hold.Cause {
    /// What an exchange may wait for. An open circuit is there so that nobody waits.
    init?(_ scarcity: Scarcity) {
        switch scarcity {
        case .deserted: self = .noEndpoint
        case .full: self = .full
        case .tried: self = .refused
        case .broken: return nil
        }
    }
}

extension Worker {
    /// Whether the exchange may take a connection to the endpoint it was given. If so it has a pass, where there is a
    /// circuit.
    @inline(never)
    func hasLeave(_ index: UInt32, _ number: UInt32, _ view: RouteView, _ route: Route) -> Bool {
        let pool = view.pool(of: route)
        let state = endpoints[Int(number)]
        // What is in flight was seen to when it was chosen.
        let present = Congestion(inFlight: 0, connections: state.openCount, pending: state.connectingCount)
        switch pool.congestion.refusal(of: present, hasIdle: state.firstPooled != Connection.nobody) {
        case nil: break
        case .connections:
            tally.breakers.passedForConnections.add()
            exchanges[index].turn.metFull = true
            return false
        case .pending, .inFlight:
            tally.breakers.passedForPending.add()
            exchanges[index].turn.metFull = true
            return false
        }
        if pool.limitsPool,
            !hasPoolLeave(index, pool.wholeCongestion, hasIdle: state.firstPooled != Connection.nobody)
        {
            exchanges[index].turn.metFull = true
            return false
        }
        guard pool.breaks else { return true }
        guard let pass = watches[Int(number)].circuit.admit(now: loop.now, policy: pool.breaker) else {
            showCircuit(number, pool.breaker)
            return false
        }
        exchanges[index].pass = pass
        if case .halfOpen = watches[Int(number)].circuit.phase {
            tally.breakers.trials.add()
            showCircuit(number, pool.breaker)
        }
        return true
    }

    /// The attempt for which the exchange has a pass is over.
    @inline(never)
    func giveBackPass(_ index: UInt32, _ outcome: CircuitBreaker.Outcome) {
        let pass = exchanges[index].pass
        exchanges[index].pass = .none
        let number = exchanges[index].endpoint
        let view = poolView(index)
        let route = view.route(RouteID(number: exchanges[index].route))
        finish(pass, of: number, outcome, view, route)
    }

    /// The attempt at the endpoint for which there is a pass is over.
    func finish(
        _ pass: CircuitBreaker.Pass, of number: UInt32, _ outcome: CircuitBreaker.Outcome, _ view: RouteView,
        _ route: Route
    ) {
        let policy = view.pool(of: route).breaker
        let before = watches[Int(number)].circuit.phase
        let hasChanged = watches[Int(number)].circuit.finish(pass, outcome, now: loop.now, policy: policy)
        if hasChanged {
            switch (before, watches[Int(number)].circuit.phase) {
            case (_, .open(let until)):
                if before == .closed { tally.breakers.circuitsOpen.add() }
                tally.breakers.opened.add()
                tell(number, (view, route), .circuitOpened(until &- loop.now))
            case (_, .closed):
                tally.breakers.circuitsOpen.subtract()
                tally.breakers.closed.add()
                tell(number, (view, route), .circuitClosed)
            case (_, .halfOpen): break
            }
        }
        if before != .closed || hasChanged { showCircuit(number, policy) }
    }

    /// A response has begun. Of a trial that is enough to know: how long the rest takes is for the response to say.
    @inline(never)
    func endTrial(_ index: UInt32) {
        let isTrial =
            switch watches[Int(exchanges[index].endpoint)].circuit.phase {
            case .halfOpen: true
            case .closed, .open: false
            }
        guard isTrial || exchanges[index].responsePhase == .tunnelling else { return }
        let view = poolView(index)
        let pool = view.pool(of: view.route(RouteID(number: exchanges[index].route)))
        giveBackPass(index, exchanges[index].status >= 500 && pool.breaksOnServerErrors ? .failed : .answered)
    }

    /// Trials that have no end yet, of all endpoints.
    var trialCount: Int {
        watches.reduce(0) { count, watch in
            if case .halfOpen(let out, _) = watch.circuit.phase { count + Int(out) } else { count }
        }
    }

    /// Bars the endpoint while its circuit lets nobody through.
    func showCircuit(_ number: UInt32, _ policy: CircuitBreaker.Policy) {
        if watches[Int(number)].circuit.admits(now: loop.now, policy: policy) {
            unbar(number, .broken)
        } else {
            bar(number, .broken)
            tend(endpoint: number)
        }
    }

    /// An open circuit has been open long enough for a trial.
    func tryCircuitIfDue(_ number: UInt32) {
        guard case .open(let until) = watches[Int(number)].circuit.phase, loop.now >= until else { return }
        unbar(number, .broken)
    }

    /// Nobody breaks it any more.
    func closeCircuit(_ number: UInt32) {
        guard watches[Int(number)].circuit.phase != .closed else { return }
        watches[Int(number)].circuit.reset()
        tally.breakers.circuitsOpen.subtract()
        unbar(number, .broken)
    }

    /// Why no endpoint was found for the exchange.
    func scarcity(_ index: UInt32, _ view: RouteView, _ route: Route) -> Scarcity {
        guard exchanges[index].hasPlan else { return exchanges[index].attempts > 0 ? .tried : .deserted }
        switch shortage(exchanges[index].turn, view.plan(of: route), loads, route.id.index) {
        case .full: return .full
        case .tried: return .tried
        case .deserted: return .deserted
        case .broken: return .broken(untilTrial(view.endpoints(of: route)))
        }
    }

    /// By itself: a pool borrows the loads to the end of its scope.
    private func shortage(_ turn: Turn, _ plan: Span<UInt32>, _ loads: [EndpointLoad], _ route: Int) -> Pool.Shortage {
        Pool(plan: plan, loads: loads.span).shortage(turn, pools[route])
    }

    /// Nanoseconds until the first of the open circuits may be tried; a second where trials are under way.
    private func untilTrial(_ endpoints: EndpointList) -> UInt64 {
        var least: UInt64 = .max
        for place in 0..<endpoints.count {
            let number = Int(endpoints[place].number)
            guard loads[number].bars.contains(.broken) else { continue }
            if case .open(let until) = watches[number].circuit.phase {
                least = min(least, until > loop.now ? until &- loop.now : 1)
            } else {
                least = min(least, 1_000_000_000)
            }
        }
        return least == .max ? 1_000_000_000 : least
    }
}
