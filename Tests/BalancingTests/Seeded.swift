import Balancing

/// SplitMix64: the same numbers for the same seed, whatever the toolchain.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word &>> 31)
    }
}

/// A pool with all that belongs to it, as a worker would hold it.
struct TestPool {
    var members: [PoolPlan.Member] { didSet { plan = PoolPlan(members, options) } }
    var options: PoolPlan.Options
    private(set) var plan: PoolPlan
    var loads: [EndpointLoad] = []
    var state = PoolState()
    var epoch: UInt32 = 0
    var now: UInt64 = 1
    var random: WeakRandom

    init(_ members: [PoolPlan.Member], _ options: PoolPlan.Options, seed: UInt64 = 1) {
        self.members = members
        self.options = options
        plan = PoolPlan(members, options)
        random = WeakRandom(seed: seed)
        loads = Array(repeating: EndpointLoad(), count: Int(members.map(\.number).max() ?? 0) + 1)
    }

    /// Numbers count from 0; identities are of the seed, so that pools of one seed share them.
    init(weights: [UInt32], tiers: [UInt8] = [], _ options: PoolPlan.Options, seed: UInt64 = 1) {
        let members = weights.enumerated().map { number, weight in
            PoolPlan.Member(
                number: UInt32(number), identity: Self.identity(number, seed), weight: weight,
                tier: tiers.isEmpty ? 0 : tiers[number])
        }
        self.init(members, options, seed: seed)
    }

    static func identity(_ number: Int, _ seed: UInt64) -> UInt64 {
        var seeded = Seeded(state: seed &* 1_000_003 &+ UInt64(number) &* 7_919)
        return seeded.next()
    }

    mutating func bar(_ number: Int, _ bars: EndpointLoad.Bars) {
        loads[number].bars = bars
        epoch += 1
    }

    mutating func next(_ turn: inout Turn) -> Int? {
        let (plan, loads) = (plan, loads)
        return Pool(plan: plan.words.span, loads: loads.span)
            .next(&turn, &state, epoch: epoch, now: now, random: &random).map { Int($0) }
    }

    mutating func first(key: UInt64 = 0, pinned: UInt64 = 0) -> Int? {
        var turn = Turn(key: key, pinned: pinned)
        return next(&turn)
    }

    /// All that one exchange would be given.
    mutating func row(key: UInt64 = 0) -> [Int] {
        var turn = Turn(key: key)
        var row: [Int] = []
        while let number = next(&turn) { row.append(number) }
        return row
    }

    /// How often each endpoint comes first, of so many exchanges with different keys, nothing being in flight.
    mutating func shares(of exchanges: Int) -> [Int] {
        var shares = Array(repeating: 0, count: loads.count)
        for key in 0..<exchanges {
            if let number = first(key: UInt64(key)) { shares[number] += 1 }
        }
        return shares
    }
}
