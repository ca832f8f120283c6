import HTTP
import HTTP1
import Testing

@Suite("Bodies with a length, and without one")
struct BodyDecoderTests {
    @Test("no body ends at once, and once")
    func none() {
        for framing in [BodyFraming.none, .length(0)] {
            var decoder = BodyDecoder(framing)
            let bytes = Array("GET /".utf8)
            #expect(decoder.isFinished && decoder.remaining == 0)
            #expect(decoder.next(bytes.span) == .end(consumed: 0))
            #expect(decoder.next(bytes.span) == .needMore(consumed: 0))
            #expect(decoder.isFinished)
            #expect(decoder.endOfStream() == true)
        }
    }

    @Test("a length is counted down, and what follows is left")
    func length() {
        var decoder = BodyDecoder(.length(5))
        let bytes = Array("abcdefgh".utf8)
        #expect(decoder.next(bytes.span.extracting(0..<0)) == .needMore(consumed: 0))
        #expect(decoder.next(bytes.span.extracting(0..<2)) == .data(offset: 0, count: 2, consumed: 2))
        #expect(decoder.remaining == 3 && !decoder.isFinished)
        #expect(decoder.next(bytes.span.extracting(2..<8)) == .data(offset: 0, count: 3, consumed: 3))
        #expect(decoder.remaining == 0 && decoder.isFinished)
        #expect(decoder.next(bytes.span.extracting(5..<8)) == .end(consumed: 0))
        #expect(decoder.next(bytes.span.extracting(5..<8)) == .needMore(consumed: 0))
    }

    @Test("the greatest length does not overflow")
    func greatest() {
        var decoder = BodyDecoder(.length(UInt64(Int64.max)))
        let bytes = Array("abc".utf8)
        #expect(decoder.next(bytes.span) == .data(offset: 0, count: 3, consumed: 3))
        #expect(decoder.remaining == UInt64(Int64.max) - 3)
        #expect(decoder.endOfStream() == false)
    }

    @Test("without a length the body lasts until the peer closes")
    func untilClose() {
        var decoder = BodyDecoder(.untilClose)
        let bytes = Array("abc".utf8)
        #expect(decoder.next(bytes.span) == .data(offset: 0, count: 3, consumed: 3))
        #expect(!decoder.isFinished && decoder.remaining == nil)
        #expect(decoder.next(bytes.span.extracting(0..<0)) == .needMore(consumed: 0))
        #expect(decoder.endOfStream() == true)
        #expect(decoder.isFinished)
    }

    @Test("a body that is cut short by the peer is not whole (RFC 9112 §8)")
    func cutShort() {
        for text in ["", "5", "5\r\nab", "5\r\nabcde\r\n", "0\r\n", "0\r\nA: b\r\n", "0\r\n\r"] {
            var decoder = BodyDecoder(.chunked)
            var left = Array(text.utf8)[...]
            while case .data(_, _, let consumed) = decoder.next(Array(left).span) { left = left.dropFirst(consumed) }
            #expect(decoder.endOfStream() == false, "\(text.debugDescription)")
        }
        var decoder = BodyDecoder(.length(1))
        #expect(decoder.endOfStream() == false)
    }

    @Test("one direction of an exchange costs few bytes")
    func size() {
        #expect(MemoryLayout<BodyDecoder>.size <= 48)
    }
}
