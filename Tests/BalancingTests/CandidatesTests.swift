import Balancing
import Testing

@Suite("Candidates in turn")
struct CandidatesTests {
    private func row(_ count: Int, _ cursor: inout UInt32) -> [Int] {
        var candidates = Candidates(count: count, cursor: &cursor)
        var row: [Int] = []
        while let index = candidates.next() { row.append(index) }
        return row
    }

    @Test("an empty pool has none, and leaves the cursor alone")
    func empty() {
        var cursor: UInt32 = 7
        #expect(row(0, &cursor) == [])
        #expect(cursor == 7)
    }

    @Test("each row names every endpoint once, one place further each time")
    func rows() {
        var cursor: UInt32 = 0
        #expect(row(3, &cursor) == [0, 1, 2])
        #expect(row(3, &cursor) == [1, 2, 0])
        #expect(row(3, &cursor) == [2, 0, 1])
        #expect(row(3, &cursor) == [0, 1, 2])
    }

    @Test("any cursor is good", arguments: [0, 1, 2, 3, 4, 1_000, UInt32.max - 1, .max])
    func anyCursor(_ start: UInt32) {
        for count in 1...5 {
            var cursor = start
            #expect(row(count, &cursor).sorted() == Array(0..<count))
            #expect(cursor < count)
        }
    }

    @Test("after any number of exchanges the shares differ by one at most", arguments: 1...20)
    func even(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let count = Int.random(in: 1...50, using: &random)
        var cursor = UInt32.random(in: 0 ... .max, using: &random)
        var shares = Array(repeating: 0, count: count)
        for _ in 0..<Int.random(in: 1...2_000, using: &random) {
            var candidates = Candidates(count: count, cursor: &cursor)
            shares[candidates.next()!] += 1
            #expect(shares.max()! - shares.min()! <= 1, "seed \(seed)")
        }
    }

    @Test("the sick ones' share is spread evenly over the healthy ones", arguments: 1...20)
    func sick(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let count = Int.random(in: 2...20, using: &random)
        var healthy = (0..<count).map { _ in Bool.random(using: &random) }
        healthy[Int.random(in: 0..<count, using: &random)] = true
        var cursor: UInt32 = 0
        var shares = Array(repeating: 0, count: count)
        for _ in 0..<1_000 {
            var candidates = Candidates(count: count, cursor: &cursor)
            while let index = candidates.next() {
                guard healthy[index] else { continue }
                Candidates.advance(&cursor, past: index)
                shares[index] += 1
                break
            }
        }
        let served = (0..<count).filter { healthy[$0] }.map { shares[$0] }
        #expect(served.max()! - served.min()! <= 1, "seed \(seed)")
        #expect(shares.reduce(0, +) == 1_000)
    }

    @Test("nobody starves while the pool changes size", arguments: 1...20)
    func resized(_ seed: UInt64) {
        var random = Seeded(state: seed)
        var cursor: UInt32 = 0
        // Endpoint 0 is in the pool always; the others come and go.
        var sinceFirst = 0
        for _ in 0..<5_000 {
            let count = Int.random(in: 1...10, using: &random)
            for _ in 0..<count {
                var candidates = Candidates(count: count, cursor: &cursor)
                sinceFirst = candidates.next() == 0 ? 0 : sinceFirst + 1
            }
            #expect(sinceFirst < 20, "seed \(seed)")
        }
    }
}
