import Balancing
import Routing
import Engine
import Telemetry

// Endpoints that are new, or back, and get a part of their weight that grows.

extension Worker {
    /// Shares grow together at whole multiples of so many nanoseconds, 67 ms: a thousand endpoints that begin one
    /// after the other do not ring a thousand times for each step.
    private static let growthInterval: UInt64 = 1 << 26

    private func slowStart(_ number: UInt32) -> SlowStart {
        SlowStart(window: UInt64(watches[Int(number)].terms.slowStart) * 1_000_000)
    }

    /// The endpoint has come, or come back.
    func beginSlowStart(_ number: UInt32) {
        guard watches[Int(number)].terms.slowStart > 0, watches[Int(number)].isPresent else { return }
        if watches[Int(number)].growsSince == 0 { tally.breakers.slowStarting.add() }
        tally.breakers.slowStarts.add()
        watches[Int(number)].growsSince = loop.now
        loads[Int(number)].share = slowStart(number).share(age: 0)
        tend(endpoint: number)
    }

    func growIfDue(_ number: UInt32) {
        let since = watches[Int(number)].growsSince
        guard since != 0 else { return }
        let share = slowStart(number).share(age: loop.now &- since)
        // Never from or to 0: what pools have found out about their tiers still holds.
        loads[Int(number)].share = share
        if share >= EndpointLoad.wholeShare { finishSlowStart(number) }
    }

    func finishSlowStart(_ number: UInt32) {
        guard watches[Int(number)].growsSince != 0 else { return }
        watches[Int(number)].growsSince = 0
        loads[Int(number)].share = EndpointLoad.wholeShare
        tally.breakers.slowStarting.subtract()
    }

    /// When the endpoint's share is another, by the monotonic clock.
    func nextGrowth(_ number: UInt32) -> UInt64 {
        let since = watches[Int(number)].growsSince
        guard let next = slowStart(number).next(age: loop.now &- since) else { return loop.now }
        return (loop.now &+ next &+ Self.growthInterval &- 1) & ~(Self.growthInterval &- 1)
    }
}
