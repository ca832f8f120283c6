import Balancing
import Testing

@Suite("Keys keep their endpoint")
struct HashTests {
    static let keys = 20_000

    private func owners(_ pool: inout TestPool, _ keys: Int = keys) -> [Int] {
        (0..<keys).map { pool.first(key: UInt64($0)) ?? -1 }
    }

    @Test(
        "when one of N leaves only its keys move, and when it comes back they return", arguments: [2, 3, 10, 65, 400])
    func leaving(_ count: Int) {
        for weighted in [false, true] {
            let weights = (0..<count).map { UInt32(weighted ? 1 + $0 % 4 : 1) }
            var pool = TestPool(weights: weights, .init(.hash), seed: UInt64(count))
            let before = owners(&pool)
            let gone = count / 2
            let member = pool.members.remove(at: gone)
            let after = owners(&pool)
            #expect(zip(before, after).allSatisfy { $0 == $1 || $0 == gone })
            #expect(!after.contains(gone))
            let moved = Double(zip(before, after).count { $0 != $1 }) / Double(Self.keys)
            let part = Double(weights[gone]) / Double(weights.reduce(0, +))
            #expect(moved <= part * 1.25 + 0.02, "\(count): \(moved)")
            // In another place of the rule: the order of a rule means nothing.
            pool.members.append(member)
            #expect(owners(&pool) == before)
        }
    }

    @Test("an ejected endpoint's keys go where they stay if it is taken out, the others stay", arguments: 1...10)
    func ejected(_ seed: UInt64) {
        var pool = TestPool(weights: .init(repeating: 1, count: 12), .init(.hash), seed: seed)
        let before = owners(&pool, 5_000)
        pool.bar(4, .ejected)
        let without = owners(&pool, 5_000)
        #expect(zip(before, without).allSatisfy { $0 == $1 || $0 == 4 }, "seed \(seed)")
        pool.members.remove(at: 4)
        #expect(owners(&pool, 5_000) == without, "seed \(seed)")
        // They spread over all that are left.
        let heirs = Set(zip(before, without).filter { $0 == 4 && $1 != 4 }.map(\.1))
        #expect(heirs.count == 11, "seed \(seed)")
    }

    @Test("shares follow weights", arguments: [2, 3, 10, 100, 1_000])
    func shares(_ count: Int) {
        for weighted in [false, true] {
            let weights = (0..<count).map { UInt32(weighted ? 1 + $0 % 3 : 1) }
            var pool = TestPool(weights: weights, .init(.hash), seed: UInt64(count))
            let exchanges = max(20_000, count * 200)
            let shares = pool.shares(of: exchanges)
            var squares = 0.0
            for (share, weight) in zip(shares, weights) {
                let due = Double(exchanges) * Double(weight) / Double(weights.reduce(0, +))
                #expect(abs(Double(share) / due - 1) < 0.5, "\(count): \(share) of \(due)")
                squares += (Double(share) / due - 1) * (Double(share) / due - 1)
            }
            // About 0.05 is the ring's; what is left is chance, with 200 keys for an endpoint.
            #expect((squares / Double(count)).squareRoot() < 0.13, "\(count)")
        }
    }

    @Test("a change of weight moves keys to the one that gained, and away from the one that lost")
    func weights() {
        var pool = TestPool(weights: [2, 2, 2], .init(.hash), seed: 6)
        let before = owners(&pool)
        pool.members[0].weight = 3
        let gained = owners(&pool)
        #expect(zip(before, gained).allSatisfy { $0 == $1 || $1 == 0 })
        pool.members[0].weight = 1
        let lost = owners(&pool)
        #expect(zip(before, lost).allSatisfy { $0 == $1 || $0 == 0 })
        #expect(before.count { $0 == 0 } < gained.count { $0 == 0 })
        #expect(before.count { $0 == 0 } > lost.count { $0 == 0 })
    }

    @Test("an endpoint that grows into its share gets its keys back one by one and gives none away")
    func slowStart() {
        var pool = TestPool(weights: [1, 1, 1], .init(.hash), seed: 7)
        let whole = owners(&pool, 5_000)
        var before: [Int]?
        for share in stride(from: 16 as UInt16, through: 256, by: 16) {
            pool.loads[1].share = share
            let now = owners(&pool, 5_000)
            let part = Double(now.count { $0 == 1 }) / Double(whole.count { $0 == 1 })
            #expect(abs(part - Double(share) / 256) < 0.06, "\(share): \(part)")
            if let before { #expect(zip(before, now).allSatisfy { $0 == $1 || $1 == 1 }) }
            before = now
        }
        #expect(before == whole)
    }

    @Test("keys that differ in one bit, or come one behind the other, spread as well as others")
    func poorKeys() {
        var pool = TestPool(weights: [1, 1, 1, 1], .init(.hash), seed: 3)
        for step in [1, 256, 1 << 32, 1 << 56] as [UInt64] {
            var shares = [0, 0, 0, 0]
            for key in 0..<4_000 as Range<UInt64> { shares[pool.first(key: key &* step) ?? 0] += 1 }
            // Of 2⁵⁶ steps only 256 are different.
            #expect(shares.allSatisfy { $0 > 500 }, "\(step): \(shares)")
        }
    }

    @Test("with a bound, no endpoint has more than its part of what is in flight", arguments: 1...10)
    func bounded(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let weights: [UInt32] = [1, 2, 1, 1, 3]
        var pool = TestPool(weights: weights, .init(.hash, bound: 125), seed: seed)
        // One key has half of all exchanges.
        for _ in 0..<400 {
            let key = Bool.random(using: &random) ? 1 : random.next()
            guard let number = pool.first(key: key) else { break }
            pool.loads[number].inFlight += 1
            pool.state.inFlight += 1
            let most = (Double(pool.state.inFlight) * 1.25 * Double(weights[number]) / 8).rounded(.up)
            #expect(Double(pool.loads[number].inFlight) <= max(1, most), "seed \(seed)")
        }
        #expect(pool.state.inFlight == 400)
        // Where others' exchanges fill every endpoint, the key's own one serves.
        for number in 0..<5 { pool.loads[number].inFlight = 1_000 }
        #expect(pool.first(key: 1) != nil)
    }

    @Test("plans are the same for the same pool, and tell other pools apart")
    func plans() {
        let pool = TestPool(weights: [1, 2, 3], .init(.hash), seed: 1)
        #expect(PoolPlan(pool.members, pool.options) == pool.plan)
        #expect(PoolPlan(pool.members, .init(.hash, bound: 150)).words[0] != pool.plan.words[0])
    }

    @Test("the largest pool there can be, with the largest weights, is planned and served")
    func largest() {
        var pool = TestPool(
            weights: .init(repeating: PoolPlan.weightLimit, count: PoolPlan.memberLimit), .init(.hash))
        #expect(Set(owners(&pool, 20_000)).count > 3_500)
        #expect(pool.plan.words.count < 2_000_000)
    }
}
