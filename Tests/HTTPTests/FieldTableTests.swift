import HTTP
import Testing

@Suite("Field table")
struct FieldTableTests {
    @Test("takes as many lines as it has room for, and is used again")
    func capacity() {
        var table = FieldTable(capacity: 3)
        for round in 0..<2 {
            table.removeAll()
            for number in 0..<3 {
                let fits = table.append(line(UInt32(number + round)))
                #expect(fits)
            }
            let fits = table.append(line(9))
            #expect(!fits)
            #expect(table.count == 3)
            #expect(table[2].nameStart == UInt32(2 + round))
        }
        table[1].dropped = true
        #expect(table[1].dropped && !table[0].dropped)
    }

    @Test("stops the process at a line that is not there")
    func outOfBounds() async {
        await #expect(processExitsWith: .failure) {
            let table = FieldTable(capacity: 3)
            _ = table[0]
        }
    }

    private func line(_ start: UInt32) -> FieldLine {
        FieldLine(nameStart: start, nameEnd: start + 1, valueStart: start + 2, valueEnd: start + 3, known: .other)
    }
}
