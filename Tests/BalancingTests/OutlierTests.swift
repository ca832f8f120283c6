import Testing

@testable import Balancing

@Suite("Ejection of outliers")
struct OutlierTests {
    private static let second: UInt64 = 1_000_000_000
    private let policy = OutlierEjection.Policy(
        consecutive: 3, ratioPercent: 50, minimum: 10, window: 10 * second, base: 10 * second,
        longest: 60 * second,
        capPercent: 50)

    @Test("failures in a row eject; one good answer between them starts the count again")
    func consecutive() {
        var endpoint = OutlierEjection()
        func receive(_ event: OutlierEjection.Event, _ now: UInt64 = 5) -> OutlierEjection.Effect {
            endpoint.receive(event, now: now, policy: policy, ejected: 0, of: 4)
        }
        for event in [.failed, .failed, .answered, .failed, .failed] as [OutlierEjection.Event] {
            #expect(receive(event) == .none)
        }
        #expect(receive(.failed) == .eject(until: 5 + 10 * Self.second))
        #expect(receive(.failed) == .none)
        #expect(receive(.due, 10 * Self.second) == .none)
        #expect(receive(.due, 5 + 10 * Self.second) == .admit)
        #expect(receive(.failed, 5 + 10 * Self.second) == .none)
    }

    @Test("each ejection is twice as long as the one before, up to a limit; doing well is remembered")
    func growing() {
        var endpoint = OutlierEjection()
        var now: UInt64 = 0
        func eject() -> UInt64 {
            for _ in 0..<3 {
                let effect = endpoint.receive(.failed, now: now, policy: policy, ejected: 0, of: 2)
                guard case .eject(let until) = effect else { continue }
                let length = (until - now) / Self.second
                now = until
                #expect(endpoint.receive(.due, now: now, policy: policy, ejected: 1, of: 2) == .admit)
                return length
            }
            return 0
        }
        #expect((0..<5).map { _ in eject() } == [10, 20, 40, 60, 60])
        now += 20 * Self.second
        #expect(endpoint.times == 5)
        _ = eject()
        // Two were forgotten, one came.
        #expect(endpoint.times == 4)
        now += 1_000 * Self.second
        #expect(eject() == 10)
        for _ in 0..<200 { _ = eject() }
        #expect(eject() == 60)
    }

    @Test("half of enough answers being failures ejects, of few it does not")
    func ratio() {
        var endpoint = OutlierEjection()
        let policy = OutlierEjection.Policy(
            consecutive: 0, ratioPercent: 50, minimum: 10, window: 10 * Self.second, base: 1, longest: 1)
        var effects: [OutlierEjection.Effect] = []
        for number in 0..<10 as Range<UInt64> {
            effects.append(
                endpoint.receive(
                    number % 2 == 0 ? .answered : .failed, now: number, policy: policy, ejected: 0, of: 3))
        }
        #expect(effects.dropLast().allSatisfy { $0 == .none })
        #expect(effects.last == .eject(until: 10))
        // What is older than the window does not count.
        endpoint = OutlierEjection()
        for _ in 0..<9 { _ = endpoint.receive(.failed, now: 0, policy: policy, ejected: 0, of: 3) }
        #expect(
            endpoint.receive(.failed, now: 11 * Self.second, policy: policy, ejected: 0, of: 3) == .none)
    }

    @Test(
        "of a pool no more than its part is ejected, one at least, the only one never",
        arguments: 1...40)
    func cap(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let count = Int.random(in: 1...12, using: &random)
        var policy = policy
        policy.capPercent = .random(in: 0...100, using: &random)
        var pool = Array(repeating: OutlierEjection(), count: count)
        func ejected() -> Int {
            pool.count { if case .ejected = $0.phase { true } else { false } }
        }
        var most = 0
        for tick in 1...4_000 as ClosedRange<UInt64> {
            let now = tick * Self.second / 10
            let which = Int.random(in: 0..<count, using: &random)
            let event = Int.random(in: 0..<10, using: &random) < 8 ? OutlierEjection.Event.failed : .due
            let before = ejected()
            _ = pool[which].receive(event, now: now, policy: policy, ejected: before, of: count)
            most = max(most, ejected())
        }
        let allowed = count == 1 ? 0 : max(1, count * Int(policy.capPercent) / 100)
        #expect(most == allowed, "seed \(seed): \(most) of \(count) at \(policy.capPercent) %")
    }
}

@Suite("Windows of failures")
struct FailureWindowTests {
    @Test(
        "count what is younger than half a window always, and nothing older than a window",
        arguments: 1...30)
    func ages(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let window = UInt64.random(in: 2...1_000, using: &random)
        var counted = FailureWindow()
        var failures: [UInt64] = []
        var now: UInt64 = .random(in: 0...10_000, using: &random)
        for _ in 0..<300 {
            now += .random(in: 0...window / 3, using: &random)
            counted.count(failed: true, window: window, now: now)
            failures.append(now)
            let young = failures.count { now - $0 < window / 2 }
            let old = failures.count { now - $0 <= window }
            var asked = counted
            let hasYoung = asked.exceeds(percent: 100, minimum: UInt32(young), window: window, now: now)
            let hasOlder = asked.exceeds(percent: 100, minimum: UInt32(old + 1), window: window, now: now)
            #expect(hasYoung && !hasOlder, "seed \(seed)")
        }
        counted.clear()
        #expect(counted.exceeds(percent: 1, minimum: 0, window: window, now: now) == false)
    }

    @Test("time that goes backwards or jumps far does no harm")
    func jumps() {
        var counted = FailureWindow()
        for now in [5, 0, .max, 3, .max - 1, .max] as [UInt64] {
            counted.count(failed: true, window: 10, now: now)
        }
        #expect(counted.exceeds(percent: 100, minimum: 1, window: 10, now: .max) == true)
    }
}
