import Testing

@testable import Balancing

@Suite("Active checks")
struct ActiveHealthTests {
    private let policy = ActiveHealth.Policy(
        interval: 1_000, timeout: 300, rise: 2, fall: 3, jitterPercent: 0)

    @Test("a new endpoint is checked at once and is up with its first good check")
    func new() {
        var random = WeakRandom(seed: 1)
        var health = ActiveHealth(now: 50, spread: 0, random: &random)
        #expect(health.verdict == .unknown)
        #expect(health.receive(.due, now: 50, policy: policy, random: &random) == .init(action: .begin))
        #expect(health.phase == .checking(deadline: 350))
        #expect(
            health.receive(.passed, now: 60, policy: policy, random: &random) == .init(changed: .up))
        #expect(health.phase == .waiting(until: 1_060))
        #expect(health.receive(.due, now: 1_059, policy: policy, random: &random) == .init())
        #expect(
            health.receive(.due, now: 1_060, policy: policy, random: &random) == .init(action: .begin))
    }

    @Test("no result in time is a bad one, and what comes later is nothing")
    func timeout() {
        var random = WeakRandom(seed: 1)
        var health = ActiveHealth(now: 0, spread: 0, random: &random)
        _ = health.receive(.due, now: 0, policy: policy, random: &random)
        #expect(health.receive(.due, now: 299, policy: policy, random: &random) == .init())
        #expect(
            health.receive(.due, now: 300, policy: policy, random: &random) == .init(action: .abandon))
        let before = health
        #expect(health.receive(.passed, now: 301, policy: policy, random: &random) == .init())
        #expect(health == before)
    }

    @Test("a check that could not be made counts for nothing, and is made again after the interval")
    func undecided() {
        var random = WeakRandom(seed: 1)
        var health = ActiveHealth(now: 0, spread: 0, random: &random)
        for round in UInt64(0)..<4 {
            let now = round * 1_000
            _ = health.receive(.due, now: now, policy: policy, random: &random)
            // Between bad ones it ends no row.
            let event = round == 1 ? ActiveHealth.Event.undecided : .failed
            let effect = health.receive(event, now: now, policy: policy, random: &random)
            #expect(effect == .init(changed: round == 3 ? .down : nil))
            #expect(health.phase == .waiting(until: now + 1_000))
        }
        let before = health
        #expect(health.receive(.undecided, now: 3_500, policy: policy, random: &random) == .init())
        #expect(health == before)
    }

    @Test(
        "goes down with `fall` bad checks in a row and up with `rise` good ones, as a reference says",
        arguments: 1...60)
    func thresholds(_ seed: UInt64) {
        var seeded = Seeded(state: seed)
        var random = WeakRandom(seed: seed)
        let policy = ActiveHealth.Policy(
            interval: 100, timeout: 10, rise: .random(in: 1...4, using: &seeded),
            fall: .random(in: 1...4, using: &seeded), jitterPercent: .random(in: 0...100, using: &seeded))
        var health = ActiveHealth(now: 0, spread: 100, random: &random)
        var verdict = ActiveHealth.Verdict.unknown
        var (good, bad) = (0, 0)
        var now: UInt64 = 0
        for _ in 0..<500 {
            #expect(health.nextDue >= now)
            now = health.nextDue
            #expect(health.receive(.due, now: now, policy: policy, random: &random).action == .begin)
            let passes = Bool.random(using: &seeded)
            let isLate = Bool.random(using: &seeded) && !passes
            (good, bad) = passes ? (good + 1, 0) : (0, bad + 1)
            var expected: ActiveHealth.Verdict?
            if passes, verdict == .unknown || verdict == .down && good >= Int(policy.rise) {
                expected = .up
            }
            if !passes, verdict != .down, bad >= Int(policy.fall) { expected = .down }
            now = isLate ? health.nextDue : now + 5
            let effect = health.receive(
                isLate ? .due : passes ? .passed : .failed, now: now, policy: policy, random: &random)
            #expect(effect.changed == expected, "seed \(seed)")
            verdict = expected ?? verdict
            #expect(health.verdict == verdict)
            // What counts in a row counts from the last change on.
            if expected != nil { (good, bad) = (0, 0) }
        }
    }

    @Test("checks that begin together drift apart, around the interval")
    func jitter() {
        var random = WeakRandom(seed: 4)
        let lengths = (0..<2_000).map { _ in ActiveHealth.jittered(1_000_000, 10, &random) }
        #expect(lengths.allSatisfy { (900_000...1_100_000).contains($0) })
        #expect(lengths.min()! < 910_000 && lengths.max()! > 1_090_000)
        #expect(abs(Int(lengths.reduce(0, +)) / 2_000 - 1_000_000) < 6_000)
        for interval in [0, 1, 99, 100, UInt64.max / 4] {
            #expect(ActiveHealth.jittered(interval, 255, &random) >= 1)
        }
        let starts = (0..<1_000).map { _ in
            ActiveHealth(now: 10, spread: 1_000, random: &random).nextDue
        }
        #expect(starts.allSatisfy { (10..<1_010).contains($0) } && Set(starts).count > 500)
    }
}

@Suite("Slow start")
struct SlowStartTests {
    @Test(
        "a share grows from its least to the whole, never shrinks, and says when it next grows",
        arguments: 1...60)
    func grows(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let start = SlowStart(
            window: seed == 1 ? 0 : .random(in: 1...(seed % 2 == 0 ? 100 : 1 << 40), using: &random),
            leastPercent: .random(in: 0...255, using: &random))
        var (age, share, steps) = (0 as UInt64, start.share(age: 0), 0)
        #expect((1...256).contains(share))
        while let wait = start.next(age: age) {
            #expect(wait > 0)
            #expect(start.share(age: age + wait - 1) == share, "seed \(seed): grew before it said")
            age += wait
            #expect(start.share(age: age) >= share)
            share = start.share(age: age)
            steps += 1
        }
        #expect(share == 256)
        #expect(steps <= 130)
        #expect(start.share(age: .max) == 256)
    }

    @Test("is a straight line")
    func line() {
        let start = SlowStart(window: 32_000, leastPercent: 10)
        #expect(start.share(age: 0) == 25)
        #expect(start.share(age: 16_000) == 140)
        #expect(start.share(age: 31_999) < 256)
        #expect(start.share(age: 32_000) == 256)
    }
}
