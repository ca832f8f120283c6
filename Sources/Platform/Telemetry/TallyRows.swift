import Kernel
import Synchronization

/// What one worker counts of each route (or endpoint, or listener), by its number. Written by the worker alone, without
/// a locked instruction; read by anyone.
///
/// Memory lies in lines of 256 bytes. A number that nothing was counted for has none. One line holds the counters and
/// says where the durations lie; each octave of durations that occurred (``LatencyScale``) is a line of its own. So a
/// busy route costs about 2 KiB a worker, 8.5 KiB at most, and all of them together at most ``lineLimit`` lines: what
/// finds no room is not counted, which is counted (``lostCount``).
///
/// Lines of a number that was given up are used again, never unmapped: a reader that comes late reads zeros or
/// somebody else's counts, notices by ``resets``, and forgets them.
@safe
public struct TallyRows: ~Copyable, @unchecked Sendable {
    // Unchecked: all that threads share are atomics, in memory that is there as long as this is.

    /// Numbers there can be.
    public static let numberLimit = 1 << 20
    /// 64 MiB.
    public static let lineLimit = 1 << 18
    private static let wordsPerLine = 32

    /// The line of each number; 0 is none.
    private let rows = Reserve<UInt64>(capacity: Self.numberLimit)
    private let words = Reserve<UInt64>(capacity: Self.lineLimit * Self.wordsPerLine)

    public init() {}

    /// Places in line 0, which is nobody's: what the worker remembers of the others.
    private enum Ledger: Int { case untouched, firstVacant, extent, resets, lost, used }

    /// Places in a row's line behind its columns: the sum of durations in a word, then half a word for each octave.
    private static let sumPlace = TallyColumn.allCases.count
    private static let octavesPlace = sumPlace + 1

    // MARK: - Counting, on the worker's thread

    @inline(__always)
    public func add(_ column: TallyColumn, of number: UInt32, _ amount: UInt64 = 1) {
        let row = row(of: number)
        guard row != 0 else { return }
        add(amount, at: row, column.rawValue)
    }

    @inline(__always)
    public func subtract(_ column: TallyColumn, of number: UInt32, _ amount: UInt64 = 1) {
        add(column, of: number, 0 &- amount)
    }

    /// An exchange has ended.
    ///
    /// - Parameter duration: in nanoseconds; `nil` where it says nothing, as with a tunnel.
    public func finish(_ number: UInt32, status: Int, received: UInt64, sent: UInt64, duration: UInt64?) {
        let row = row(of: number)
        guard row != 0 else { return }
        add(1, at: row, TallyColumn(status: status).rawValue)
        add(received, at: row, TallyColumn.received.rawValue)
        add(sent, at: row, TallyColumn.sent.rawValue)
        guard let duration else { return }
        let cell = LatencyScale.cell(of: duration)
        let octave = cell / LatencyScale.cellsPerOctave
        var line = octaveLine(row, octave)
        if line == 0 {
            line = takeLine()
            guard line != 0 else { return }
            let (word, shift) = octavePlace(row, octave)
            word.release(word.value | UInt64(line) &<< shift)
        }
        add(duration, at: row, Self.sumPlace)
        add(1, at: line, cell % LatencyScale.cellsPerOctave)
    }

    /// Forgets every number that `isKept` does not know: it will be somebody else's.
    public func sweep(_ isKept: (UInt32) -> Bool) {
        for number in 0..<UInt32(truncatingIfNeeded: ledger(.extent).value)
        where rowLine(number).value != 0 && !isKept(number) {
            reset(number)
        }
    }

    @inline(__always)
    private func row(of number: UInt32) -> UInt32 {
        guard number < Self.numberLimit else { return 0 }
        let row = UInt32(truncatingIfNeeded: rowLine(number).value)
        return row != 0 ? row : makeRow(number)
    }

    @inline(never)
    private func makeRow(_ number: UInt32) -> UInt32 {
        let row = takeLine()
        rowLine(number).release(UInt64(row))
        let extent = ledger(.extent)
        if extent.value <= UInt64(number) { extent.release(UInt64(number) + 1) }
        return row
    }

    /// A line of zeros, or 0 when there is no room.
    private func takeLine() -> UInt32 {
        let vacant = ledger(.firstVacant).value
        if vacant != 0 {
            let line = UInt32(truncatingIfNeeded: vacant)
            ledger(.firstVacant).set(word(line, 0).value)
            word(line, 0).set(0)
            add(1, at: 0, Ledger.used.rawValue)
            return line
        }
        let line = max(1, ledger(.untouched).value)
        guard line < Self.lineLimit else {
            add(1, at: 0, Ledger.lost.rawValue)
            return 0
        }
        ledger(.untouched).set(line + 1)
        add(1, at: 0, Ledger.used.rawValue)
        return UInt32(truncatingIfNeeded: line)
    }

