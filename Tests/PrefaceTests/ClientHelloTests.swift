import Preface
import TestKit
import Testing

private let whole = [part(10, [0, 2, 0, 29]), serverName("Site.Example"), protocols("h2", "http/1.1"), part(51, [])]

@Suite("Client hellos")
struct ClientHelloTests {
    @Test("name and protocols are read, over any number of records", arguments: [16_384, 400, 100, 10, 6])
    func reads(_ size: Int) throws {
        let bytes = hello(extensions: whole, recordSize: size)
        let wanted = ReadHello(
            name: "site.example", protocols: Array("\u{2}h2\u{8}http/1.1".utf8), byteCount: bytes.count)
        #expect(readHello(bytes) == .complete(wanted))
        #expect(readHello(bytes + [20, 3, 3, 0, 1, 1]) == .complete(wanted))
    }

    @Test("what is offered is told")
    func offers() {
        var read = ClientHello()
        let bytes = hello(extensions: whole)
        #expect(read.parse(bytes.span) == .complete)
        for (name, isThere) in [("h2", true), ("http/1.1", true), ("http/1", false), ("", false), ("h3", false)] {
            let wanted = Array(name.utf8)
            #expect(read.offers(wanted.span) == isThere, "\(name)")
        }
    }

    @Test("without a name, without extensions, with an empty session")
    func least() {
        for bytes in [
            hello(extensions: []), hello(extensions: [], hasExtensions: false), hello(extensions: [], session: 0),
        ] {
            #expect(readHello(bytes) == .complete(ReadHello(name: "", protocols: [], byteCount: bytes.count)))
        }
    }

