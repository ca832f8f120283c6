import Balancing
import Contract
import Engine
import Routing
import Telemetry

// Which endpoints are checked, and how: what the current revision says. What it does not say any more is forgotten.

extension HealthChecker {
    func follow(_ new: RouteTable) {
        round &+= 1
        var fresh: [Int] = []
        for pool in new.checkedPools {
            let plan = place(of: pool.check)
            for id in pool.endpoints {
                let target = place(of: id, new.view)
                if let check = targets[target].checks.first(where: { checks[$0].plan == plan }) {
                    checks[check].round = round
                } else if let check = admit(target, plan) {
                    fresh.append(check)
                }
            }
        }
        for index in checks.indices where checks[index].health != nil && checks[index].round != round { drop(index) }
        dropPlans()
        schedule(fresh)
        table = new
    }

    /// Begins with checks that nobody made before.
    private func schedule(_ fresh: [Int]) {
        let spreads = fresh.count > Self.atOnceLimit
        for index in fresh {
            let policy = plans[checks[index].plan].plan.policy
            checks[index].health = ActiveHealth(
                now: loop.now, spread: spreads ? policy.interval : 0, random: &random)
            if spreads { setTimer(index) } else { enqueue(index) }
        }
    }

    private func place(of check: HealthCheck) -> Int {
        if let place = planPlaces[check] { return place }
        let slot = PlanSlot(plan: CheckPlan(check))
        let place: Int
        if let vacant = vacantPlans.popLast() {
            place = vacant
            plans[place] = slot
        } else {
            place = plans.count
            plans.append(slot)
        }
        planPlaces[check] = place
        return place
    }

    /// The endpoint's target, with the number that the new revision gives it.
    private func place(of id: EndpointID, _ view: RouteView) -> Int {
        let address = view.endpoint(id)
        if let place = targetPlaces[address] {
            targets[place].id = id
            return place
        }
        let target = Target(id: id, address: address)
        let place: Int
        if let vacant = vacantTargets.popLast() {
            place = vacant
            targets[place] = target
        } else {
            place = targets.count
            targets.append(target)
        }
        targetPlaces[address] = place
        return place
    }

    private func admit(_ target: Int, _ plan: Int) -> Int? {
        guard !vacantChecks.isEmpty || checks.count < Self.checksLimit else {
            tally.refused.add()
            noteChange(target)
            return nil
        }
        var check = Check(target: target, plan: plan, round: round)
        check.health = ActiveHealth(now: loop.now, spread: 0, random: &random)
        let index: Int
        if let vacant = vacantChecks.popLast() {
            index = vacant
            checks[index] = check
        } else {
            index = checks.count
            checks.append(check)
        }
        plans[plan].checkCount += 1
        recount(target) { target in
            target.checks.append(index)
            target.unknownCount += 1
        }
        return index
    }

    private func drop(_ index: Int) {
        disconnect(index, reset: true)
        loop.timers.remove(UInt32(index))
        guard let health = checks[index].health else { return }
        if case .checking = health.phase { underWay -= 1 }
        let target = checks[index].target
        plans[checks[index].plan].checkCount -= 1
        checks[index].health = nil
        checks[index].isQueued = false
        vacantChecks.append(index)
        recount(target) { target in
            target.checks.removeAll { $0 == index }
            switch health.verdict {
            case .unknown: target.unknownCount -= 1
            case .down: target.downCount -= 1
            case .up: break
            }
        }
        // Its place is given up once nothing more is to be told of it.
        noteChange(target)
    }

    private func dropPlans() {
        for (check, place) in planPlaces where plans[place].checkCount == 0 {
            planPlaces[check] = nil
            vacantPlans.append(place)
        }
    }
}
