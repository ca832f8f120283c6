import TestKit
import Testing

@testable import Bytes

/// A buffer of a pool of its own, given back at the end.
func lending(_ size: BufferSize = .small, _ body: (Buffer) throws -> Void) rethrows {
    var pool = BufferPool()
    let buffer = pool.take(size)
    defer { pool.give(buffer) }
    try body(buffer)
}

extension Buffer {
    var text: String { String(decoding: [UInt8](copying: readable), as: UTF8.self) }
}

@Suite("Buffers")
struct BufferTests {
    @Test("bytes enter at the end and leave at the start, like those of an array", arguments: [1, 2, 3] as [UInt64])
    func model(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var pool = BufferPool()
        let buffer = pool.take(.small)
        let other = pool.take(.normal)
        var model: [UInt8] = []
        var start = 0
        for _ in 0..<5_000 {
            switch Int.random(in: 0..<9, using: &generator) {
            case 0...2:
                let bytes = generator.bytes(Int.random(in: 0...min(300, buffer.room), using: &generator))
                buffer.append(bytes.span)
                model += bytes
            case 3...4:
                let count = Int.random(in: 0...model.count, using: &generator)
                buffer.consume(count)
                model.removeFirst(count)
                start = model.isEmpty ? 0 : start + count
            case 5:
                buffer.compact()
                start = 0
            case 6:
                let count = Int.random(in: 0...model.count, using: &generator)
                buffer.drop(last: count)
                model.removeLast(count)
            case 7:
                let bytes = generator.bytes(400)
                other.clear()
                other.append(bytes.span)
                let limit = Int.random(in: 0...500, using: &generator)
                let moved = buffer.append(from: other, limit: limit)
                #expect(moved == min(limit, 400, buffer.capacity - buffer.end + moved))
                #expect([UInt8](copying: other.readable) == Array(bytes[moved...]))
                model += bytes[..<moved]
            case _:
                guard !model.isEmpty, buffer.room > 0 else { continue }
                let count = min(model.count, buffer.room)
                buffer.append(copying: buffer.start..<buffer.start + count)
                model += model[..<count]
            }
            #expect([UInt8](copying: buffer.readable) == model)
            #expect(buffer.count == model.count && buffer.isEmpty == model.isEmpty)
            #expect(buffer.start == start && buffer.end == start + model.count)
            #expect(buffer.room == 2_048 - buffer.end)
        }
        pool.give(buffer)
        pool.give(other)
        let lent = pool.lentCount
        #expect(lent == 0)
    }

    @Test("what was stepped over comes back with a rewind")
    func rewind() {
        lending { buffer in
            buffer.append("hello world")
            buffer.advance(6)
            #expect(buffer.text == "world")
            buffer.advance(5)
            #expect(buffer.isEmpty && buffer.start == 11)
            buffer.rewind()
            #expect(buffer.text == "hello world")
        }
    }

    @Test("room is filled in place, and a failure fills nothing")
    func room() {
        lending { buffer in
            var size = 0
            let filled = unsafe buffer.withRoom { room in
                size = room.count
                unsafe room.copyBytes(from: [1, 2, 3])
                return 3
            }
            #expect(filled == 3 && size == 2_048)
            let failed = unsafe buffer.withRoom { _ in -11 }
            #expect(failed == -11)
            #expect([UInt8](copying: buffer.readable) == [1, 2, 3])
        }
    }

    @Test("sizes hold what they say")
    func sizes() {
        for (count, size) in [
            (0, BufferSize.small), (2_048, .small), (2_049, .normal), (16_384, .normal), (16_385, .large),
            (65_536, .large), (65_537, nil),
        ] { #expect(BufferSize.holding(count) == size, "\(count)") }
    }
}

@Suite("Text in buffers")
struct BufferTextTests {
    @Test("decimal numbers, at every power of ten and the largest")
    func decimal() {
        var numbers: [UInt64] = [0, .max, .max - 1]
        var power: UInt64 = 1
        for _ in 0..<19 {
            power *= 10
            numbers += [power - 1, power, power + 1]
        }
        var generator = SeededGenerator(seed: 3)
        numbers += (0..<2_000).map { generator.next() >> ($0 % 64) }
        for number in numbers {
            lending { buffer in
                buffer.append(decimal: number)
                #expect(buffer.text == "\(number)")
            }
        }
    }

    @Test("a number fits where twenty bytes are left")
    func tight() {
        lending { buffer in
            buffer.append(Array(repeating: UInt8(ascii: "x"), count: 2_028).span)
            buffer.append(decimal: .max)
            #expect(buffer.room == 0)
            #expect(buffer.text.hasSuffix("x18446744073709551615"))
        }
    }

