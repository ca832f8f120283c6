import Balancing
import Testing

@Suite("An exchange's way through a pool")
struct TurnTests {
    @Test("an empty pool gives nobody", arguments: PoolPolicy.allCases)
    func empty(_ policy: PoolPolicy) {
        var pool = TestPool(weights: [], .init(policy))
        #expect(pool.first() == nil)
        #expect(pool.state.condition == .deserted)
        pool = TestPool(weights: [0, 0], .init(policy))
        #expect(pool.first() == nil)
        #expect(pool.state.condition == .deserted)
    }

    @Test("every endpoint that is usable comes once, none twice, whatever the policy", arguments: 1...40)
    func everyone(_ seed: UInt64) {
        var random = Seeded(state: seed)
        for policy in PoolPolicy.allCases {
            let count = Int.random(in: 1...12, using: &random)
            let weights = (0..<count).map { _ in UInt32.random(in: 0...5, using: &random) }
            let tiers = (0..<count).map { _ in UInt8.random(in: 0...2, using: &random) }
            var pool = TestPool(weights: weights, tiers: tiers, .init(policy), seed: seed)
            for number in 0..<count {
                if Bool.random(using: &random) { pool.bar(number, .ejected) }
                pool.loads[number].inFlight = .random(in: 0...3, using: &random)
                pool.loads[number].share = .random(in: 0...256, using: &random)
            }
            let usable = (0..<count).filter {
                weights[$0] > 0 && pool.loads[$0].bars == [] && pool.loads[$0].share > 0
            }
            let row = pool.row(key: random.next())
            guard !usable.isEmpty else { continue }
            #expect(Set(row).count == row.count, "seed \(seed), \(policy): \(row)")
            #expect(Set(row).isSubset(of: usable), "seed \(seed), \(policy): \(row) of \(usable)")
            #expect(row.count == min(usable.count, Turn.limit), "seed \(seed), \(policy): \(row) of \(usable)")
            // The tier that is served comes before all others.
            let best = usable.map { tiers[$0] }.min()
            let front = row.prefix(usable.count { tiers[$0] == best })
            #expect(front.allSatisfy { tiers[$0] == best }, "seed \(seed), \(policy): \(row)")
        }
    }

    @Test("nobody comes twice while endpoints come and go between the tries", arguments: 1...40)
    func changing(_ seed: UInt64) {
        var random = Seeded(state: seed)
        for policy in PoolPolicy.allCases {
            let count = Int.random(in: 2...20, using: &random)
            var pool = TestPool(weights: .init(repeating: 1, count: count), .init(policy), seed: seed)
            var turn = Turn(key: random.next())
            var tried: Set<Int> = []
            for _ in 0..<Turn.limit {
                for number in 0..<count { pool.bar(number, Bool.random(using: &random) ? .unhealthy : []) }
                guard let number = pool.next(&turn) else { continue }
                #expect(tried.insert(number).inserted, "seed \(seed), \(policy)")
            }
            #expect(!tried.isEmpty)
        }
    }

    @Test("the tries are limited", arguments: PoolPolicy.allCases)
    func limit(_ policy: PoolPolicy) {
        for count in [Turn.limit - 1, Turn.limit, Turn.limit + 1, 1_000] {
            var pool = TestPool(weights: .init(repeating: 1, count: count), .init(policy))
            #expect(pool.row().count == min(count, Turn.limit))
        }
    }

    @Test("an endpoint whose limit is reached is passed over, and a pool that is full gives nobody but is not deserted")
    func full() {
        for policy in PoolPolicy.allCases {
            var pool = TestPool(weights: [1, 1, 1], .init(policy))
            for number in 0..<3 { pool.loads[number].inFlightLimit = 2 }
            var taken = [0, 0, 0]
            for key in 0..<6 {
                guard let number = pool.first(key: UInt64(key)) else { continue }
                taken[number] += 1
                pool.loads[number].inFlight += 1
            }
            #expect(taken == [2, 2, 2], "\(policy)")
            #expect(pool.first() == nil)
            #expect(pool.state.condition == .serving)
        }
    }

