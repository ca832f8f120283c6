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
        if exchanges[index].pass != .none {
            let hasFailed = end == .failed || end == .answeredServerError && pool.breaksOnServerErrors
            giveBackPass(index, hasFailed ? .failed : .answered)
        }
    }

    @inline(__always)
    private func judgeForEjection(
        _ number: UInt32, _ hasFailed: Bool, _ pool: RoutePool, _ view: RouteView, _ route: Route
    ) {
        let effect = watches[Int(number)].ejection.receive(
            hasFailed ? .failed : .answered, now: loop.now, policy: pool.ejection,
            ejected: hasFailed ? ejectedCount(view.endpoints(of: route)) : 0, of: route.endpointCount)
        switch effect {
        case .none: break
        case .admit: readmit(number)
        case .eject(let until):
            bar(number, .ejected)
            tally.ejections.add()
            tell(number, (view, route), .ejected(until &- loop.now))
            tend(endpoint: number)
        }
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
