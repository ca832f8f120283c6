import ProxyProtocol

/// A PROXY protocol header reads the same however it is cut, and has the bytes it says and no others.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzProxy(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe input(start, count)
    let whole = readHeader(bytes)

    var cuts = Cuts(for: bytes)
    let positions = cuts.positions(in: bytes.count)
    expect(readHeader(bytes, cuts: positions) == whole, "cut at \(positions): not \(whole)")
    expect(readHeader(bytes, cuts: Array(0..<bytes.count)) == whole, "byte by byte: not \(whole)")

    switch whole {
    case .refused, .absent: break
    case .incomplete: expect(bytes.count < ProxyHeaderLimit.any, "incomplete at the limit")
    case .complete(let header):
        let end = header.byteCount
        let isText = bytes.first == UInt8(ascii: "P")
        expect(end <= bytes.count, "more bytes than came")
        expect(end <= (isText ? ProxyHeaderLimit.version1 : ProxyHeaderLimit.version2), "over the limit: \(header)")
        expect(readHeader(Array(bytes.prefix(end))) == whole, "needs bytes behind its end")
        expect(readHeader(Array(bytes.prefix(end - 1))) == .incomplete, "complete before its end")
        expect((header.source == nil) == (header.destination == nil), "half of a way: \(header)")
        if isText { expect(bytes.prefix(end).suffix(2).elementsEqual([13, 10]), "does not end with CRLF") }
    }
    return 0
}
