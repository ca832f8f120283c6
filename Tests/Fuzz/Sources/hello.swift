import Preface

/// A ClientHello reads the same however it is cut, and so does what a connection begins with.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHello(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe input(start, count)
    let whole = readHello(bytes)

    var cuts = Cuts(for: bytes)
    let positions = cuts.positions(in: bytes.count)
    expect(readHello(bytes, cuts: positions) == whole, "cut at \(positions): not \(whole)")
    if bytes.count < 512 {
        expect(readHello(bytes, cuts: Array(0..<bytes.count)) == whole, "byte by byte: not \(whole)")
    }

    switch whole {
    case .refused, .absent, .incomplete: break
    case .complete(let hello):
        expect(hello.byteCount <= bytes.count, "more bytes than came")
        expect(readHello(Array(bytes.prefix(hello.byteCount))) == whole, "needs bytes behind its end")
        expect(hello.name.utf8.allSatisfy { $0 > 32 && $0 < 127 }, "a name with \(hello.name)")
        expect(hello.name.utf8.count <= ClientHelloLimit.name, "a name over the limit")
    }

    let preface = Preface(bytes.span)
    expect(preface != nil || bytes.count < Preface.limit, "undecided at the limit")
    if whole == .absent, bytes.count > 1 { expect(preface != .tls, "TLS that is none") }
    for end in 0..<min(bytes.count, Preface.limit) {
        if let early = Preface(bytes.span.extracting(0..<end)) { expect(early == preface, "\(early) at \(end)") }
    }
    return 0
}
