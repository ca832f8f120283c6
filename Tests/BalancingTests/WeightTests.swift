import Balancing
import Testing

@Suite("Weights are kept")
struct WeightTests {
    @Test("equal endpoints are served strictly in turn")
    func inTurn() {
        var pool = TestPool(weights: [7, 7, 7], .init(.roundRobin))
        #expect((0..<7).map { _ in pool.first() } == [0, 1, 2, 0, 1, 2, 0])
        pool.bar(1, .unhealthy)
        let shares = pool.shares(of: 1_000)
        #expect(shares[1] == 0 && abs(shares[0] - shares[2]) <= 1)
    }

    @Test("in turn, nobody is ever more than a few exchanges from its due, and nobody waits long", arguments: 1...30)
    func smooth(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let count = Int.random(in: 2...30, using: &random)
        let weights = (0..<count).map { _ in UInt32.random(in: 1...(seed % 2 == 0 ? 10 : 1_000), using: &random) }
        let total = Double(weights.reduce(0, +))
        var pool = TestPool(weights: weights, .init(.roundRobin), seed: seed)
        pool.state = PoolState(cursor: random.next())
        var shares = Array(repeating: 0, count: count)
        var last = Array(repeating: 0, count: count)
        for exchange in 1...5_000 {
            guard let number = pool.first() else { break }
            let due = Double(weights[number]) / total
            shares[number] += 1
            #expect(Double(exchange - last[number]) <= 4 / due + 1, "seed \(seed): waited too long")
            last[number] = exchange
            for number in 0..<count where exchange % 50 == 0 {
                let due = Double(exchange) * Double(weights[number]) / total
                #expect(abs(Double(shares[number]) - due) < 5, "seed \(seed), \(number): \(shares[number]) of \(due)")
            }
        }
        #expect(shares.reduce(0, +) == 5_000)
    }

    @Test("by chance, shares stay within five standard deviations of their due", arguments: 1...20)
    func chance(_ seed: UInt64) {
        var random = Seeded(state: seed)
        for policy in [PoolPolicy.random, .twoChoices, .leastTime] {
            let count = Int.random(in: 3...20, using: &random)
            let equal = UInt32.random(in: 1...9, using: &random)
            let weights = (0..<count).map { _ in seed % 2 == 0 ? equal : UInt32.random(in: 1...9, using: &random) }
            var pool = TestPool(weights: weights, .init(policy), seed: seed)
            expectDue(pool.shares(of: 20_000), weights, "seed \(seed), \(policy)")
            // What the ejected had goes to the others by weight, too.
            pool.bar(0, .ejected)
            var left = weights
            left[0] = 0
            expectDue(pool.shares(of: 20_000), left, "seed \(seed), \(policy), one ejected")
        }
    }

    private func expectDue(_ shares: [Int], _ weights: [UInt32], _ which: String) {
        let exchanges = shares.reduce(0, +)
        for (share, weight) in zip(shares, weights) {
            let part = Double(weight) / Double(weights.reduce(0, +))
            let deviation = (Double(exchanges) * part * (1 - part)).squareRoot()
            #expect(abs(Double(share) - Double(exchanges) * part) <= 5 * deviation + 1, "\(which): \(shares)")
        }
    }

    @Test("an endpoint with half its share gets half its weight, whatever chooses")
    func share() {
        for policy in [PoolPolicy.roundRobin, .random] {
            for weights: [UInt32] in [[2, 2, 2], [4, 2, 3]] {
                var pool = TestPool(weights: weights, .init(policy))
                pool.loads[1].share = 128
                let total = Double(weights.reduce(0, +) - 1)
                let part = Double(pool.shares(of: 30_000)[1]) / 30_000
                #expect(abs(part - 1 / total * Double(weights[1]) / 2) < 0.02, "\(policy) \(weights): \(part)")
            }
        }
    }

    @Test("where only those with a small share are left, they serve nevertheless", arguments: PoolPolicy.allCases)
    func smallShares(_ policy: PoolPolicy) {
        var pool = TestPool(weights: [1, 2], .init(policy))
        pool.loads[0].share = 1
        pool.loads[1].share = 1
        #expect(pool.shares(of: 500).reduce(0, +) == 500)
    }

    @Test("a change of weights is followed at once, and turns go on from where they were")
    func changed() {
        var pool = TestPool(weights: [1, 1, 1], .init(.roundRobin), seed: 4)
        _ = pool.shares(of: 100)
        pool.members[1].weight = 8
        #expect(abs(pool.shares(of: 1_000)[1] - 800) < 6)
        pool.members[1].weight = 0
        #expect(pool.shares(of: 1_000)[1] == 0)
    }

