/// How long many things took: a reading of a worker's cells (``TallyRows``), or the sum of several. A value; only the
/// cells that counted anything take room.
public struct Histogram: Equatable, Sendable {
    public struct Cell: Equatable, Sendable {
        /// By ``LatencyScale``.
        public var index: Int
        public var count: UInt64
    }

    /// By index, the lowest first; none is zero.
    public private(set) var cells: [Cell] = []
    /// Of all durations, in nanoseconds; exact.
    public private(set) var sum: UInt64 = 0

    public init() {}

    /// How many durations.
    public var count: UInt64 { cells.reduce(0) { $0 &+ $1.count } }

    /// Counts one duration.
    public mutating func record(_ nanoseconds: UInt64) {
        add(1, to: LatencyScale.cell(of: nanoseconds))
        sum &+= nanoseconds
    }

    /// Adds to a cell; cheapest for the last one.
    mutating func add(_ count: UInt64, to index: Int) {
        guard count > 0 else { return }
        let place = cells.last.map { $0.index < index } ?? true ? cells.count : place(of: index)
        if place < cells.count, cells[place].index == index {
            cells[place].count &+= count
        } else {
            cells.insert(Cell(index: index, count: count), at: place)
        }
    }

    mutating func add(sum more: UInt64) { sum &+= more }

    /// The first place whose cell is not below `index`.
    private func place(of index: Int) -> Int {
        var (low, high) = (0, cells.count)
        while low < high {
            let middle = (low + high) / 2
            if cells[middle].index < index { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Adds what another one counted.
    public mutating func merge(_ other: Histogram) {
        sum &+= other.sum
        guard !cells.isEmpty else { return cells = other.cells }
        var all: [Cell] = []
        all.reserveCapacity(cells.count + other.cells.count)
        var place = 0
        for cell in other.cells {
            while place < cells.count, cells[place].index < cell.index {
                all.append(cells[place])
                place += 1
            }
            if place < cells.count, cells[place].index == cell.index {
                all.append(Cell(index: cell.index, count: cells[place].count &+ cell.count))
                place += 1
            } else {
                all.append(cell)
            }
        }
        cells = all + cells[place...]
    }

    /// The duration that a share of all, 0 to 1, does not exceed, in nanoseconds and within 1.6 %; `nil` of nothing.
    public func quantile(_ share: Double) -> UInt64? {
        guard let last = cells.last else { return nil }
        // Of n durations the k-th smallest, k = ⌈share · n⌉, and at least the first.
        let wanted = share.isFinite ? min(max(share, 0), 1) * Double(count) : 0
        var seen: UInt64 = 0
        for cell in cells {
            seen &+= cell.count
            if Double(seen) >= wanted { return LatencyScale.middle(of: cell.index) }
        }
        return LatencyScale.middle(of: last.index)
    }

    /// How many durations do not exceed each bound, bounds in nanoseconds from the shortest to the longest. A cell
    /// counts where its middle lies, so a bound holds within 1.6 %.
    public func counts(upTo bounds: [UInt64]) -> [UInt64] {
        var (seen, place): (UInt64, Int) = (0, 0)
        return bounds.map { bound in
            while place < cells.count, LatencyScale.middle(of: cells[place].index) <= bound {
                seen &+= cells[place].count
                place += 1
            }
            return seen
        }
    }

    // MARK: - As text

    /// `cell:count` of every cell that is not zero, with blanks between.
    public var text: String {
        var text = ""
        for cell in cells { text += text.isEmpty ? "\(cell.index):\(cell.count)" : " \(cell.index):\(cell.count)" }
        return text
    }

    /// - Parameters:
    ///   - text: what ``text`` says; `nil` comes of anything else.
    ///   - sum: nanoseconds.
    public init?(text: String, sum: UInt64) {
        self.sum = sum
        for pair in text.utf8.split(separator: UInt8(ascii: " ")) {
            guard let colon = pair.firstIndex(of: UInt8(ascii: ":")),
                let index = Int(Substring(pair[..<colon])), index >= 0, index < LatencyScale.cellCount,
                let count = UInt64(Substring(pair[pair.index(after: colon)...])), count > 0,
                cells.last.map({ $0.index < index }) ?? true
            else { return nil }
            cells.append(Cell(index: index, count: count))
        }
    }
}
