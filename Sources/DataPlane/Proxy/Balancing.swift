import Balancing
import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Routing
import Telemetry

// Which endpoint of a pool with a plan gets an exchange, and what its worker learns of it. A pool without a plan gives
// each endpoint its turn (`UpstreamConnection`) and comes here for nothing.

extension Worker {
    /// Where the numbers of endpoints mean somebody else than before, what was known of them is forgotten.
    func adoptEndpoints(_ view: RouteView) {
        while loads.count < view.endpointIDLimit {
            loads.append(EndpointLoad())
            ejections.append(OutlierEjection())
            identities.append(0)
        }
        for number in 0..<view.endpointIDLimit {
            let id = EndpointID(number: UInt32(number))
            guard view.contains(id) else { continue }
            let identity = view.endpoint(id).identity
            guard identities[number] != identity else { continue }
            identities[number] = identity
            loads[number] = EndpointLoad()
            ejections[number] = OutlierEjection()
            ejected.removeAll { $0 == id.number }
        }
        readVerdicts()
        poolEpoch &+= 1
    }

    /// Begins the exchange's way through its pool: what it is chosen by, while the request's head is at hand.
    @inline(never)
    func planTurn(_ index: UInt32, _ route: Route) {
        let view = tables[Int(exchanges[index].poolTable)].view
        let pool = view.pool(of: route)
        exchanges[index].hasPlan = true
        if pool.key != .none { exchanges[index].turn.key = key(index, pool, route, view) }
        if pool.isSticky {
            // Whether it came by TLS, for the cookie that may be given.
            if !route.hasOptions { noteAsker(index) }
            exchanges[index].turn.pinned = pinned(index, view.stickyCookie(of: pool))
        }
    }

    /// The endpoint to try next by the plan. An exchange that gave its last attempt back goes to the same once more.
    @inline(never)
    func balance(_ index: UInt32, _ view: RouteView, _ route: Route) -> EndpointID? {
        var turn = exchanges[index].turn
        if exchanges[index].attempts < UInt32(turn.count) {
            exchanges[index].attempts += 1
            return EndpointID(number: exchanges[index].endpoint)
        }
        let number = next(&turn, view.plan(of: route), loads, route.id.index)
        exchanges[index].turn = turn
        guard let number else { return nil }
        if pools[route.id.index].condition == .panicking { tally.panicChoices.add() }
        exchanges[index].attempts += 1
        return EndpointID(number: number)
    }

    /// By itself: a pool borrows the loads to the end of its scope.
    @inline(__always)
    private func next(_ turn: inout Turn, _ plan: Span<UInt32>, _ loads: [EndpointLoad], _ route: Int) -> UInt32? {
        let pool = Pool(plan: plan, loads: loads.span)
        return pool.next(&turn, &pools[route], epoch: poolEpoch, now: loop.now, random: &random)
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

    // MARK: Health from answers

    /// A whole response came from the exchange's endpoint.
    func judgeResponse(_ index: UInt32, _ status: Int) {
        guard status >= 500 else { return judge(index, failed: false) }
        let view = tables[Int(exchanges[index].poolTable)].view
        let route = view.route(RouteID(number: exchanges[index].route))
        judge(index, failed: view.pool(of: route).countsServerErrors)
    }

    /// An attempt of the exchange at its endpoint is over.
    @inline(__always)
    func judge(_ index: UInt32, failed: Bool) {
        guard exchanges[index].hasPlan else { return }
        judgePlanned(index, failed: failed)
    }

    @inline(never)
    private func judgePlanned(_ index: UInt32, failed: Bool) {
        let view = tables[Int(exchanges[index].poolTable)].view
        let route = view.route(RouteID(number: exchanges[index].route))
        let pool = view.pool(of: route)
        guard pool.ejects else { return }
        let number = exchanges[index].endpoint
        let effect = ejections[Int(number)].receive(
            failed ? .failed : .answered, now: loop.now, policy: pool.ejection,
            ejected: failed ? ejectedCount(view.endpoints(of: route)) : 0, of: route.endpointCount)
        switch effect {
        case .none: break
        case .admit: readmit(number)
        case .eject(let until):
            loads[Int(number)].bars.insert(.ejected)
            ejected.append(number)
            poolEpoch &+= 1
            tally.ejections.add()
            Log.write(
                .warning, "an endpoint is ejected", ("endpoint", text(of: number, view)),
                ("rule", String(copying: view.name(of: route))), ("seconds", "\((until &- loop.now) / 1_000_000_000)"))
            setEjectionTimer()
        }
    }

    private func ejectedCount(_ endpoints: EndpointList) -> Int {
        guard !ejected.isEmpty else { return 0 }
        return (0..<endpoints.count).count { loads[Int(endpoints[$0].number)].bars.contains(.ejected) }
    }

    /// Ejections may be over: their endpoints serve again.
    func readmitEjected() {
        for number in ejected {
            // When it is due does not depend on the policy.
            let effect = ejections[Int(number)].receive(
                .due, now: loop.now, policy: OutlierEjection.Policy(), ejected: 0, of: 0)
            if effect == .admit { readmit(number) }
        }
        setEjectionTimer()
    }

    private func readmit(_ number: UInt32) {
        loads[Int(number)].bars.remove(.ejected)
        ejected.removeAll { $0 == number }
        poolEpoch &+= 1
        tally.readmissions.add()
        guard !tables.isEmpty, tables[currentTable].view.contains(EndpointID(number: number)) else { return }
        Log.write(.info, "an endpoint is no longer ejected", ("endpoint", text(of: number, tables[currentTable].view)))
    }

    /// The bell's place has no deadline of its own.
    private func setEjectionTimer() {
        var first = UInt64.max
        for number in ejected {
            if case .ejected(let until) = ejections[Int(number)].phase { first = min(first, until) }
        }
        if first == .max { loop.timers.clear(bellPlace) } else { loop.timers.set(bellPlace, at: first) }
    }

    private func text(of number: UInt32, _ view: RouteView) -> String {
        String(copying: view.text(of: EndpointID(number: number)))
    }
}

extension String {
    fileprivate init(copying bytes: Span<UInt8>) {
        self.init(decoding: [UInt8](copying: bytes), as: UTF8.self)
    }
}
