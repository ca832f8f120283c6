import Preface
import Testing

@Suite("MySQL's first packets")
struct MySQLTests {
    private static func request(flags: UInt8 = 0x8a, count: UInt8 = 32, number: UInt8 = 1) -> [UInt8] {
        [count, 0, 0, number, 0x85, flags, 0x9f, 0x01, 0, 0, 0, 1, 45] + [UInt8](repeating: 0, count: 23)
    }

    private static var greeting: [UInt8] {
        var challenge = InlineArray<20, UInt8>(repeating: 0)
        for place in challenge.indices { challenge[place] = UInt8(place) + 1 }
        let greeting = MySQL.greeting(challenge: challenge)
        return greeting.indices.map { greeting[$0] }
    }

    @Test("a greeting of ours is one that a client reads, with its challenge in two parts")
    func greeting() {
        let bytes = Self.greeting
        #expect(MySQL.serverWord(bytes.span) == .greets(count: bytes.count, offersTLS: true))
        #expect(Array(bytes[19..<27]) == Array(1...8) && Array(bytes[46..<58]) == Array(9...20))
        #expect(Int(bytes[0]) == bytes.count - MySQL.headerBytes && bytes[3] == 0)
        #expect(String(decoding: bytes.suffix(22).dropLast(), as: UTF8.self) == "caching_sha2_password")
        let words = MySQL.tlsWanted
        #expect(Int(words[0]) == words.count - MySQL.headerBytes && words[3] == 2 && words[4] == 0xff)
    }

    @Test("the same however it is cut, and no byte behind it matters")
    func cuts() {
        for bytes in [Self.request(), Self.request(flags: 0x82, count: 60) + [UInt8](repeating: 7, count: 30)] {
            let whole = MySQL.clientWord(bytes.span)
            #expect(whole == (bytes.count == 36 ? .asksTLS : .speaksPlainly))
            for end in bytes.indices {
                let word = MySQL.clientWord(bytes.span.extracting(0..<end))
                #expect(word == .incomplete || word == whole, "\(end): \(word)")
            }
            #expect(MySQL.clientWord((bytes + [22, 3, 1]).span) == whole)
        }
        let greeting = Self.greeting
        for end in greeting.indices {
            #expect(MySQL.serverWord(greeting.span.extracting(0..<end)) == .incomplete)
        }
        #expect(MySQL.serverWord((greeting + [1]).span) == .greets(count: greeting.count, offersTLS: true))
    }

    @Test(
        "what is none is told",
        arguments: [
            request(count: 31), request(number: 0), request(number: 2), request(flags: 0x88), request(count: 33),
            [0, 0, 0, 1, 0, 0], [255, 255, 255, 1, 0x85, 0x8a], Array("GET / HTTP/1.1\r\n".utf8),
            [22, 3, 1, 2, 0, 1, 0],
        ])
    func malformedClients(_ bytes: [UInt8]) { #expect(MySQL.clientWord(bytes.span) == .malformed) }

    @Test("servers that refuse, have no TLS, or are none")
    func servers() {
        let error: [UInt8] = [9, 0, 0, 0, 0xff, 0x10, 0x04] + Array("Toomany".utf8)
        #expect(MySQL.serverWord(Array(error.prefix(13)).span) == .refuses(count: 13))
        var plain = Self.greeting
        plain[29] &= 0xf7
        #expect(MySQL.serverWord(plain.span) == .greets(count: plain.count, offersTLS: false))
        for bytes: [UInt8] in [
            [1, 0, 0, 0, 9], [0, 0, 0, 0, 10], [5, 0, 0, 1, 10, 1, 1, 1, 0], Array("SSH-2.0-x\r\n".utf8),
            [1, 4, 0, 0, 10], [8, 0, 0, 0, 10, 1, 1, 1, 1, 1, 1, 1],
        ] {
            #expect(MySQL.serverWord(bytes.span) == .malformed, "\(bytes)")
        }
        // A version without an end, as long as a greeting may be.
        let endless: [UInt8] = [0, 4, 0, 0, 10] + [UInt8](repeating: 65, count: MySQL.greetingLimit - 1)
        #expect(MySQL.serverWord(endless.span) == .malformed)
        #expect(MySQL.serverWord(endless.span.extracting(0..<500)) == .incomplete)
    }
}