    @Test("what is no handshake is told at its first byte", arguments: [[71, 69, 84], [22, 2], [0], [128, 46, 1]])
    func absent(_ bytes: [UInt8]) { #expect(readHello(bytes) == .absent) }

    @Test(
        "what nobody could agree on is refused",
        arguments: [
            (hello(extensions: whole, type: 2), ClientHelloError.badMessage),
            (hello(extensions: [serverName("a"), serverName("a")]), .repeatedExtension),
            (hello(extensions: [protocols("h2"), protocols("h2")]), .repeatedExtension),
            (hello(extensions: [serverName("")]), .badName), (hello(extensions: [serverName("a b")]), .badName),
            (hello(extensions: [serverName("a\u{0}b")]), .badName),
            (hello(extensions: [serverName("[::1]")]), .badName),
            (hello(extensions: [part(0, [0, 4, 1, 0, 1, 97])]), .badName),
            (hello(extensions: [part(0, [0, 4, 9, 0, 1, 97, 0])]), .badLength),
            (hello(extensions: [part(0, [0, 3, 9, 0, 0])]), .badName),
            (hello(extensions: [part(0, [0, 5, 0, 0, 9, 97, 98])]), .badLength),
            (hello(extensions: [part(0, [])]), .badLength), (hello(extensions: [part(16, [])]), .badLength),
            (hello(extensions: [part(16, [0, 0])]), .badProtocols),
            (hello(extensions: [part(16, [0, 1, 0])]), .badProtocols),
            (hello(extensions: [part(16, [0, 2, 2, 97])]), .badLength),
            (hello(extensions: [[0, 1, 0, 9, 1]]), .badLength), (hello(extensions: [[0, 1]]), .badLength),
            ([22, 3, 1, 0, 0], .badRecord), ([22, 3, 1, 64, 1], .badRecord),
            ([22, 3, 1, 0, 1, 1, 23, 3, 3, 0, 1, 0], .badRecord), ([22, 3, 1, 0, 5, 1, 255, 255, 255, 0], .tooLong),
        ])
    func refused(_ bytes: [UInt8], _ error: ClientHelloError) { #expect(readHello(bytes) == .refused(error)) }

    @Test("limits hold at, under and over")
    func limits() {
        func name(_ count: Int) -> [UInt8] { hello(extensions: [serverName(String(repeating: "a", count: count))]) }
        #expect(readHello(name(ClientHelloLimit.name)).isComplete)
        #expect(readHello(name(ClientHelloLimit.name + 1)) == .refused(.badName))

        func list(_ count: Int) -> [UInt8] {
            hello(extensions: [part(16, vector([UInt8](repeating: 1, count: count), 2))])
        }
        #expect(readHello(list(ClientHelloLimit.protocols)).isComplete)
        #expect(readHello(list(ClientHelloLimit.protocols + 2)) == .refused(.badProtocols))

        // One record: its header and that of the message, and 81 bytes that are not padding.
        func message(_ count: Int) -> [UInt8] {
            let empty = hello(extensions: [part(21, [])]).count
            return hello(extensions: [part(21, [UInt8](repeating: 0, count: count - empty))])
        }
        #expect(message(ClientHelloLimit.message).count == ClientHelloLimit.message)
        #expect(readHello(message(ClientHelloLimit.message)).isComplete)
        #expect(readHello(message(ClientHelloLimit.message + 100)) == .refused(.tooLong))

        let bytes = hello(extensions: whole)
        let content = Array(bytes.dropFirst(5))
        let size = (content.count + ClientHelloLimit.records - 1) / ClientHelloLimit.records
        #expect(readHello(records(content, size: size)).isComplete)
        #expect(readHello(records(content, size: size - 1)) == .refused(.tooLong))
    }
}

extension Reading {
    fileprivate var isComplete: Bool { if case .complete = self { true } else { false } }
}

private let hellos: [[UInt8]] = [
    hello(extensions: whole), hello(extensions: whole, recordSize: 20), hello(extensions: [], hasExtensions: false),
    hello(extensions: [serverName("a b")]), hello(extensions: [part(0, [0])]), hello(extensions: whole, type: 2),
    [71, 69, 84, 32], [22, 3, 1, 0, 0], [22, 3, 1, 0, 1, 1, 23, 3, 3, 0, 1, 0],
    [22, 3, 1, 0, 5, 1, 255, 255, 255, 0], records([1, 0, 0, 9] + [UInt8](repeating: 0, count: 16_380), size: 16_384),
]

@Suite("Client hellos in pieces")
struct ClientHelloCutTests {
    @Test("one reads the same whichever way the bytes are cut", arguments: hellos)
    func cut(_ bytes: [UInt8]) {
        let whole = readHello(bytes)
        #expect(whole != .incomplete)
        for cut in 0...bytes.count { #expect(readHello(bytes, cuts: [cut]) == whole, "cut at \(cut)") }
        #expect(readHello(bytes, cuts: Array(0..<bytes.count)) == whole)
    }

    @Test("random changes never read differently when cut", arguments: 0..<40 as Range<UInt64>)
    func mutations(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for hello in hellos {
            var bytes = hello
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let limit: UInt8 = Bool.random(using: &random) ? 5 : 255
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...limit, using: &random)
            }
            let whole = readHello(bytes)
            #expect(readHello(bytes, cuts: Array(0..<bytes.count)) == whole, "seed \(seed), \(bytes)")
        }
    }
}

@Suite("What a connection begins with")
struct BeginningTests {
    private static let beginnings: [([UInt8], Preface)] = [
        ([22, 3, 1, 2, 0], .tls), (Array("GET / HTTP/1.1\r\n".utf8), .http1),
        (Array("PRI / HTTP/1.1\r\n".utf8), .http1),
        (Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8), .http2), (Array("PRI * HTTP/2.1\r\n".utf8), .http1),
        (Array("SSH-2.0-OpenSSH_9.6\r\n".utf8), .ssh), (Array("SSH / HTTP/1.1".utf8), .http1),
        ([0, 0, 0, 9, 0, 3, 0, 0, 0], .postgres), ([0, 0, 0, 16, 4, 210, 22, 46], .postgres),
        ([0, 0, 40, 0, 0, 3, 0, 0], .other), ([0, 0, 0, 9, 0, 2, 0, 0, 0], .other),
        ([0, 0, 0, 8, 4, 210, 22, 47], .postgresTLS), ([0, 0, 0, 8, 4, 210, 22, 48], .postgresGSS),
        ([0, 0, 0, 8, 4, 210, 22, 49], .other), ([22, 2], .other), ([0, 1], .other), (Array(" GET".utf8), .other),
        (Array("\r\n".utf8), .other), (Array("*1\r\n$4\r\nPING\r\n".utf8), .other),
        (Array(String(repeating: "A", count: 24).utf8), .other), (Array("SUPERCALIFRAGILISTICEXP ".utf8), .http1),
    ]

    @Test("each is recognised, whichever way the bytes are cut", arguments: beginnings)
    func recognised(_ bytes: [UInt8], _ wanted: Preface) {
        var first: Preface?
        for end in 0...bytes.count {
            let found = Preface(bytes.span.extracting(0..<end))
            if let first { #expect(found == first, "\(end) bytes") } else { first = found }
        }
        #expect(first == wanted)
        #expect(Preface((bytes + [UInt8](repeating: 65, count: 40)).span) == wanted)
    }

    @Test("nothing is undecided once the limit is reached", arguments: 0..<20 as Range<UInt64>)
    func limit(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for (bytes, _) in Self.beginnings {
            var noise = bytes
            noise[Int.random(in: noise.indices, using: &random)] = .random(in: 0...255, using: &random)
            while noise.count < Preface.limit { noise.append(.random(in: 0...255, using: &random)) }
            #expect(Preface(noise.span) != nil, "seed \(seed), \(noise)")
        }
    }
}