    @Test("hexadecimal numbers, short and of a width")
    func hexadecimal() {
        for shift in 0..<64 {
            for number in [UInt64(1) << shift, UInt64(1) << shift &- 1] {
                lending { buffer in
                    buffer.append(hexadecimal: number)
                    #expect(buffer.text == String(number, radix: 16))
                    buffer.clear()
                    buffer.append(hexadecimal: number, width: 16)
                    let digits = String(number, radix: 16)
                    #expect(buffer.text == String(repeating: "0", count: 16 - digits.count) + digits)
                }
            }
        }
    }

    @Test("the text of a JSON string holds no byte that would end or break it")
    func json() {
        lending { buffer in
            buffer.append(json: Array(UInt8.min...UInt8.max).span, leaving: 0)
            var wanted = ""
            for byte in UInt8.min...UInt8.max {
                let scalar = Character(UnicodeScalar(byte))
                let plain = (0x20..<0x7f).contains(byte) && scalar != "\"" && scalar != "\\"
                let digits = String(byte, radix: 16)
                wanted += plain ? String(scalar) : "\\u00" + (digits.count == 1 ? "0" : "") + digits
            }
            #expect(buffer.text == wanted)
        }
    }

    @Test(
        "JSON text is cut where less than the reserve would be left, and never inside an escape",
        arguments: [0, 1, 500, 2_042, 2_048])
    func jsonCut(_ reserve: Int) {
        for byte in [UInt8(ascii: "a"), 0xff] {
            lending { buffer in
                buffer.append("start")
                buffer.append(json: Array(repeating: byte, count: 5_000).span, leaving: reserve)
                #expect(buffer.room >= min(reserve, 2_043))
                #expect(buffer.room <= reserve + 12 || buffer.count == 5)
                #expect(byte == 0xff ? (buffer.count - 5) % 6 == 0 : true)
            }
        }
    }

    @Test("text between the quotes of a log line holds no byte that would end them or the line")
    func quotable() {
        lending { buffer in
            buffer.append(quotable: Array(UInt8.min...UInt8.max).span, leaving: 0)
            var wanted = ""
            for byte in UInt8.min...UInt8.max {
                let scalar = Character(UnicodeScalar(byte))
                let plain = (0x20..<0x7f).contains(byte) && scalar != "\"" && scalar != "\\"
                let digits = String(byte, radix: 16)
                wanted += plain ? String(scalar) : "\\x" + (digits.count == 1 ? "0" : "") + digits
            }
            #expect(buffer.text == wanted)
        }
    }

    @Test(
        "such text is cut where less than the reserve would be left, and never inside an escape",
        arguments: [0, 1, 500, 2_044, 2_048])
    func quotableCut(_ reserve: Int) {
        for byte in [UInt8(ascii: "a"), 0xff] {
            lending { buffer in
                buffer.append("start")
                buffer.append(quotable: Array(repeating: byte, count: 5_000).span, leaving: reserve)
                #expect(buffer.room >= min(reserve, 2_043))
                #expect(buffer.room <= reserve + 8 || buffer.count == 5)
                #expect(byte == 0xff ? (buffer.count - 5) % 4 == 0 : true)
            }
        }
    }
}

@Suite("The pool of buffers")
struct BufferPoolTests {
    @Test("what is given back is lent again, empty")
    func reuse() {
        var pool = BufferPool()
        for size in BufferSize.allCases {
            let first = pool.take(size)
            first.append("left over")
            pool.give(first)
            let second = pool.take(size)
            #expect(second == first && second.isEmpty && second.start == 0)
            #expect(second.capacity == Int(size.rawValue))
            let third = pool.take(size)
            #expect(third != second)
            pool.give(second)
            pool.give(third)
        }
        let lent = pool.lentCount
        #expect(lent == 0)
    }

    @Test("a burst is lent in full, and what comes back beyond the bound is freed")
    func bound() {
        var pool = BufferPool()
        let kept = BufferPool.vacantBytesLimit / Int(BufferSize.large.rawValue)
        let burst = (0..<kept * 2).map { _ in pool.take(.large) }
        let most = pool.lentCount
        #expect(most == kept * 2)
        for (number, buffer) in burst.enumerated() {
            buffer.append("x")
            #expect(buffer.text == "x", "\(number)")
        }
        for buffer in burst { pool.give(buffer) }
        let lent = pool.lentCount
        #expect(lent == 0)
        // Only those that were kept can come again.
        let again = (0..<kept).map { _ in pool.take(.large) }
        #expect(again.allSatisfy { one in burst.prefix(kept).contains { $0 == one } })
        for buffer in again { pool.give(buffer) }
    }
}