    @Test("nearly everybody gone: whoever is left serves, at any size", arguments: PoolPolicy.allCases)
    func fewLeft(_ policy: PoolPolicy) {
        for count in [2, 9, 100, 1_000] {
            var pool = TestPool(weights: .init(repeating: 1, count: count), .init(policy))
            for number in 0..<count - 1 { pool.bar(number, .unhealthy) }
            for key in 0..<50 { #expect(pool.first(key: UInt64(key)) == count - 1, "\(policy), \(count)") }
        }
    }
}

@Suite("Load is followed")
struct LoadTests {
    @Test("of a small pool the least burdened is chosen, exactly", arguments: 1...30)
    func exact(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let count = Int.random(in: 2...Pool.scanLimit, using: &random)
        let weights = (0..<count).map { _ in UInt32.random(in: 1...5, using: &random) }
        var pool = TestPool(weights: weights, .init(.leastConnections), seed: seed)
        for _ in 0..<1_000 {
            guard let number = pool.first() else { break }
            let burdens = (0..<count).map { Double(pool.loads[$0].inFlight) / Double(weights[$0]) }
            #expect(burdens[number] == burdens.min(), "seed \(seed)")
            pool.loads[number].inFlight += 1
            let ended = Int.random(in: 0..<count, using: &random)
            if pool.loads[ended].inFlight > 0 { pool.loads[ended].inFlight -= 1 }
        }
        #expect(pool.loads.contains { $0.inFlight > 0 })
    }

    @Test("so it is among equals of which some are barred, full, tried or new", arguments: 1...30)
    func equals(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let count = Int.random(in: 2...Pool.scanLimit, using: &random)
        var pool = TestPool(weights: Array(repeating: 1, count: count), .init(.leastConnections), seed: seed)
        for _ in 0..<100 {
            for number in 0..<count {
                pool.loads[number].inFlight = UInt32.random(in: 0...4, using: &random)
                pool.loads[number].inFlightLimit = Int.random(in: 0..<4, using: &random) == 0 ? 2 : .max
                let isNew = seed % 3 == 0 && Int.random(in: 0..<3, using: &random) == 0
                pool.loads[number].share = isNew ? 64 : EndpointLoad.wholeShare
                pool.bar(number, number > 0 && Int.random(in: 0..<3, using: &random) == 0 ? .ejected : [])
            }
            var left = Set(
                pool.loads.indices.filter {
                    pool.loads[$0].bars.isEmpty && pool.loads[$0].inFlight < pool.loads[$0].inFlightLimit
                })
            guard !left.isEmpty else { continue }
            let burdens = pool.loads.map { Double($0.inFlight) / Double($0.share) }
            for number in pool.row() {
                #expect(burdens[number] == left.map { burdens[$0] }.min(), "seed \(seed)")
                left.remove(number)
            }
            #expect(left.isEmpty, "seed \(seed)")
        }
    }

    @Test("idle endpoints take turns by weight, so that none is without exchanges")
    func idle() {
        var pool = TestPool(weights: [5, 1, 1], .init(.leastConnections))
        let shares = pool.shares(of: 700)
        #expect(abs(shares[0] - 500) < 6 && abs(shares[1] - 100) < 6, "\(shares)")
    }

    @Test("in a large pool no queue grows far above the mean", arguments: [PoolPolicy.leastConnections, .twoChoices])
    func large(_ policy: PoolPolicy) {
        var random = Seeded(state: 8)
        var pool = TestPool(weights: .init(repeating: 1, count: 1_000), .init(policy))
        var open: [Int] = []
        var worst: UInt32 = 0
        for exchange in 0..<20_000 {
            guard let number = pool.first() else { break }
            pool.loads[number].inFlight += 1
            open.append(number)
            if exchange >= 4_000 {
                let ended = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                pool.loads[ended].inFlight -= 1
                worst = max(worst, pool.loads[number].inFlight)
            }
        }
        // Four on average; by chance alone the longest queue would be about fourteen.
        #expect(worst <= (policy == .leastConnections ? 6 : 8), "\(worst)")
    }

    @Test("an endpoint that has become ten times slower keeps few exchanges, and is tried again later")
    func slow() {
        let millisecond: UInt64 = 1_000_000
        for policy in [PoolPolicy.leastTime, .twoChoices] {
            var pool = TestPool(weights: [1, 1, 1], .init(policy), seed: 2)
            var ends: [(at: UInt64, number: Int, began: UInt64)] = []
            var shares = [0, 0, 0]
            for tick in 0..<30_000 as Range<UInt64> {
                pool.now = 1 + tick * millisecond
                for end in ends where end.at <= pool.now {
                    pool.loads[end.number].inFlight -= 1
                    pool.loads[end.number].latency.observe(pool.now - end.began, at: pool.now)
                }
                ends.removeAll { $0.at <= pool.now }
                guard let number = pool.first() else { break }
                shares[number] += 1
                pool.loads[number].inFlight += 1
                let takes = number == 2 ? 100 * millisecond : 10 * millisecond
                ends.append((pool.now + takes, number, pool.now))
            }
            let part = Double(shares[2]) / 30_000
            #expect(part > 0 && part < (policy == .leastTime ? 0.01 : 0.1), "\(policy): \(shares)")
            #expect(abs(shares[0] - shares[1]) < 3_000, "\(policy): \(shares)")
        }
    }

