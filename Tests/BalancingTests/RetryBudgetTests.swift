import Balancing
import TestKit
import Testing

@Suite("Budget of retries")
struct RetryBudgetTests {
    /// How many retries are paid for in a row at one instant.
    private func paid(_ budget: inout RetryBudget, now: UInt64, asking limit: Int = 1_000) -> Int {
        (0..<limit).prefix { _ in budget.pay(now: now) }.count
    }

    @Test("a new one pays for the start and the free one, then for no more")
    func start() {
        var budget = RetryBudget()
        #expect(paid(&budget, now: 5) == Int(RetryBudget.start) + 1)
        #expect(paid(&budget, now: 5 + RetryBudget.freeInterval - 1) == 0)
        #expect(paid(&budget, now: 5 + RetryBudget.freeInterval) == 1)
    }

    @Test("requests earn their part, and no more than the capacity is saved", arguments: [1, 20, 50, 100, 255])
    func earning(_ percent: UInt8) {
        var budget = RetryBudget()
        _ = paid(&budget, now: 1)
        let requests = 100
        for _ in 0..<requests { budget.earn(percent: percent) }
        #expect(paid(&budget, now: 1) == min(Int(percent), 100))
        for _ in 0..<100_000 { budget.earn(percent: percent) }
        #expect(paid(&budget, now: 1) == Int(RetryBudget.capacity))
    }

    @Test("at nought percent only the free ones are left")
    func nothing() {
        var budget = RetryBudget()
        _ = paid(&budget, now: 1)
        for _ in 0..<1_000 { budget.earn(percent: 0) }
        #expect(paid(&budget, now: 2) == 0)
    }

    @Test("free ones are not saved up, however long nobody asked")
    func free() {
        var budget = RetryBudget()
        _ = paid(&budget, now: 0)
        #expect(paid(&budget, now: 1_000 * RetryBudget.freeInterval) == 1)
        // At the end of time it neither traps nor gives for nothing.
        #expect(paid(&budget, now: .max) <= 1_000)
    }

    @Test("whatever comes in whatever order, retries stay within the part and what is free", arguments: 0..<32)
    func never(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var budget = RetryBudget()
        var (now, requests, retries): (UInt64, Int, Int) = (0, 0, 0)
        for _ in 0..<5_000 {
            now += .random(in: 0...RetryBudget.freeInterval / 100, using: &generator)
            if Bool.random(using: &generator) {
                budget.earn(percent: 20)
                requests += 1
            } else if budget.pay(now: now) {
                retries += 1
            }
        }
        let free = Int(now / RetryBudget.freeInterval) + 1
        #expect(retries <= Int(RetryBudget.start) + requests / 5 + 1 + free, "seed \(seed)")
        #expect(retries > 0)
    }
}
