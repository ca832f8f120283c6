import Balancing
import Engine
import Routing
import Telemetry

// What an endpoint's answers say of it: who fails too often gets nothing for a while.

/// How an attempt at an endpoint ended.
enum AttemptEnd: UInt8 {
    case answered
    /// A whole response with a status from 500 on: whether it is a failure is for the rule to say.
    case answeredServerError
    case failed
}

extension Worker {
    /// A whole response came from the exchange's endpoint.
    @inline(__always)
    func judgeResponse(_ index: UInt32, _ status: Int) {
        judge(index, status >= 500 ? .answeredServerError : .answered)
    }

    /// An attempt of the exchange at its endpoint is over.
    @inline(__always)
    func judge(_ index: UInt32, _ end: AttemptEnd) {
        guard exchanges[index].hasPlan else { return }
        judgePlanned(index, end)
    }

    @inline(never)
    private func judgePlanned(_ index: UInt32, _ end: AttemptEnd) {
        let view = poolView(index)
        let route = view.route(RouteID(number: exchanges[index].route))
        let pool = view.pool(of: route)
        if pool.ejects {
            let hasFailed = end == .failed || end == .answeredServerError && pool.countsServerErrors
            judgeForEjection(exchanges[index].endpoint, hasFailed, pool, view, route)
        }
        if pool.ejection.latencyPercent > 0, end != .failed { compareLatency(index, view, route) }
        if exchanges[index].pass != .none {
            let hasFailed = end == .failed || end == .answeredServerError && pool.breaksOnServerErrors
            giveBackPass(index, hasFailed ? .failed : .answered)
        }
    }

    @inline(__always)
    func judgeForEjection(
        _ number: UInt32, _ hasFailed: Bool, _ pool: RoutePool, _ view: RouteView, _ route: Route
    ) {
        let effect = watches[Int(number)].ejection.receive(
            hasFailed ? .failed : .answered, now: loop.now, policy: pool.ejection,
            ejected: hasFailed ? ejectedCount(view.endpoints(of: route)) : 0, of: route.endpointCount)
        switch effect {
        case .none: break
        case .admit: readmit(number)
        case .eject(let until): eject(number, until, view, route)
        }
    }

    private func eject(_ number: UInt32, _ until: UInt64, _ view: RouteView, _ route: Route) {
        // Back, it is judged by what it does then.
        watches[Int(number)].latency = MeanLatency()
        bar(number, .ejected)
        tally.ejections.add()
        tell(number, (view, route), .ejected(until &- loop.now))
        tend(endpoint: number)
    }

    // MARK: The slow

    /// Neighbours that an endpoint is compared with at most, and how many times in a window.
    private static let neighbourLimit = 64
    private static let comparisons: UInt64 = 16

    /// Counts how long the response took to begin, and compares the endpoint with its neighbours now and then.
    @inline(never)
    private func compareLatency(_ index: UInt32, _ view: RouteView, _ route: Route) {
        let number = Int(exchanges[index].endpoint)
        let pool = view.pool(of: route)
        // What was sent to it before it was ejected says nothing of how it is when it comes back.
        guard !loads[number].bars.contains(.ejected) else { return }
        let (connected, firstByte) = (exchanges[index].connected, exchanges[index].firstByte)
        watches[number].latency.observe(firstByte &- min(connected, firstByte))
        guard loop.now >= watches[number].nextComparison, watches[number].latency.count >= pool.ejection.minimum
        else { return }
        watches[number].nextComparison = loop.now &+ pool.ejection.window / Self.comparisons
        let own = watches[number].latency.nanoseconds
        let list = view.endpoints(of: route)
        guard list.count > 1 else { return }
        var place = Int(truncatingIfNeeded: random.next() % UInt64(list.count))
        var (slower, compared) = (0, 0)
        for _ in 0..<list.count where compared < Self.neighbourLimit {
            let other = Int(list[place].number)
            place = place + 1 < list.count ? place + 1 : 0
            guard other != number, watches[other].latency.count >= pool.ejection.minimum else { continue }
            compared += 1
            if pool.ejection.isSlow(own, beside: watches[other].latency.nanoseconds) { slower += 1 }
        }
        let isSlow = OutlierEjection.isOutlier(slowerThan: slower, of: compared)
        let effect = watches[number].ejection.receive(
            isSlow ? .slow : .level, now: loop.now, policy: pool.ejection, ejected: isSlow ? ejectedCount(list) : 0,
            of: route.endpointCount)
        guard case .eject(let until) = effect else { return }
        tally.breakers.latencyEjections.add()
        eject(exchanges[index].endpoint, until, view, route)
    }

    private func ejectedCount(_ endpoints: EndpointList) -> Int {
        (0..<endpoints.count).count { loads[Int(endpoints[$0].number)].bars.contains(.ejected) }
    }

    func readmitIfDue(_ number: UInt32) {
        // When it is due does not depend on the policy.
        let effect = watches[Int(number)].ejection.receive(
            .due, now: loop.now, policy: OutlierEjection.Policy(), ejected: 0, of: 0)
        if effect == .admit { readmit(number) }
    }

    private func readmit(_ number: UInt32) {
        unbar(number, .ejected)
        tally.readmissions.add()
        tell(number, nil, .readmitted)
    }
}
