import Contract
import Testing

@Suite("What an edge has said of its rows")
struct TallyBookTests {
    private func rows(_ names: String..., sent: UInt64 = 1) -> [TallyRow] {
        names.map { TallyRow(name: $0, sent: sent) }
    }

    @Test("the newest row of each name counts; what is gone is gone; a first message forgets all")
    func course() {
        var book = TallyBook()
        book.take(EdgeTallies(isFirst: true, rules: rows("a", "b"), endpoints: rows("e"), listeners: rows("l")))
        book.take(EdgeTallies(isFirst: false, rules: rows("b", "c", sent: 2)))
        #expect(book.rules.mapValues(\.sent) == ["a": 1, "b": 2, "c": 2])
        book.take(EdgeTallies(isFirst: false, gone: .init(rules: ["a", "nobody"], endpoints: ["e"])))
        #expect(Set(book.rules.keys) == ["b", "c"] && book.endpoints.isEmpty && book.listeners.count == 1)
        // A name that is gone and comes again in one message is there.
        book.take(EdgeTallies(isFirst: false, gone: .init(rules: ["b"]), rules: rows("b", sent: 9)))
        #expect(book.rules["b"]?.sent == 9)
        book.take(EdgeTallies(isFirst: true, rules: rows("z")))
        #expect(Set(book.rules.keys) == ["z"] && book.listeners.isEmpty)
    }

    @Test("an edge cannot fill memory with names")
    func limit() {
        var book = TallyBook()
        for first in stride(from: 0, to: TallyBook.rowLimit + 5_000, by: 5_000) {
            let rows = (first..<first + 5_000).map { TallyRow(name: "\($0)") }
            book.take(EdgeTallies(isFirst: false, endpoints: rows))
        }
        #expect(book.endpoints.count == TallyBook.rowLimit)
        book.take(EdgeTallies(isFirst: false, endpoints: rows("0", "new", sent: 7)))
        #expect(book.endpoints["0"]?.sent == 7 && book.endpoints["new"] == nil)
    }
}
