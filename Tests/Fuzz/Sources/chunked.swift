import HTTP
import HTTP1

/// A chunked body reads the same however it is cut, and has no more data than bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzChunked(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe input(start, count)
    let whole = readBody(bytes, .chunked)

    var cuts = Cuts(for: bytes)
    let positions = cuts.positions(in: bytes.count)
    expect(readBody(bytes, .chunked, cuts: positions) == whole, "cut at \(positions): not \(whole)")
    expect(readBody(bytes, .chunked, cuts: Array(0..<bytes.count)) == whole, "byte by byte: not \(whole)")

    switch whole.outcome {
    case .refused: break
    case .wantsMore: expect(whole.consumed == bytes.count, "left bytes and wants more: \(whole)")
    case .ended:
        expect(whole.data.count + 5 <= whole.consumed && whole.consumed <= bytes.count, "data from nowhere: \(whole)")
        expect(bytes.prefix(whole.consumed).suffix(2).elementsEqual([13, 10]), "does not end with CRLF")
        let ended = Array(bytes.prefix(whole.consumed))
        expect(readBody(ended, .chunked) == whole, "needs bytes behind its end")
        expect(readBody(Array(ended.dropLast()), .chunked).outcome == .wantsMore, "ended before its end")
        // Forwarded in one chunk, it is the same body.
        let size = String(whole.data.count, radix: 16)
        if !whole.data.isEmpty {
            let again = Array("\(size)\r\n".utf8) + whole.data + Array("\r\n0\r\n\r\n".utf8)
            expect(readBody(again, .chunked).data == whole.data, "reads differently once forwarded")
        }
    }
    return 0
}
