import Contract
import Testing

@Suite("Delta")
struct DeltaTests {
    @Test("the change from one snapshot to the next, applied to the first, gives the next", arguments: 1...200)
    func applied(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let one = Snapshot.random(revision: 1, using: &random)
        let next = Snapshot.random(revision: 2, using: &random)
        let delta = one.delta(to: next)
        #expect(try #require(one.applying(delta)).ordered == next.ordered, "seed \(seed)")
        let frame = try LinkFrame.encode(delta)
        let received = try LinkFrame.decode(Delta.self, from: frame.dropFirst(LinkFrame.headerSize))
        #expect(received == delta, "seed \(seed)")
    }

    @Test("the order of rules and certificates means nothing", arguments: 1...50)
    func order(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let one = Snapshot.random(revision: 1, using: &random)
        var shuffled = one
        shuffled.rules.shuffle(using: &random)
        shuffled.certificates.shuffle(using: &random)
        #expect(one.delta(to: shuffled).isEmpty, "seed \(seed)")
        let next = Snapshot.random(revision: 2, using: &random)
        #expect(try #require(shuffled.applying(one.delta(to: next))).ordered == next.ordered, "seed \(seed)")
    }

    @Test("a chain of changes arrives where the last snapshot is", arguments: 1...20)
    func chain(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        var control = Snapshot.random(revision: 0, using: &random)
        var edge = control
        for revision in 1...20 as ClosedRange<UInt64> {
            let next = Snapshot.random(revision: revision, using: &random)
            edge = try #require(edge.applying(control.delta(to: next)))
            control = next
            #expect(edge.ordered == control.ordered, "seed \(seed)")
        }
    }

    @Test("a change names only what changed")
    func smallest() {
        let rules = (0..<100).map { Rule(name: "r\($0)", hosts: ["h\($0).test"]) }
        let one = Snapshot(revision: 1, epoch: "e", rules: rules)
        var next = one
        next.revision = 2
        next.rules[7].path = "/new"
        next.rules.remove(at: 3)
        next.rules.append(Rule(name: "new"))
        let delta = one.delta(to: next)
        #expect(delta.settings == nil && delta.listeners == nil && delta.certificates.isEmpty)
        #expect(delta.rules.put.map(\.name) == ["r7", "new"])
        #expect(delta.rules.removed == ["r3"])
        #expect(one.delta(to: one).isEmpty)
    }

    @Test("a change that starts from another revision or epoch is a gap")
    func gap() {
        let one = Snapshot(revision: 1, epoch: "e")
        #expect(one.applying(Delta(epoch: "e", base: 1, revision: 2))?.revision == 2)
        #expect(one.applying(Delta(epoch: "e", base: 0, revision: 2)) == nil)
        #expect(one.applying(Delta(epoch: "e", base: 2, revision: 3)) == nil)
        #expect(one.applying(Delta(epoch: "other", base: 1, revision: 2)) == nil)
    }

    @Test("what is removed and put in one change is put, and of two with one name the last counts")
    func overlapping() throws {
        let one = Snapshot(revision: 1, rules: [Rule(name: "a"), Rule(name: "b")])
        let change = Delta.Change(
            put: [Rule(name: "a", path: "/1"), Rule(name: "c"), Rule(name: "a", path: "/2")], removed: ["a", "b", "x"])
        let next = try #require(one.applying(Delta(epoch: "", base: 1, revision: 2, rules: change)))
        #expect(next.rules == [Rule(name: "a", path: "/2"), Rule(name: "c")])
    }
}
