import ProxyProtocol

/// What a reader that gets the bytes in pieces, each ending at one of `cuts`, comes to.
func readHeader(_ bytes: [UInt8], cuts: [Int] = []) -> ProxyHeaderProgress {
    for cut in cuts {
        let progress = parseProxyHeader(bytes.span.extracting(0..<cut))
        if progress != .incomplete { return progress }
    }
    return parseProxyHeader(bytes.span)
}

/// A header of version 2 whose length may lie.
func version2(_ command: UInt8, _ family: UInt8, _ rest: [UInt8], length: Int? = nil) -> [UInt8] {
    let count = length ?? rest.count
    let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]
    return signature + [command, family, UInt8(count >> 8), UInt8(count & 255)] + rest
}

/// PROXY, TCP over IPv4.
func version2(_ rest: [UInt8], length: Int? = nil) -> [UInt8] { version2(0x21, 0x11, rest, length: length) }

/// 192.0.2.1:4711 to 198.51.100.1:443
let addresses4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xBB]

/// 2001:db8::1 port 4711 to 2001:db8::2 port 443
let addresses6: [UInt8] =
    [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
    + [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [2] + [0x12, 0x67, 0x01, 0xBB]

func tlv(_ type: UInt8, _ value: [UInt8]) -> [UInt8] {
    [type, UInt8(value.count >> 8), UInt8(value.count & 255)] + value
}
