import Balancing
import Engine
import Routing
import Telemetry

// The circuit of a pool as a whole, where its rule wants one: it goes by what clients are told, after every retry, and
// not by what single endpoints do (0025-circuit-of-a-pool). Each worker has its own.

extension Worker {
    /// Lets the exchange into its pool, or answers it. `false`: it was answered.
    @inline(never)
    func entersCircuit(_ index: UInt32, _ pool: RoutePool) -> Bool {
        let number = Int(exchanges[index].route)
        while poolCircuits.count <= number { poolCircuits.append(CircuitBreaker()) }
        let wasOpen = poolCircuits[number].phase != .closed
        guard let pass = poolCircuits[number].admit(now: loop.now, policy: pool.poolBreaker) else {
            var wait: UInt64 = 1_000_000_000
            if case .open(let until) = poolCircuits[number].phase { wait = until > loop.now ? until &- loop.now : 1 }
            answer(index, .circuitOpen, retryIn: wait)
            return false
        }
        exchanges[index].poolPass = pass
        if wasOpen { tally.breakers.poolTrials.add() }
        return true
    }

    /// The response that `responseHead` begins goes to the client.
    @inline(never)
    func settlePoolPass(_ index: UInt32) {
        let view = poolView(index)
        let pool = view.pool(of: view.route(RouteID(number: exchanges[index].route)))
        finishPoolPass(index, exchanges[index].status >= 500 && pool.breaksOnServerErrors ? .failed : .answered)
    }

    /// The exchange ends without a response of an endpoint.
    @inline(never)
    func endPoolPass(_ index: UInt32) {
        let hasFailed =
            switch exchanges[index].answered {
            case .connectFailed, .connectTimeout, .upstreamClosed, .upstreamMalformed, .upstreamTimeout: true
            case .badRequest, .badTarget, .requestTimeout, .bodyTooLarge, .targetTooLong, .headTooLarge,
                .notImplemented, .versionNotSupported, .noRoute, .noEndpoint, .overloaded, .poolBusy, .queueTimeout,
                .tooManyHeld, .waiting, .poolFull, .circuitOpen, .tooManyConnections, .exchangeTimeout, .denied,
                .rateLimited, .maintenance, .loop, .hopsMalformed, .unauthorized, .signInLimited, nil:
                false
            }
        finishPoolPass(index, hasFailed ? .failed : .neither)
    }

    private func finishPoolPass(_ index: UInt32, _ outcome: CircuitBreaker.Outcome) {
        let pass = exchanges[index].poolPass
        exchanges[index].poolPass = .none
        let number = Int(exchanges[index].route)
        let view = poolView(index)
        let policy = view.pool(of: view.route(RouteID(number: exchanges[index].route))).poolBreaker
        let before = poolCircuits[number].phase
        guard poolCircuits[number].finish(pass, outcome, now: loop.now, policy: policy) else { return }
        switch (before, poolCircuits[number].phase) {
        case (_, .open):
            if before == .closed { tally.breakers.poolCircuitsOpen.add() }
            tally.breakers.poolCircuitsOpened.add()
        case (_, .closed):
            tally.breakers.poolCircuitsOpen.subtract()
            tally.breakers.poolCircuitsClosed.add()
        case (_, .halfOpen): break
        }
    }

    /// Circuits of rules that are gone, or want none any more, are forgotten: their numbers may go to others.
    func adoptPoolCircuits(_ view: RouteView) {
        for number in poolCircuits.indices where poolCircuits[number] != CircuitBreaker() {
            let id = RouteID(number: UInt32(number))
            if view.contains(id), view.route(id).hasPlan, view.pool(of: view.route(id)).poolBreaks { continue }
            if poolCircuits[number].phase != .closed { tally.breakers.poolCircuitsOpen.subtract() }
            poolCircuits[number].reset()
        }
    }
}
