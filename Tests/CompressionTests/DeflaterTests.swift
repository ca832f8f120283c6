import Bytes
import TestKit
import Testing

@testable import Compression

private struct Missing: Error {}

/// For values that no macro may look at.
private func present<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw Missing() }
    return value
}

@Suite("Deflaters")
struct DeflaterTests {
    /// What can be compressed, what cannot, and what can be very much.
    private static func texts(_ seed: UInt64) -> [[UInt8]] {
        var generator = SeededGenerator(seed: seed)
        let noise = generator.bytes(100_000)
        let words = noise.map { UInt8(ascii: "a") + $0 % 5 }
        return [[], [7], noise, words, [UInt8](repeating: 0, count: 700_000), Array(noise.prefix(5_000)) + words]
    }

    @Test(
        "make the same of a text however it is cut, and never more at once than there is room for",
        arguments: [1, 5, 9])
    func cuts(_ level: Int) throws {
        var pool = DeflaterPool()
        var buffers = BufferPool()
        for (number, text) in Self.texts(UInt64(level)).enumerated() {
            for cut in [1, 7, 4_096] where text.count / cut < 30_000 {
                let deflater = try present(pool.take(level: level))
                var made: [UInt8] = []
                var most = 0
                var start = 0
                repeat {
                    let end = min(text.count, start + cut)
                    let output = buffers.take(.large)
                    let flush: Deflater.Flush = end == text.count ? .end : start / cut % 5 == 4 ? .all : .none
                    let step = try present(deflater.put(text.span.extracting(start..<end), into: output, flush))
                    #expect(step.taken == end - start)
                    #expect(step.hasEnded == (flush == .end))
                    most = max(most, step.made)
                    made += [UInt8](copying: output.readable)
                    buffers.give(output)
                    start = end
                } while start < text.count
                pool.give(deflater)
                #expect(most < 48_000)
                #expect(Array(made.prefix(3)) == [31, 139, 8], "text \(number)")
                #expect(try Inflated(made).bytes == text, "text \(number), cut \(cut)")
            }
        }
        #expect(pool.lentCount == 0)
    }

    @Test("are bounded in number, and used again")
    func bound() throws {
        var pool = DeflaterPool()
        let all = (0..<DeflaterPool.limit).compactMap { _ in pool.take(level: 1) }
        #expect(all.count == DeflaterPool.limit)
        #expect(pool.take(level: 1) == nil)
        for deflater in all { pool.give(deflater) }
        #expect(pool.lentCount == 0)
        var buffers = BufferPool()
        // One that was left in the middle of a stream begins anew.
        for round in 0..<3 {
            let deflater = try present(pool.take(level: 9))
            let output = buffers.take(.large)
            _ = deflater.put(Array("left over".utf8).span, into: output, .none)
            if round == 2 {
                output.clear()
                pool.give(deflater)
                let again = try present(pool.take(level: 1))
                _ = again.put(Array("new".utf8).span, into: output, .end)
                #expect(try Inflated([UInt8](copying: output.readable)).bytes == Array("new".utf8))
                pool.give(again)
            } else {
                pool.give(deflater)
            }
            buffers.give(output)
        }
    }
}
