import Testing

@testable import Balancing

@Suite("Ejection of the slow")
struct LatencyEjectionTests {
    private static let second: UInt64 = 1_000_000_000
    private static let millisecond: UInt64 = 1_000_000
    private let policy = OutlierEjection.Policy(
        consecutive: 0, ratioPercent: 0, window: 10 * second, base: 10 * second, longest: 60 * second, capPercent: 50,
        latencyPercent: 300)

    @Test("who is slow for a whole window is ejected; one comparison between starts it again")
    func window() {
        var endpoint = OutlierEjection()
        func receive(_ event: OutlierEjection.Event, _ second: UInt64) -> OutlierEjection.Effect {
            endpoint.receive(event, now: second * Self.second, policy: policy, ejected: 0, of: 3)
        }
        for (event, second) in [(.slow, 1), (.slow, 9), (.level, 10), (.slow, 11), (.slow, 20)]
            as [(OutlierEjection.Event, UInt64)]
        {
            #expect(receive(event, second) == .none)
        }
        #expect(receive(.slow, 21) == .eject(until: 31 * Self.second))
        #expect(receive(.slow, 25) == .none)
        #expect(receive(.due, 31) == .admit)
        // It has to be slow for a window anew; then it is out for twice as long.
        #expect(receive(.slow, 32) == .none)
        #expect(receive(.slow, 41) == .none)
        #expect(receive(.slow, 42) == .eject(until: 62 * Self.second))
    }

    @Test("the cap holds, and the only one is never out")
    func cap() {
        for (ejected, count) in [(0, 1), (1, 3), (2, 4)] {
            var endpoint = OutlierEjection()
            for second in 1...100 as ClosedRange<UInt64> {
                let effect = endpoint.receive(
                    .slow, now: second * Self.second, policy: policy, ejected: ejected, of: count)
                #expect(effect == .none)
            }
        }
    }

    @Test("slow is so many percent, and a millisecond at least")
    func percent() {
        let (ms, off) = (Self.millisecond, OutlierEjection.Policy())
        #expect(policy.isSlow(30 * ms, beside: 10 * ms))
        #expect(!policy.isSlow(30 * ms - 1, beside: 10 * ms))
        #expect(!policy.isSlow(ms / 2, beside: ms / 100))
        #expect(policy.isSlow(2 * ms, beside: 0))
        #expect(!policy.isSlow(ms, beside: 2 * ms))
        #expect(!off.isSlow(.max, beside: 1))
        #expect(policy.isSlow(.max, beside: .max / 3))
        #expect(!policy.isSlow(.max, beside: .max / 3 + 1))
    }

    @Test("whatever the times, only those far above the median are found slow", arguments: 1...60)
    func median(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let count = Int.random(in: 2...30, using: &random)
        let times = (0..<count).map { _ in UInt64.random(in: 0...200, using: &random) * Self.millisecond }
        for (place, own) in times.enumerated() {
            var others = times
            others.remove(at: place)
            let slower = others.count { policy.isSlow(own, beside: $0) }
            let isSlow = OutlierEjection.isOutlier(slowerThan: slower, of: others.count)
            let median = others.sorted()[others.count / 2]
            #expect(isSlow == policy.isSlow(own, beside: median), "seed \(seed)")
        }
        #expect(!OutlierEjection.isOutlier(slowerThan: 0, of: 0))
    }

    @Test("the mean follows a change in some dozen answers, and one late answer hardly moves it")
    func mean() {
        var latency = MeanLatency()
        #expect(latency.nanoseconds == 0)
        for _ in 0..<10 { latency.observe(Self.millisecond) }
        #expect(latency.nanoseconds == Self.millisecond && latency.count == 10)
        latency.observe(9 * Self.millisecond)
        #expect(latency.nanoseconds < 2 * Self.millisecond)
        for _ in 0..<60 { latency.observe(10 * Self.millisecond) }
        #expect((9 * Self.millisecond...10 * Self.millisecond).contains(latency.nanoseconds))
        for _ in 0..<1_000 { latency.observe(.max) }
        #expect(latency.nanoseconds <= MeanLatency.limit)
    }
}