    @Test("a pinned endpoint is first while it is usable, also without weight; else the policy chooses")
    func pinned() {
        var pool = TestPool(weights: [1, 1, 0, 1], .init(.roundRobin, isSticky: true), seed: 5)
        for number in 0..<4 {
            for _ in 0..<10 { #expect(pool.first(pinned: TestPool.identity(number, 5)) == number) }
        }
        var turn = Turn(pinned: TestPool.identity(2, 5))
        #expect(pool.next(&turn) == 2)
        #expect(turn.followedPin)
        #expect(pool.next(&turn) != 2)
        pool.bar(2, .draining)
        turn = Turn(pinned: TestPool.identity(2, 5))
        #expect([0, 1, 3].contains(pool.next(&turn)))
        #expect(!turn.followedPin)
        // Nobody's identity, and a pool that is not sticky.
        #expect(pool.first(pinned: 12_345) != nil)
        var plain = TestPool(weights: [1, 1], .init(.roundRobin), seed: 5)
        #expect(Set((0..<2).map { _ in plain.first(pinned: TestPool.identity(1, 5)) }) == [0, 1])
    }

    @Test("a pool of thousands finds each identity")
    func identities() {
        var pool = TestPool(
            weights: .init(repeating: 1, count: PoolPlan.memberLimit), .init(.random, isSticky: true), seed: 9)
        for number in stride(from: 0, to: PoolPlan.memberLimit, by: 37) {
            #expect(pool.first(pinned: TestPool.identity(number, 9)) == number)
        }
    }
}

@Suite("Tiers, panic and drains")
struct TierTests {
    @Test("a higher tier serves while nobody below it is usable, and only then", arguments: PoolPolicy.allCases)
    func tiers(_ policy: PoolPolicy) {
        var pool = TestPool(weights: [1, 1, 1, 1, 1], tiers: [0, 1, 0, 1, 3], .init(policy))
        func chosen() -> Set<Int> { Set((0..<60).compactMap { pool.first(key: UInt64($0)) }) }
        #expect(chosen() == [0, 2])
        pool.bar(0, .unhealthy)
        #expect(chosen() == [2])
        pool.bar(2, .starting)
        #expect(chosen() == [1, 3])
        pool.bar(1, .ejected)
        pool.bar(3, .broken)
        #expect(chosen() == [4])
        pool.bar(2, [])
        #expect(chosen() == [2])
    }

    @Test("where all are ejected, all serve; drains and open circuits stay shut", arguments: PoolPolicy.allCases)
    func panic(_ policy: PoolPolicy) {
        var pool = TestPool(weights: [1, 1, 1, 1], .init(policy))
        for number in 0..<4 { pool.bar(number, .ejected) }
        pool.bar(1, [.ejected, .draining])
        pool.bar(2, [.unhealthy, .broken])
        let chosen = Set((0..<60).compactMap { pool.first(key: UInt64($0)) })
        #expect(chosen == [0, 3])
        #expect(pool.state.condition == .panicking)
        pool.bar(0, [])
        #expect(Set((0..<60).compactMap { pool.first(key: UInt64($0)) }) == [0])
        #expect(pool.state.condition == .serving)
        for number in 0..<4 { pool.bar(number, .draining) }
        #expect(pool.first() == nil)
        #expect(pool.state.condition == .deserted)
    }

    @Test("a tier below the panic share hands over, and where every tier is below it, all serve")
    func share() {
        var pool = TestPool(
            weights: [1, 1, 1, 1, 1, 1], tiers: [0, 0, 0, 1, 1, 1], .init(.random, panic: 50), seed: 3)
        func chosen() -> Set<Int> { Set((0..<200).compactMap { _ in pool.first() }) }
        pool.bar(0, .ejected)
        #expect(chosen() == [1, 2])
        pool.bar(1, .ejected)
        #expect(chosen() == [3, 4, 5])
        pool.bar(3, .ejected)
        pool.bar(4, .ejected)
        #expect(chosen() == [0, 1, 2])
        #expect(pool.state.condition == .panicking)
    }

    @Test("weight 0 gets nothing new, also in panic", arguments: PoolPolicy.allCases)
    func drained(_ policy: PoolPolicy) {
        var pool = TestPool(weights: [3, 0, 2], .init(policy))
        #expect(pool.shares(of: 300)[1] == 0)
        pool.bar(0, .ejected)
        pool.bar(2, .ejected)
        #expect(pool.shares(of: 300)[1] == 0)
        #expect(!pool.row().contains(1))
    }

    @Test("a survey made for one plan is not believed for another")
    func plans() {
        var pool = TestPool(weights: [1, 1], tiers: [0, 1], .init(.roundRobin))
        pool.bar(0, .ejected)
        #expect(pool.first() == 1)
        // The same epoch, one tier only.
        pool.members = [PoolPlan.Member(number: 0, identity: 1), PoolPlan.Member(number: 1, identity: 2)]
        #expect(pool.first() == 1)
        pool.members = [PoolPlan.Member(number: 1, identity: 2)]
        #expect(pool.first() == 1)
        #expect(pool.row() == [1])
    }
}