    private func reset(_ number: UInt32) {
        let row = UInt32(truncatingIfNeeded: rowLine(number).value)
        // Odd while lines change hands.
        add(1, at: 0, Ledger.resets.rawValue)
        atomicMemoryFence(ordering: .acquiringAndReleasing)
        rowLine(number).set(0)
        for octave in 0..<LatencyScale.octaveCount {
            let line = octaveLine(row, octave)
            if line != 0 { giveLine(line) }
        }
        giveLine(row)
        atomicMemoryFence(ordering: .acquiringAndReleasing)
        add(1, at: 0, Ledger.resets.rawValue)
    }

    private func giveLine(_ line: UInt32) {
        for place in 1..<Self.wordsPerLine { word(line, place).set(0) }
        word(line, 0).set(ledger(.firstVacant).value)
        ledger(.firstVacant).set(UInt64(line))
        add(0 &- 1, at: 0, Ledger.used.rawValue)
    }

    // MARK: - Reading, from any thread

    /// One more than the largest number that was counted for.
    public var extent: UInt32 { UInt32(truncatingIfNeeded: ledger(.extent).acquired) }
    /// Rows or octaves that found no room.
    public var lostCount: UInt64 { ledger(.lost).value }
    /// Bytes in use.
    public var byteCount: UInt64 { ledger(.used).value &* 256 }

    /// A number that is another when anything was counted for `number` since; 0 while nothing ever was.
    public func mark(of number: UInt32) -> UInt64 {
        guard number < Self.numberLimit else { return 0 }
        let row = UInt32(truncatingIfNeeded: rowLine(number).acquired)
        guard row != 0 else { return 0 }
        // No duration is counted without a status.
        return TallyColumn.allCases.reduce(1) { mark, column in
            mark &* 0x9e37_79b9_7f4a_7c15 &+ word(row, column.rawValue).value
        } | 1
    }

    /// What was counted for `number`; `nil` when nothing ever was, or when numbers change hands just now.
    public func read(_ number: UInt32) -> TallyReading? {
        guard number < Self.numberLimit else { return nil }
        let resets = ledger(.resets).acquired
        let row = UInt32(truncatingIfNeeded: rowLine(number).acquired)
        guard row != 0, resets & 1 == 0 else { return nil }
        var reading = TallyReading()
        for column in TallyColumn.allCases { reading[column] = word(row, column.rawValue).value }
        reading.durations.add(sum: word(row, Self.sumPlace).value)
        for octave in 0..<LatencyScale.octaveCount {
            let line = octaveLine(row, octave)
            guard line != 0, line < Self.lineLimit else { continue }
            for cell in 0..<LatencyScale.cellsPerOctave {
                reading.durations.add(
                    word(line, cell).value, to: octave * LatencyScale.cellsPerOctave + cell)
            }
        }
        atomicMemoryFence(ordering: .acquiring)
        return ledger(.resets).value == resets ? reading : nil
    }

    // MARK: - Where it lies

    @inline(__always)
    private func add(_ amount: UInt64, at line: UInt32, _ place: Int) {
        let word = word(line, place)
        word.set(word.value &+ amount)
    }

    @inline(__always)
    private func ledger(_ place: Ledger) -> AtomicWord { word(0, place.rawValue) }

    @inline(__always)
    private func word(_ line: UInt32, _ place: Int) -> AtomicWord {
        unsafe AtomicWord(words.mutableAddress(Int(line) &* Self.wordsPerLine &+ place))
    }

    @inline(__always)
    private func rowLine(_ number: UInt32) -> AtomicWord { unsafe AtomicWord(rows.mutableAddress(Int(number))) }

    /// The word that says in which line the durations of an octave lie, and how far up in it.
    @inline(__always)
    private func octavePlace(_ row: UInt32, _ octave: Int) -> (AtomicWord, shift: UInt64) {
        (word(row, Self.octavesPlace &+ octave &>> 1), UInt64(truncatingIfNeeded: octave & 1) &<< 5)
    }

    @inline(__always)
    private func octaveLine(_ row: UInt32, _ octave: Int) -> UInt32 {
        let (word, shift) = octavePlace(row, octave)
        return UInt32(truncatingIfNeeded: word.acquired &>> shift)
    }
}

/// A handle on a number in a reserve that threads share: its memory is that of an atomic, and nothing touches it in
/// another way.
@safe
private struct AtomicWord {
    private let place: UnsafeMutablePointer<Atomic<UInt64>>

    @inline(__always)
    init(_ address: UnsafeMutablePointer<UInt64>) {
        unsafe place = UnsafeMutableRawPointer(address).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    /// The number alone, in no order with others.
    @inline(__always)
    var value: UInt64 { unsafe place.pointee.load(ordering: .relaxed) }
    @inline(__always)
    func set(_ value: UInt64) { unsafe place.pointee.store(value, ordering: .relaxed) }

    /// With all that was written before it was released.
    @inline(__always)
    var acquired: UInt64 { unsafe place.pointee.load(ordering: .acquiring) }
    @inline(__always)
    func release(_ value: UInt64) { unsafe place.pointee.store(value, ordering: .releasing) }
}
