import Bytes
import TestKit
import Testing

@Suite("Chains of buffers")
struct BufferChainTests {
    private func read(_ chain: inout BufferChain, upTo limit: Int = .max, _ step: Int = 1_000) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit, let buffer = chain.unread() {
            let count = min(step, buffer.count, limit - bytes.count)
            for place in 0..<count { bytes.append(buffer.readable[place]) }
            buffer.advance(count)
        }
        return bytes
    }

    private func fill(_ chain: inout BufferChain, _ pool: inout BufferPool, _ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let buffer: Buffer
            if let last = chain.last, last.room > 0 {
                buffer = last
            } else {
                buffer = pool.take(.small)
                chain.append(buffer)
            }
            let count = min(buffer.room, bytes.count - done)
            buffer.append(bytes.span.extracting(done..<done + count))
            done += count
        }
    }

    private func empty(_ chain: inout BufferChain, _ pool: inout BufferPool) -> Int {
        var count = 0
        while let buffer = chain.removeFirst() {
            pool.give(buffer)
            count += 1
        }
        return count
    }

    @Test("an empty one has nothing to read, to rewind or to take out")
    func nothing() {
        var chain = BufferChain()
        chain.rewind()
        let (unread, first) = (chain.unread(), chain.removeFirst())
        #expect(unread == nil && first == nil && chain.isEmpty && chain.last == nil)
    }

    @Test("what goes in comes out in order, again after a rewind, and every buffer comes back", arguments: 0..<16)
    func orders(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var pool = BufferPool()
        var chain = BufferChain()
        var all: [UInt8] = []
        for _ in 0..<4 {
            let more = generator.bytes(.random(in: 0...9_000, using: &generator))
            fill(&chain, &pool, more)
            all += more
            let part = Int.random(in: 0...all.count, using: &generator)
            #expect(read(&chain, upTo: part, 700) == Array(all.prefix(part)), "seed \(seed)")
            chain.rewind()
            #expect(read(&chain) == all, "seed \(seed)")
            #expect(chain.unread() == nil)
            chain.rewind()
        }
        let lent = pool.lentCount
        #expect(empty(&chain, &pool) == lent)
        #expect(pool.lentCount == 0 && chain.isEmpty)
    }

    @Test("bytes that come when all before were read are read too, in the same buffer or the next")
    func growing() {
        var pool = BufferPool()
        var chain = BufferChain()
        for count in [1, 2_047, 1, 5_000] {
            fill(&chain, &pool, [UInt8](repeating: 7, count: count))
            #expect(read(&chain).count == count)
        }
        _ = empty(&chain, &pool)
        // Used again after it was emptied.
        fill(&chain, &pool, [1, 2, 3])
        #expect(read(&chain) == [1, 2, 3])
        #expect(empty(&chain, &pool) == 1)
        #expect(pool.lentCount == 0)
    }
}
