import Preface

/// The first packets of MySQL are the same however they are cut: an answer that was given stands.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMySQL(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe input(start, count)
    let (client, server) = (MySQL.clientWord(bytes.span), MySQL.serverWord(bytes.span))
    for end in 0..<min(bytes.count, 1_200) {
        let early = MySQL.clientWord(bytes.span.extracting(0..<end))
        expect(early == .incomplete || early == client, "\(early) at \(end), then \(client)")
        let earlier = MySQL.serverWord(bytes.span.extracting(0..<end))
        expect(earlier == .incomplete || earlier == server, "\(earlier) at \(end), then \(server)")
    }
    switch server {
    case .greets(let count, _), .refuses(let count): expect(count <= bytes.count, "more bytes than came")
    case .incomplete: expect(bytes.count < MySQL.headerBytes + MySQL.greetingLimit, "undecided at the limit")
    case .malformed: break
    }
    if client == .incomplete { expect(bytes.count < MySQL.requestBytes, "undecided at the limit") }
    return 0
}