    @Test("a worker that stands still now and then does not forget which endpoint is slow")
    func stalls() {
        let millisecond: UInt64 = 1_000_000
        var pool = TestPool(weights: [1, 1, 1], .init(.leastTime), seed: 3)
        var ends: [(at: UInt64, number: Int, began: UInt64)] = []
        var shares = [0, 0, 0]
        for tick in 0..<30_000 as Range<UInt64> {
            // For 60 ms in each second nothing is seen to end, then all of it at once, late.
            let stands = tick % 1_000 < 60
            pool.now = 1 + tick * millisecond
            if !stands {
                for end in ends where end.at <= pool.now {
                    pool.loads[end.number].inFlight -= 1
                    pool.loads[end.number].latency.observe(pool.now - end.began, at: pool.now)
                }
                ends.removeAll { $0.at <= pool.now }
                guard let number = pool.first() else { break }
                shares[number] += 1
                pool.loads[number].inFlight += 1
                ends.append((pool.now + (number == 2 ? 200 : 20) * millisecond, number, pool.now))
            }
        }
        let total = shares.reduce(0, +)
        #expect(shares[2] > 0 && Double(shares[2]) / Double(total) < 0.01, "\(shares)")
    }

    @Test("a new endpoint is tried with one exchange before it gets its part")
    func new() {
        var pool = TestPool(weights: [1, 1], .init(.leastTime))
        pool.loads[0].latency.observe(50_000_000, at: 1)
        #expect(pool.first() == 1)
        pool.loads[1].inFlight = 1
        #expect(
            (0..<15).allSatisfy { _ in
                pool.loads[0].inFlight += 1
                return pool.first() == 0
            })
    }
}

@Suite("Latency that remembers peaks")
struct PeakLatencyTests {
    private static let halfLife: UInt64 = 1 << 33

    @Test("follows a rise at once, forgets half of it in a half-life, and never forgets that there was an answer")
    func peaks() {
        var latency = PeakLatency()
        #expect(latency.nanoseconds(at: 5) == 0)
        latency.observe(1_000_000, at: 5)
        #expect(latency.nanoseconds(at: 5) == 1_000_000)
        latency.observe(80_000_000, at: 6)
        #expect(latency.nanoseconds(at: 6) == 80_000_000)
        #expect(latency.nanoseconds(at: 6 + Self.halfLife) == 40_000_000)
        #expect(latency.nanoseconds(at: 6 + 2 * Self.halfLife) == 20_000_000)
        #expect(latency.nanoseconds(at: .max) == 16)
        // Time that goes backwards is no time.
        #expect(latency.nanoseconds(at: 0) == 80_000_000)
    }

    @Test("comes half down to what is observed in 22 answers, and all the way", arguments: [0, 1_000, 1_000_000])
    func fallsByAnswers(_ interval: UInt64) {
        var latency = PeakLatency()
        latency.observe(82_000_000, at: 1)
        for answer in 1...22 as ClosedRange<UInt64> { latency.observe(2_000_000, at: 1 + answer * interval) }
        #expect((41_000_000...42_500_000).contains(latency.nanoseconds(at: 1 + 22 * interval)))
        for answer in 23...600 as ClosedRange<UInt64> { latency.observe(2_000_000, at: 1 + answer * interval) }
        #expect(latency.nanoseconds(at: 1 + 600 * interval) == 2_000_000)
    }

    @Test("comes half down in a half-life where answers are rare", arguments: [1, 2, 5])
    func fallsByTime(_ answers: UInt64) {
        var latency = PeakLatency()
        latency.observe(82_000_000, at: 1)
        for answer in 1...answers { latency.observe(2_000_000, at: 1 + answer * Self.halfLife / answers) }
        #expect((41_000_000...42_500_000).contains(latency.nanoseconds(at: 1 + Self.halfLife)))
    }

    @Test("is at the ends of its range what it should be", arguments: [0, 1, 15, 16, 1 << 40, UInt64.max])
    func ends(_ nanoseconds: UInt64) {
        var latency = PeakLatency()
        latency.observe(nanoseconds, at: 0)
        #expect(latency.nanoseconds(at: 0) == min(max(16, nanoseconds / 16 * 16), UInt64(UInt32.max) * 16))
        latency.observe(0, at: .max)
        #expect(latency.nanoseconds(at: .max) == 16)
    }
}
