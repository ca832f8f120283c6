import HTTP
import HTTP1

/// A request head reads the same however it is cut, and what is accepted is what the grammar allows.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRequest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // An unfinished line would leave open when its fault is told.
    let bytes = unsafe input(start, count) + [13, 10, 13, 10]
    let limits = HeadLimits(headBytes: 2048, fieldCount: 24, targetBytes: 256)
    let whole = readRequest(bytes, limits: limits)

    var cuts = Cuts(for: bytes)
    let positions = cuts.positions(in: bytes.count)
    expect(readRequest(bytes, cuts: positions, limits: limits) == whole, "cut at \(positions): not \(whole)")
    expect(readRequest(bytes, cuts: Array(0..<bytes.count), limits: limits) == whole, "byte by byte: not \(whole)")

    switch whole {
    case .incomplete: break
    case .refused(let error): expect((400...505).contains(error.status), "status of \(error)")
    case .complete(let head):
        let end = head.byteCount
        expect(end <= limits.headBytes && head.fields.count <= limits.fieldCount, "over a limit: \(head)")
        expect(readRequest(Array(bytes.prefix(end)), limits: limits) == whole, "needs bytes behind its end")
        expect(readRequest(Array(bytes.prefix(end - 1)), limits: limits) == .incomplete, "complete before its end")
        expectWellFormed(bytes.prefix(end))
        expect(!head.host.isEmpty || head.version == .http10, "no host: \(head)")
        expect(head.framing != .untilClose, "a request until close")
        expect(!head.target.isEmpty && !head.target.contains(" "), "target: \(head)")
        let lengths = head.fields.filter { $0.known == .contentLength }
        let codings = head.fields.filter { $0.known == .transferEncoding }
        expect(lengths.count + codings.count <= 1, "two framings: \(head)")
        switch head.framing {
        case .none: expect(lengths.isEmpty && codings.isEmpty, "framing: \(head)")
        case .length: expect(lengths.count == 1, "framing: \(head)")
        case .chunked: expect(codings.count == 1, "framing: \(head)")
        case .untilClose: break
        }
        for field in head.fields {
            expect(!field.name.isEmpty && !field.name.contains(" ") && !field.name.contains(":"), "\(field)")
            let known = "\(field.known.name)"
            expect(known.isEmpty || known == field.name.lowercased(), "\(field)")
        }
    }
    return 0
}
