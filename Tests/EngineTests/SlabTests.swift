import TestKit
import Testing

@testable import Engine

@Suite("Places and their tokens")
struct SlabTests {
    @Test("a token is good until its tenant leaves, and never again")
    func stale() throws {
        let slab = Places<UInt64>(capacity: 4)
        let first = try #require(slab.admit(7))
        #expect(slab.holds(first) && slab.isTaken(first.index) && slab.count == 1)
        #expect(slab[first.index] == 7)
        slab.retire(first.index)
        #expect(!slab.holds(first) && !slab.isTaken(first.index) && slab.count == 0)
        slab.reclaim()
        let second = try #require(slab.admit(8))
        #expect(second.index == first.index && second != first)
        #expect(slab.holds(second) && !slab.holds(first))
        #expect(slab.token(second.index) == second)
    }

    @Test("a place that was left is given to nobody before it is reclaimed")
    func reclaim() throws {
        let slab = Places<UInt32>(capacity: 2)
        let first = try #require(slab.admit(1))
        slab.retire(first.index)
        let second = try #require(slab.admit(2))
        #expect(second.index != first.index)
        #expect(slab.admit(3) == nil && slab.isFull)
        slab.reclaim()
        #expect(!slab.isFull)
        #expect(slab.admit(3)?.index == first.index)
        #expect(slab.admit(4) == nil)
    }

    @Test("a token of nobody, or of a place beyond the end, is held by nobody")
    func foreign() {
        let slab = Places<UInt32>(capacity: 2)
        #expect(!slab.holds(Token(raw: .max)))
        #expect(!slab.holds(Token(index: 2, generation: 1)))
        _ = slab.admit(1)
        #expect(!slab.holds(Token(index: 0, generation: 0)))
        #expect(slab.holds(Token(index: 0, generation: 1)))
        #expect(!slab.holds(Token(index: 0, generation: 3)))
        #expect(slab.extent == 1)
    }

    @Test("a token carries its place and its generation")
    func token() {
        let token = Token(index: 0x1234_5678, generation: 0x9abc_def0)
        #expect(token.raw == 0x9abc_def0_1234_5678)
        #expect(token.index == 0x1234_5678 && token.generation == 0x9abc_def0)
    }

    @Test("agrees with a dictionary over random histories", arguments: [1, 2, 3] as [UInt64])
    func random(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let slab = Places<UInt64>(capacity: 50)
        var tenants: [Token: UInt64] = [:]
        var gone: [Token] = []
        var freed = 0
        for step in 0..<20_000 as Range<UInt64> {
            switch Int.random(in: 0..<5, using: &generator) {
            case 0...1:
                let token = slab.admit(step)
                #expect((token == nil) == (tenants.count + freed == 50))
                if let token {
                    #expect(tenants[token] == nil)
                    tenants[token] = step
                }
            case 2...3:
                if let (token, _) = tenants.randomElement(using: &generator) {
                    slab.retire(token.index)
                    tenants[token] = nil
                    gone.append(token)
                    freed += 1
                }
            case _:
                slab.reclaim()
                freed = 0
            }
            #expect(slab.count == tenants.count)
            if step % 500 == 0 {
                #expect(tenants.allSatisfy { slab.holds($0.key) && slab[$0.key.index] == $0.value })
                #expect(gone.allSatisfy { !slab.holds($0) })
            }
        }
    }
}

/// A slab by reference: the macros that expect cannot take what is not copyable.
private final class Places<Value: BitwiseCopyable> {
    private var slab: Slab<Value>

    init(capacity: Int) { slab = Slab(capacity: capacity) }

    func admit(_ value: Value) -> Token? { slab.admit(value) }
    func retire(_ index: UInt32) { slab.retire(index) }
    func reclaim() { slab.reclaim() }
    func holds(_ token: Token) -> Bool { slab.holds(token) }
    func isTaken(_ index: UInt32) -> Bool { slab.isTaken(index) }
    func token(_ index: UInt32) -> Token { slab.token(index) }
    subscript(index: UInt32) -> Value { slab[index] }
    var count: Int { slab.count }
    var isFull: Bool { slab.isFull }
    var extent: UInt32 { slab.extent }
}
