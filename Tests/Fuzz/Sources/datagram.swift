import ProxyProtocol

/// A PROXY protocol header in front of a datagram is there, is not, or is refused; never half. What is behind it
/// changes nothing, and a connection's reader finds the same header or says that it is a datagram's.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDatagram(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe input(start, count)
    let whole = parseProxyDatagram(bytes.span)
    switch whole {
    case .incomplete: expect(false, "more was wanted of a datagram")
    case .absent:
        expect(readHeader(Array(bytes.prefix(12))) != .incomplete || bytes.count < 12 || bytes[0] == 0x50, "overlooked")
    case .refused: break
    case .complete(let header):
        expect(header.byteCount <= min(bytes.count, ProxyHeaderLimit.version2), "more than there is: \(header)")
        expect((header.source == nil) == (header.destination == nil), "half of a way: \(header)")
        expect(parseProxyDatagram(Array(bytes.prefix(header.byteCount)).span) == whole, "needs bytes behind its end")
        expect(
            header.byteCount == 0 || parseProxyDatagram(Array(bytes.prefix(header.byteCount - 1)).span) != whole,
            "complete before its end")
        let asStream = readHeader(bytes)
        expect(asStream == whole || asStream == .refused(.datagrams), "a connection reads \(asStream)")
    }
    return 0
}
