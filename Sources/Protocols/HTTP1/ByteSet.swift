/// A set of ASCII bytes as 128 bits; a test is a shift and no memory is read.
struct ByteSet {
    let low: UInt64
    let high: UInt64

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let half = byte < 64 ? low : high
        return (half &>> UInt64(byte & 63)) & 1 != 0 && byte < 128
    }

    /// `tchar` of RFC 9110 §5.6.2: letters, digits and ``!#$%&'*+-.^_`|~``.
    static var token: ByteSet { ByteSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE) }

    /// `unreserved` and `sub-delims` of RFC 3986 §2, except the comma: it is legal in a name, but no name has one, and
    /// two Host fields that somebody has joined do.
    static var regName: ByteSet { ByteSet(low: 0x2BFF_6FD2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE) }

    /// Hexadecimal digits of either case.
    static var hexDigit: ByteSet { ByteSet(low: 0x03FF_0000_0000_0000, high: 0x0000_007E_0000_007E) }
}

extension UInt8 {
    // Names for the bytes that HTTP/1 is built from.
    static var tab: UInt8 { 0x09 }
    static var lineFeed: UInt8 { 0x0A }
    static var carriageReturn: UInt8 { 0x0D }
    static var space: UInt8 { 0x20 }
    static var comma: UInt8 { 0x2C }
    static var slash: UInt8 { 0x2F }
    static var colon: UInt8 { 0x3A }
    static var semicolon: UInt8 { 0x3B }
    static var delete: UInt8 { 0x7F }

    /// OWS and BWS of RFC 9110 §5.6.3.
    @inline(__always)
    var isOptionalWhitespace: Bool { self == .space || self == .tab }

    @inline(__always)
    var isDigit: Bool { self &- 0x30 < 10 }

    /// May stand in a field value: HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5).
    @inline(__always)
    var isText: Bool { self >= .space && self != .delete || self == .tab }

    /// The value of a hexadecimal digit, or `nil` for another byte.
    @inline(__always)
    var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }
}
