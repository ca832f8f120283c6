import Kernel
import Synchronization
import TestKit
import Testing

@testable import Telemetry

@Suite("Rows that one thread counts into and others read")
struct TallyRowsTests {
    private func known(_ rows: borrowing TallyRows, _ number: UInt32) throws -> TallyReading {
        let reading = rows.read(number)
        return try #require(reading)
    }

    @Test("what was counted is read, and nothing of numbers that were not")
    func counting() throws {
        let rows = TallyRows()
        #expect(rows.read(0) == nil && rows.extent == 0 && rows.byteCount == 0 && rows.mark(of: 7) == 0)
        rows.add(.inFlight, of: 7)
        rows.add(.inFlight, of: 7)
        rows.subtract(.inFlight, of: 7)
        rows.finish(7, status: 200, received: 10, sent: 20, duration: 5_000)
        rows.finish(7, status: 404, received: 1, sent: 2, duration: 6_000)
        rows.finish(7, status: 0, received: 0, sent: 0, duration: nil)
        let reading = try known(rows, 7)
        #expect(reading[.inFlight] == 1 && reading[.received] == 11 && reading[.sent] == 22)
        #expect(reading[.status2xx] == 1 && reading[.status4xx] == 1 && reading[.unanswered] == 1)
        #expect(reading.durations.count == 2 && reading.durations.sum == 11_000)
        #expect(rows.read(6) == nil && rows.extent == 8)
        // A line of counters and one of an octave.
        #expect(rows.byteCount == 512)
    }

    @Test("a row's histogram is the one that the same durations make")
    func durations() throws {
        let rows = TallyRows()
        var expected = Histogram()
        for duration in HistogramTests.durations(5_000, seed: 5) {
            rows.finish(3, status: 200, received: 0, sent: 0, duration: duration)
            expected.record(duration)
        }
        #expect(try known(rows, 3).durations == expected)
        // 33 octaves and the counters.
        #expect(rows.byteCount <= 34 * 256)
    }

    @Test("the mark tells that something was counted")
    func marks() {
        let rows = TallyRows()
        var marks: Set<UInt64> = [rows.mark(of: 2)]
        for column in TallyColumn.allCases {
            rows.add(column, of: 2)
            #expect(marks.insert(rows.mark(of: 2)).inserted)
            #expect(rows.mark(of: 2) == rows.mark(of: 2))
        }
    }

    @Test("numbers that are given up cost nothing, and their lines serve others from zero")
    func sweeping() throws {
        let rows = TallyRows()
        for round in 0..<50 as Range<UInt32> {
            for number in 0..<100 as Range<UInt32> {
                rows.finish(round * 100 + number, status: 200, received: 1, sent: 1, duration: UInt64(number) << 20)
            }
            rows.sweep { $0 / 100 == round }
            #expect(rows.byteCount <= 100 * 2 * 256)
            #expect(try known(rows, round * 100 + 50)[.status2xx] == 1)
            if round > 0 { #expect(rows.read((round - 1) * 100 + 50) == nil) }
        }
        rows.sweep { _ in false }
        #expect(rows.byteCount == 0 && rows.lostCount == 0)
        rows.add(.connects, of: 5)
        #expect(try known(rows, 5).columns.reduce(0, +) == 1)
    }

    @Test("where there is no room, it is not counted, and that is counted")
    func room() {
        let rows = TallyRows()
        rows.add(.connects, of: .max)
        rows.add(.connects, of: UInt32(TallyRows.numberLimit))
        #expect(rows.extent == 0 && rows.read(.max) == nil && rows.mark(of: .max) == 0)
        let limit = UInt32(TallyRows.lineLimit) - 1
        for number in 0..<limit { rows.add(.connects, of: number) }
        #expect(rows.lostCount == 0)
        rows.finish(0, status: 200, received: 0, sent: 0, duration: 5)
        rows.add(.connects, of: limit)
        #expect(rows.lostCount == 2)
        #expect(rows.read(0)?[.status2xx] == 1 && rows.read(limit) == nil)
    }

    @Test("a reader beside the writer sees whole readings, whatever numbers come and go")
    func beside() throws {
        final class Shared: Sendable {
            let rows = TallyRows()
            let isOver = Atomic(false)
            let ended = Atomic(false)
        }
        let shared = Shared()
        try NativeThread.start(named: "writer") {
            var round: UInt64 = 0
            while !shared.isOver.load(ordering: .acquiring) {
                round += 1
                for number in 0..<8 as Range<UInt32> {
                    // Every exchange of a number lasts the same, so that a strange reading shows.
                    shared.rows.finish(
                        number, status: 200, received: UInt64(number), sent: 0, duration: 1_000 << UInt64(number))
                }
                guard round % 1_024 == 0 else { continue }
                shared.rows.sweep { ($0 + UInt32(truncatingIfNeeded: round >> 10)) % 2 == 0 }
            }
            shared.ended.store(true, ordering: .releasing)
        }
        var seen = 0
        // On a busy machine the writer begins late.
        for turn in 0..<10_000_000 where seen < 1_000 {
            let number = UInt32(turn % 8)
            guard let reading = shared.rows.read(number) else { continue }
            seen += 1
            let cells = reading.durations.cells
            #expect(cells.allSatisfy { $0.index == LatencyScale.cell(of: 1_000 << UInt64(number)) })
            // Columns are read one after the other while the writer goes on: each is whole, not all of one moment.
            #expect(number == 0 ? reading[.received] == 0 : reading[.received] % UInt64(number) == 0)
        }
        shared.isOver.store(true, ordering: .releasing)
        while !shared.ended.load(ordering: .acquiring) { System.sleep(milliseconds: 1) }
        #expect(seen > 0)
    }
}
