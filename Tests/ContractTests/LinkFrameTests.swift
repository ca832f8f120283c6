import Contract
import Testing

@Suite("Frames of the Link")
struct LinkFrameTests {
    private func read(_ reader: inout LinkFrameReader) throws -> [[UInt8]] {
        var payloads: [[UInt8]] = []
        while let payload = try reader.next() { payloads.append(Array(payload)) }
        return payloads
    }

    private let payloads: [[UInt8]] = [
        [], [1], Array("hello".utf8), [], Array(repeating: 0, count: 300), [0, 0, 0, 1],
    ]

    private var stream: [UInt8] {
        payloads.flatMap { [0, 0, UInt8($0.count >> 8), UInt8($0.count & 255)] + $0 }
    }

    @Test("wherever the bytes are cut, the payloads are the same")
    func cuts() throws {
        let stream = stream
        for cut in 0...stream.count {
            var reader = LinkFrameReader()
            reader.append(stream[..<cut])
            var found = try read(&reader)
            reader.append(stream[cut...])
            found += try read(&reader)
            #expect(found == payloads, "cut at \(cut)")
        }
    }

    @Test("byte by byte, and in pieces of any size", arguments: 1...20)
    func pieces(_ size: Int) throws {
        var reader = LinkFrameReader()
        var found: [[UInt8]] = []
        var rest = stream[...]
        while !rest.isEmpty {
            reader.append(rest.prefix(size))
            rest = rest.dropFirst(size)
            found += try read(&reader)
        }
        #expect(found == payloads)
    }

    @Test("payloads taken and kept stay what they were")
    func kept() throws {
        var reader = LinkFrameReader()
        reader.append(stream)
        var slices: [ArraySlice<UInt8>] = []
        while let payload = try reader.next() { slices.append(payload) }
        reader.append(stream)
        #expect(slices.map(Array.init) == payloads)
        #expect(try read(&reader) == payloads)
    }

    @Test("frames that straddle every read are read on and on")
    func straddling() throws {
        var reader = LinkFrameReader()
        let frame: [UInt8] = [0, 0, 0, 3, 7, 8, 9]
        reader.append(frame.prefix(5))
        for _ in 0..<20_000 {
            reader.append(frame.suffix(2) + frame.prefix(5))
            #expect(try reader.next().map(Array.init) == [7, 8, 9])
            #expect(try reader.next() == nil)
        }
    }

    @Test("a payload beyond the limit is refused by its length alone, and again when asked again")
    func limit() throws {
        func header(_ length: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) } }
        for length in [LinkFrame.payloadLimit - 1, LinkFrame.payloadLimit] {
            var reader = LinkFrameReader()
            reader.append(header(length))
            #expect(try reader.next() == nil)
        }
        for length in [LinkFrame.payloadLimit + 1, Int(UInt32.max)] {
            var reader = LinkFrameReader()
            reader.append([0, 0, 0, 1, 42] + header(length))
            #expect(try reader.next() == [42])
            #expect(throws: LinkFrame.Failure.tooLarge(length)) { try reader.next() }
            #expect(throws: LinkFrame.Failure.tooLarge(length)) { try reader.next() }
        }
    }

    @Test("what is encoded is one frame")
    func encoded() throws {
        var reader = LinkFrameReader()
        reader.append(try LinkFrame.encode(Downward.welcome(version: 5)))
        let payload = try #require(try reader.next())
        #expect(try LinkFrame.decode(Downward.self, from: payload) == .welcome(version: 5))
        #expect(try reader.next() == nil)
    }
}
