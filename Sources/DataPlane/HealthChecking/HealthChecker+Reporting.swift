import Balancing
import Engine
import Routing
import Telemetry

// Who is told what: workers by way of whoever made the checker, people by the log, the metrics page by the tally.

extension HealthChecker {
    /// Changes in a second that are told one by one in the log; of more, only how many there were.
    static let toldEachSecond = 32

    /// Counts the endpoint where it belongs after `change`.
    func recount(_ index: Int, _ change: (inout Target) -> Void) {
        switch targets[index].verdict {
        case .unknown: tally.unknown.subtract()
        case .up: tally.up.subtract()
        case .down: tally.down.subtract()
        case nil: break
        }
        change(&targets[index])
        switch targets[index].verdict {
        case .unknown: tally.unknown.add()
        case .up: tally.up.add()
        case .down: tally.down.add()
        case nil: break
        }
    }

    func noteChange(_ index: Int) {
        guard !targets[index].isChanged else { return }
        targets[index].isChanged = true
        changed.append(index)
    }

    /// Tells what has changed since it was last told.
    func tell() {
        if told.count > 0 { summarise() }
        guard !changed.isEmpty else { return }
        var news: [HealthNews] = []
        for index in changed {
            targets[index].isChanged = false
            let target = targets[index]
            let isDown = target.downCount > 0
            if isDown != target.isKnownDown {
                targets[index].isKnownDown = isDown
                news.append(
                    HealthNews(
                        verdict: EndpointVerdict(
                            number: target.id.number, identity: target.address.identity, isDown: isDown),
                        address: target.address.text, reason: isDown ? target.reason : ""))
                log(target, isDown)
            }
            if target.checks.isEmpty {
                targetPlaces[target.address] = nil
                vacantTargets.append(index)
            }
        }
        changed.removeAll(keepingCapacity: true)
        if !news.isEmpty { report(news) }
    }

    /// Of a second that is over: what was not told one by one.
    func summarise() {
        guard loop.now &- told.since >= 1_000_000_000 else { return }
        if told.untold > 0 {
            Log.write(
                .warning, "health of many more endpoints has changed", ("endpoints", "\(told.untold)"),
                ("down", "\(told.untoldDown)"))
        }
        told = Told(since: loop.now)
    }

    private func log(_ target: Target, _ isDown: Bool) {
        guard told.count < Self.toldEachSecond else {
            told.untold += 1
            if isDown { told.untoldDown += 1 }
            return
        }
        told.count += 1
        if isDown {
            Log.write(.warning, "an endpoint is down", ("endpoint", target.address.text), ("reason", target.reason))
        } else if target.checks.isEmpty {
            Log.write(.info, "an endpoint that was down is no longer checked", ("endpoint", target.address.text))
        } else {
            Log.write(.info, "an endpoint is up again", ("endpoint", target.address.text))
        }
    }
}
