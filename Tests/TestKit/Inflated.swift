/// What a gzip stream says (RFC 1951, RFC 1952), read by a decoder of the tests' own; of a stream that is cut, as much
/// as can be known.
public struct Inflated {
    public enum Fault: Error { case malformed(String) }

    public private(set) var bytes: [UInt8] = []
    /// The stream came to its end, with the right length and checksum, and nothing follows.
    public private(set) var isWhole = false

    private var input: [UInt8]
    private var place = 10
    private var held: UInt32 = 0
    private var heldCount = 0

    private struct Cut: Error {}

    public init(_ input: [UInt8]) throws {
        self.input = input
        guard input.count >= 10 else { return }
        guard input.starts(with: [31, 139, 8, 0]) else { throw Fault.malformed("header") }
        do {
            while try !block() {}
            (held, heldCount) = (0, 0)
            let (sum, count) = (try number(), try number())
            guard count == UInt32(truncatingIfNeeded: bytes.count), sum == Self.checksum(bytes), place == input.count
            else { throw Fault.malformed("end") }
            isWhole = true
        } catch is Cut {}
    }

    private mutating func bit() throws -> Int {
        if heldCount == 0 {
            guard place < input.count else { throw Cut() }
            (held, heldCount) = (UInt32(input[place]), 8)
            place += 1
        }
        defer {
            held >>= 1
            heldCount -= 1
        }
        return Int(held & 1)
    }

    private mutating func bits(_ count: Int) throws -> Int {
        var value = 0
        for index in 0..<count { value |= try bit() << index }
        return value
    }

    private mutating func number() throws -> UInt32 {
        guard place + 4 <= input.count else { throw Cut() }
        defer { place += 4 }
        return (0..<4).reduce(0) { $0 | UInt32(input[place + $1]) << UInt32(8 * $1) }
    }

    /// `true`: it was the last.
    private mutating func block() throws -> Bool {
        let isLast = try bit() == 1
        switch try bits(2) {
        case 0:
            (held, heldCount) = (0, 0)
            guard place + 4 <= input.count else { throw Cut() }
            let count = Int(input[place]) | Int(input[place + 1]) << 8
            place += 4
            guard place + count <= input.count else { throw Cut() }
            bytes += input[place..<place + count]
            place += count
        case 1:
            let lengths =
                Array(repeating: 8, count: 144) + Array(repeating: 9, count: 112) + Array(repeating: 7, count: 24)
                + Array(repeating: 8, count: 8)
            try symbols(Code(lengths), Code(Array(repeating: 5, count: 30)))
        case 2:
            let (literals, distances) = try codes()
            try symbols(literals, distances)
        default: throw Fault.malformed("block")
        }
        return isLast
    }

    private struct Code {
        var counts = [Int](repeating: 0, count: 16)
        var symbols: [Int]

        init(_ lengths: [Int]) {
            for length in lengths where length > 0 { counts[length] += 1 }
            symbols = lengths.indices.filter { lengths[$0] > 0 }.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        }
    }

    private mutating func symbol(_ code: Code) throws -> Int {
        var (value, first, index) = (0, 0, 0)
        for length in 1..<16 {
            value |= try bit()
            let count = code.counts[length]
            if value - count < first { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw Fault.malformed("code")
    }

    private mutating func codes() throws -> (Code, Code) {
        let (literals, distances, lengthCount) = (try bits(5) + 257, try bits(5) + 1, try bits(4) + 4)
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<lengthCount { lengths[order[index]] = try bits(3) }
        let code = Code(lengths)
        var all: [Int] = []
        while all.count < literals + distances {
            switch try symbol(code) {
            case 16:
                guard let last = all.last else { throw Fault.malformed("lengths") }
                all += Array(repeating: last, count: try bits(2) + 3)
            case 17: all += Array(repeating: 0, count: try bits(3) + 3)
            case 18: all += Array(repeating: 0, count: try bits(7) + 11)
            case let length: all.append(length)
            }
        }
        return (Code(Array(all[..<literals])), Code(Array(all[literals...])))
    }

    private static let lengthStarts = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static let lengthBits = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    private static let distanceStarts = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145, 8193, 12289, 16385, 24577,
    ]

    private mutating func symbols(_ literals: Code, _ distances: Code) throws {
        while true {
            let symbol = try symbol(literals)
            if symbol == 256 { return }
            guard symbol > 256 else {
                bytes.append(UInt8(symbol))
                continue
            }
            guard symbol < 286 else { throw Fault.malformed("length") }
            let length = Self.lengthStarts[symbol - 257] + (try bits(Self.lengthBits[symbol - 257]))
            let kind = try self.symbol(distances)
            let distance = Self.distanceStarts[kind] + (try bits(max(0, kind / 2 - 1)))
            guard distance <= bytes.count else { throw Fault.malformed("distance") }
            for _ in 0..<length { bytes.append(bytes[bytes.count - distance]) }
        }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { sum, _ in sum & 1 == 1 ? 0xedb8_8320 ^ sum >> 1 : sum >> 1 }
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
    }
}
