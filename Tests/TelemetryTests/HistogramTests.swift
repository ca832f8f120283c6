import TestKit
import Testing

@testable import Telemetry

@Suite("Durations in cells")
struct HistogramTests {
    /// Durations of every size, evenly over the doublings.
    static func durations(_ count: Int, seed: UInt64) -> [UInt64] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            generator.next() >> UInt64.random(in: 22...54, using: &generator)
        }
    }

    @Test(
        "the middle of a cell is within 2 % of all its durations, from 1 µs on", arguments: 1...8 as ClosedRange<UInt64>
    )
    func error(_ seed: UInt64) {
        var worst = 0.0
        for duration in Self.durations(20_000, seed: seed) where duration >= 1_000 {
            let middle = LatencyScale.middle(of: LatencyScale.cell(of: duration))
            worst = max(worst, abs(Double(middle) - Double(duration)) / Double(duration))
        }
        #expect(worst <= 0.0165)
        #expect(worst > 0.01, "the durations are too kind to tell")
    }

    @Test("cells follow each other without a gap, and each knows its own")
    func contiguous() {
        #expect(LatencyScale.start(of: 0) == 0)
        #expect(LatencyScale.start(of: LatencyScale.cellCount) == LatencyScale.end)
        for cell in 0..<LatencyScale.cellCount {
            let (start, next) = (LatencyScale.start(of: cell), LatencyScale.start(of: cell + 1))
            #expect(start < next)
            #expect(LatencyScale.cell(of: start) == cell && LatencyScale.cell(of: next - 1) == cell)
        }
    }

    @Test("nothing, the longest of the scale, the first beyond it, the longest there is")
    func limits() {
        let last = LatencyScale.cellCount - 1
        #expect(LatencyScale.cell(of: 0) == 0)
        #expect(LatencyScale.cell(of: LatencyScale.end - 1) == last)
        #expect(LatencyScale.cell(of: LatencyScale.end) == last)
        #expect(LatencyScale.cell(of: .max) == last)
        // 73 minutes.
        #expect(LatencyScale.end > 3_600_000_000_000)
    }

    @Test("quantiles are within 2 % of the true ones", arguments: [0, 0.01, 0.5, 0.9, 0.99, 0.999, 1])
    func quantiles(_ share: Double) throws {
        var histogram = Histogram()
        let sorted = Self.durations(10_000, seed: 3).map { $0 + 1_000 }.sorted()
        for duration in sorted { histogram.record(duration) }
        let place = max(1, Int((share * Double(sorted.count)).rounded(.up)))
        let (exact, found) = (Double(sorted[place - 1]), Double(try #require(histogram.quantile(share))))
        #expect(abs(found - exact) / exact <= 0.02, "found \(found), wanted \(exact)")
    }

    @Test("a quantile of nothing, and shares that are none")
    func oddQuantiles() {
        var histogram = Histogram()
        #expect(histogram.quantile(0.5) == nil)
        histogram.record(5_000)
        let one = histogram.quantile(0.5)
        for share in [-1, 2, Double.nan, Double.infinity, -Double.infinity] {
            #expect(histogram.quantile(share) == one)
        }
    }

    @Test("the sum of two is what both recorded, in any order", arguments: 1...6 as ClosedRange<UInt64>)
    func merging(_ seed: UInt64) {
        let (first, second) = (Self.durations(300, seed: seed), Self.durations(200, seed: seed + 100))
        var (left, right, both) = (Histogram(), Histogram(), Histogram())
        for duration in first { left.record(duration) }
        for duration in second { right.record(duration) }
        for duration in (first + second).shuffled() { both.record(duration) }
        var (one, other) = (left, right)
        one.merge(right)
        other.merge(left)
        #expect(one == both && other == both)
        #expect(both.count == 500 && both.sum == (first + second).reduce(0, &+))
        both.merge(Histogram())
        #expect(one == both)
    }

    @Test("counts up to bounds grow to all, a bound of the scale's end counts everything")
    func bounds() {
        var histogram = Histogram()
        for duration in [900, 1_100_000, 4_800_000, 5_300_000, 70_000_000, .max] as [UInt64] {
            histogram.record(duration)
        }
        let bounds: [UInt64] = [1_000, 1_000_000, 5_000_000, 10_000_000, 100_000_000, .max]
        #expect(histogram.counts(upTo: bounds) == [1, 1, 3, 4, 5, 6])
        #expect(Histogram().counts(upTo: bounds) == [0, 0, 0, 0, 0, 0])
    }

    @Test("text leads back to the same", arguments: 1...4 as ClosedRange<UInt64>)
    func text(_ seed: UInt64) {
        var histogram = Histogram()
        #expect(Histogram(text: "", sum: 0) == histogram)
        for duration in Self.durations(500, seed: seed) { histogram.record(duration) }
        #expect(Histogram(text: histogram.text, sum: histogram.sum) == histogram)
    }

    @Test(
        "text that is no histogram",
        arguments: ["1", "1:", ":1", "1:0", "-1:1", "1056:1", "3:1 2:1", "3:1 3:1", "1:1,2:1", "a:1", "1:1x", "1:-1"])
    func noText(_ text: String) {
        #expect(Histogram(text: text, sum: 0) == nil)
    }
}
