import Testing

@testable import TLS

@Suite("Ticket keys")
struct TicketKeysTests {
    @Test("make tickets for one turn and read them for two")
    func turns() throws {
        let (keys, turn) = (TicketKeys(), TicketKeys.turnSeconds)
        let first = keys.current(at: 0)
        #expect(keys.current(at: turn - 1) == first)
        let second = keys.current(at: turn)
        #expect(second.name != first.name && second.secret != first.secret && second.proof != first.proof)
        #expect(second.secret != second.proof)
        #expect(try #require(keys.key(named: first.name, at: turn)) == (first, false))
        #expect(try #require(keys.key(named: second.name, at: turn)) == (second, true))
        #expect(try #require(keys.key(named: first.name, at: 2 * turn - 1)) == (first, false))
        #expect(keys.key(named: first.name, at: 2 * turn) == nil)
    }

    @Test("are two at most, and a long silence ends them")
    func forgetting() {
        let (keys, turn) = (TicketKeys(), TicketKeys.turnSeconds)
        let first = keys.current(at: 0)
        #expect(keys.key(named: first.name, at: 100 * turn) == nil)
        _ = keys.current(at: turn)
        _ = keys.current(at: 2 * turn)
        #expect(keys.key(named: first.name, at: 0) == nil)
    }

    @Test("know no name that is not theirs")
    func strangers() {
        let keys = TicketKeys()
        #expect(keys.key(named: [UInt8](repeating: 0, count: 16), at: 0) == nil)
        let key = keys.current(at: 0)
        #expect(keys.key(named: Array(key.name.dropLast()), at: 0) == nil)
    }
}
