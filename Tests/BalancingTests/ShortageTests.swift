import Testing

@testable import Balancing

@Suite("Why a pool has nobody")
struct ShortageTests {
    private func shortage(_ pool: inout TestPool, _ turn: inout Turn) -> Pool.Shortage {
        while pool.next(&turn) != nil {}
        let (plan, loads) = (pool.plan, pool.loads)
        return Pool(plan: plan.words.span, loads: loads.span).shortage(turn, pool.state)
    }

    private func shortage(_ change: (inout TestPool) -> Void) -> Pool.Shortage {
        var pool = TestPool(weights: [1, 3, 0, 1], tiers: [0, 0, 0, 1], PoolPlan.Options(.random))
        change(&pool)
        var turn = Turn()
        return shortage(&pool, &turn)
    }

    @Test("full, tried, broken and deserted are told apart")
    func kinds() {
        #expect(shortage { _ in } == .tried)
        #expect(shortage { $0.loads[1].inFlightLimit = 0 } == .full)
        // Nobody without weight is waited for.
        #expect(shortage { $0.loads[2].inFlightLimit = 0 } == .tried)
        #expect(shortage { pool in for number in 0..<4 { pool.bar(number, .draining) } } == .deserted)
        #expect(shortage { pool in for number in 0..<4 { pool.bar(number, .broken) } } == .broken)
        #expect(shortage { pool in for number in 0..<4 { pool.bar(number, [.broken, .draining]) } } == .deserted)
        #expect(shortage { pool in for number in 0..<4 { pool.bar(number, number == 0 ? [] : .broken) } } == .tried)
        // Whoever is sick and full is not waited for while others are well.
        #expect(
            shortage { pool in
                pool.bar(0, .unhealthy)
                pool.loads[0].inFlightLimit = 0
            } == .tried)
        #expect(
            shortage { pool in
                for number in 0..<4 { pool.bar(number, .unhealthy) }
                pool.loads[0].inFlightLimit = 0
            } == .full)
    }

    @Test("what turned out to be full was not tried")
    func met() {
        var pool = TestPool(weights: [1, 1], PoolPlan.Options(.roundRobin))
        var turn = Turn()
        while pool.next(&turn) != nil { turn.metFull = true }
        #expect(shortage(&pool, &turn) == .full)
    }
}
