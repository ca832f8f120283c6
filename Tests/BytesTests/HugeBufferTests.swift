import Bytes
import Testing

@Suite("Huge buffers")
struct HugeBufferTests {
    @Test("are few: beyond the limit a large one is lent, and what comes back can be lent again")
    func limit() {
        var pool = BufferPool()
        var lent = (0..<BufferPool.hugeLimit).map { _ in pool.takeHuge() }
        #expect(lent.allSatisfy { $0.capacity == Int(BufferSize.huge.rawValue) })
        let over = pool.takeHuge()
        #expect(over.capacity == Int(BufferSize.large.rawValue))
        if let one = lent.popLast() { pool.give(one) }
        lent.append(pool.takeHuge())
        #expect(lent.last?.capacity == Int(BufferSize.huge.rawValue))
        for buffer in lent + [over] { pool.give(buffer) }
        #expect(pool.lentCount == 0)
    }

    @Test("are nobody's who asks for room")
    func holding() {
        #expect(BufferSize.holding(65_536) == .large)
        #expect(BufferSize.holding(65_537) == nil)
    }
}
