import Balancing
import Engine
import Kernel
import Telemetry

// When checks are made: each by its own clock, so many at a time.

extension HealthChecker {
    /// A deadline has passed: a check is to begin, or the one that runs has had its time.
    func due(_ index: Int) {
        guard let health = checks[index].health else { return }
        switch health.phase {
        case .waiting: enqueue(index)
        case .checking:
            let effect = step(index, .due)
            guard effect.action == .abandon else { return setTimer(index) }
            conclude(index, .late, effect)
            disconnect(index, reset: true)
        }
    }

    func enqueue(_ index: Int) {
        guard !checks[index].isQueued else { return }
        if underWay >= Self.concurrencyLimit { tally.delayed.add() }
        checks[index].isQueued = true
        queued.append(UInt32(index))
    }

    /// Begins checks that are due, as many as may be under way.
    func beginQueued() {
        while nextQueued < queued.count, underWay < Self.concurrencyLimit {
            let index = Int(queued[nextQueued])
            nextQueued += 1
            // Dropped in the meantime, and perhaps another's place by now.
            guard checks[index].isQueued else { continue }
            checks[index].isQueued = false
            begin(index)
        }
        if nextQueued == queued.count {
            queued.removeAll(keepingCapacity: true)
            nextQueued = 0
        } else if nextQueued > Self.concurrencyLimit, nextQueued > queued.count / 2 {
            queued.removeFirst(nextQueued)
            nextQueued = 0
        }
    }

    private func begin(_ index: Int) {
        guard step(index, .due).action == .begin else { return setTimer(index) }
        underWay += 1
        setTimer(index)
        checks[index].response = CheckResponse()
        checks[index].sent = 0
        guard checks[index].stage == .idle else {
            disconnect(index, reset: true)
            return connect(index)
        }
        checks[index].isReused = true
        checks[index].stage = .sending
        idleCount -= 1
        tally.reused.add()
        drive(index)
    }

    /// The check that runs has a result.
    func finish(_ index: Int, _ result: CheckResult) {
        guard let health = checks[index].health, case .checking = health.phase else { return }
        let event: ActiveHealth.Event =
            switch result {
            case .passed: .passed
            case .undecided: .undecided
            case .unreachable, .late, .wrongStatus, .textMissing, .wrongAnswer, .malformedHead, .malformedBody,
                .endlessInterims,
                .closedEarly, .handshakeFailed:
                .failed
            }
        conclude(index, result, step(index, event))
    }

    private func conclude(_ index: Int, _ result: CheckResult, _ effect: ActiveHealth.Effect) {
        underWay -= 1
        tally.count(result)
        if effect.changed == .down {
            targets[checks[index].target].reason = result.reason(plans[checks[index].plan].plan)
        }
        setTimer(index)
    }

    /// Moves the state machine on, and keeps the books if that changed the verdict.
    private func step(_ index: Int, _ event: ActiveHealth.Event) -> ActiveHealth.Effect {
        guard var health = checks[index].health else { return ActiveHealth.Effect() }
        let before = health.verdict
        let effect = health.receive(
            event, now: loop.now, policy: plans[checks[index].plan].plan.policy, random: &random)
        checks[index].health = health
        guard let after = effect.changed else { return effect }
        recount(checks[index].target) { target in
            if before == .unknown { target.unknownCount -= 1 }
            if before == .down { target.downCount -= 1 }
            if after == .down { target.downCount += 1 }
        }
        noteChange(checks[index].target)
        return effect
    }

    func setTimer(_ index: Int) {
        guard let health = checks[index].health else { return }
        loop.timers.set(UInt32(index), at: health.nextDue)
    }
}
