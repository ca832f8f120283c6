import Balancing
import Engine
import Kernel
import Routing
import Telemetry

// Which endpoint a session gets: as an exchange gets one (`Balancing`), with the client's address for a key, and with
// leave where a pool has limits or circuits (`Breaking`).

/// An endpoint, and leave to go there.
struct EndpointChoice: BitwiseCopyable {
    var endpoint: UInt32
    var pass = CircuitBreaker.Pass.none
}

extension Worker {
    /// - Parameter other: an endpoint that is not wanted, or nobody.
    func chooseEndpoint(
        for session: Session, _ view: RouteView, _ route: Route, without other: UInt32
    ) -> EndpointChoice? {
        guard route.hasPlan else { return chooseInTurn(view.endpoints(of: route), route, without: other) }
        let pool = view.pool(of: route)
        var turn = Turn()
        if pool.key != .none {
            let (high, low) = session.key.client.words
            turn.key = folded(folded(0, high), low)
        }
        while let number = next(&turn, view.plan(of: route), loads, route.id.index) {
            guard number != other else { continue }
            if pools[route.id.index].condition == .panicking { tally.panicChoices.add() }
            guard pool.asksLeave else { return EndpointChoice(endpoint: number) }
            if let pass = leave(for: number, pool) { return EndpointChoice(endpoint: number, pass: pass) }
        }
        return nil
    }

    private func chooseInTurn(_ list: EndpointList, _ route: Route, without other: UInt32) -> EndpointChoice? {
        var candidates = Candidates(count: list.count, cursor: &cursors[route.id.index])
        while let place = candidates.next() {
            guard list[place].number != other else { continue }
            return EndpointChoice(endpoint: list[place].number)
        }
        return nil
    }

    private func leave(for number: UInt32, _ pool: RoutePool) -> CircuitBreaker.Pass? {
        let present = Congestion(inFlight: 0, connections: endpoints[Int(number)].openCount, pending: 0)
        guard pool.congestion.refusal(of: present, hasIdle: false) == nil else {
            tally.breakers.passedForConnections.add()
            return nil
        }
        guard pool.breaks else { return CircuitBreaker.Pass.none }
        let pass = watches[Int(number)].circuit.admit(now: loop.now, policy: pool.breaker)
        if case .halfOpen = watches[Int(number)].circuit.phase, pass != nil { tally.breakers.trials.add() }
        if watches[Int(number)].circuit.phase != .closed { showCircuit(number, pool.breaker) }
        return pass
    }

    /// A choice has come to an end.
    func returnPass(
        _ choice: EndpointChoice, _ outcome: CircuitBreaker.Outcome, _ view: RouteView, _ route: Route
    ) {
        guard choice.pass != .none, route.hasPlan else { return }
        finish(choice.pass, of: choice.endpoint, outcome, view, route)
    }

    // MARK: Books

    func enterEndpoint(session index: UInt32, _ choice: EndpointChoice, _ route: Route) {
        let number = choice.endpoint
        book.sessions[index].endpoint = number
        book.sessions[index].pass = choice.pass
        book.sessions[index].isJudged = false
        book.sessions[index].isRefused = false
        book.sessions[index].isOrphan = false
        book.sessions[index].isPooled = route.hasPlan
        loads[Int(number)].inFlight += 1
        endpoints[Int(number)].openCount += 1
        if route.hasPlan { pools[route.id.index].inFlight += 1 }
        tally.endpoints.add(.inFlight, of: number)
        tally.endpoints.add(.connects, of: number)
    }

    /// The session has no endpoint any more, though it may have its socket for a while.
    func leaveEndpoint(session index: UInt32) {
        let number = book.sessions[index].endpoint
        guard number != Session.nobody else { return }
        judgeSession(index, .neither)
        endpoints[Int(number)].openCount -= 1
        leaveEndpoint(number, of: book.sessions[index].route, hasPlan: book.sessions[index].isPooled)
        book.sessions[index].endpoint = Session.nobody
        book.sessions[index].isPooled = false
    }

    /// What the session has found out about its endpoint, once: the first answer, or that nobody is there.
    func judgeSession(_ index: UInt32, _ outcome: CircuitBreaker.Outcome) {
        let (number, pass) = (book.sessions[index].endpoint, book.sessions[index].pass)
        guard number != Session.nobody, !book.sessions[index].isJudged || outcome == .failed else { return }
        book.sessions[index].isJudged = true
        book.sessions[index].pass = .none
        let view = tables[currentTable].view
        let id = RouteID(number: book.sessions[index].route)
        guard view.contains(id), view.contains(EndpointID(number: number)) else { return }
        let route = view.route(id)
        guard route.hasPlan else { return }
        let pool = view.pool(of: route)
        if pool.ejects, outcome != .neither { judgeForEjection(number, outcome == .failed, pool, view, route) }
        if pass != .none { finish(pass, of: number, outcome, view, route) }
    }
}
