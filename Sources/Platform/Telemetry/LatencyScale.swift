/// How durations are sorted into cells: 32 to each doubling, so that the middle of a cell is within 1/64 (1.6 %) of
/// every duration in it, from 1 µs to 73 minutes.
///
/// The first octave is the exception: its 32 cells divide the time up to 1,024 ns evenly. Octave `n` above it starts at
/// `512 << n` nanoseconds. What lasts longer than the scale is counted in its last cell.
public enum LatencyScale {
    public static let cellsPerOctave = 32
    public static let octaveCount = 33
    public static let cellCount = cellsPerOctave * octaveCount
    /// The first duration beyond the scale, in nanoseconds: 2⁴², 73 minutes.
    public static let end: UInt64 = 1 << 42

    /// The cell that a duration belongs to, 0 to ``cellCount`` less one.
    @inlinable public static func cell(of nanoseconds: UInt64) -> Int {
        let value = min(nanoseconds, end &- 1)
        guard value >= 1_024 else { return Int(truncatingIfNeeded: value &>> 5) }
        let exponent = UInt64(truncatingIfNeeded: 63 &- value.leadingZeroBitCount)
        // The five bits behind the leading one.
        return Int(truncatingIfNeeded: (exponent &- 9) &<< 5 | (value &>> (exponent &- 5)) & 31)
    }

    /// The shortest duration of a cell, in nanoseconds; that of ``cellCount`` is ``end``.
    public static func start(of cell: Int) -> UInt64 {
        let (octave, place) = (UInt64(cell / cellsPerOctave), UInt64(cell % cellsPerOctave))
        return octave == 0 ? place << 5 : (32 + place) << (octave + 4)
    }

    /// The duration that stands for all of a cell, in nanoseconds.
    public static func middle(of cell: Int) -> UInt64 { (start(of: cell) + start(of: cell + 1)) / 2 }
}
