import HTTP
import HTTP1

/// A response head reads the same however it is cut, and what is accepted is what the grammar allows.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzResponse(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // An unfinished line would leave open when its fault is told.
    let bytes = unsafe input(start, count) + [13, 10, 13, 10]
    let limits = HeadLimits(headBytes: 2048, fieldCount: 24)
    var cuts = Cuts(for: bytes)
    let method: Method = cuts.number(below: 4) == 0 ? .head : .get
    let whole = readResponse(bytes, to: method, limits: limits)

    let positions = cuts.positions(in: bytes.count)
    expect(
        readResponse(bytes, to: method, cuts: positions, limits: limits) == whole, "cut at \(positions): not \(whole)")
    expect(
        readResponse(bytes, to: method, cuts: Array(0..<bytes.count), limits: limits) == whole,
        "byte by byte: not \(whole)")

    switch whole {
    case .incomplete, .refused: break
    case .complete(let head):
        let end = head.byteCount
        expect(end <= limits.headBytes && head.fields.count <= limits.fieldCount, "over a limit: \(head)")
        expect(
            readResponse(Array(bytes.prefix(end)), to: method, limits: limits) == whole, "needs bytes behind its end")
        expect(
            readResponse(Array(bytes.prefix(end - 1)), to: method, limits: limits) == .incomplete,
            "complete before its end")
        expectWellFormed(bytes.prefix(end))
        expect((100...999).contains(head.status), "status: \(head)")
        let isBodiless = head.status < 200 || head.status == 204 || head.status == 304 || method == .head
        expect((head.framing == .none) == isBodiless, "framing: \(head)")
        expect(head.framing != .untilClose || !head.keepAlive, "kept without an end: \(head)")
    }
    return 0
}
