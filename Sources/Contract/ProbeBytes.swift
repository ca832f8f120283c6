/// Bytes as people write them into a configuration: text with `\n`, `\r`, `\t`, `\\` and `\xNN`, or `hex:` and an even
/// number of hexadecimal digits, with spaces between pairs where they help.
public struct ProbeBytes: Hashable, Sendable {
    public let written: String
    public let bytes: [UInt8]

    public init(_ written: String) throws(OptionFault) {
        self.written = written
        let text = Array(written.utf8)
        let read = written.hasPrefix("hex:") ? Self.hexadecimal(text.dropFirst(4)) : Self.escaped(text[...])
        guard let read else {
            throw OptionFault(
                found: "found \"\(written.prefix(80))\"",
                wanted: "wanted text with \\n, \\r, \\t, \\\\ or \\xNN in it, or \"hex:\" and pairs of digits")
        }
        bytes = read
    }

    private static func hexadecimal(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let digits = text.filter { $0 != UInt8(ascii: " ") }.map(value)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[place], let low = digits[place + 1] else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func escaped(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "n"): bytes.append(0x0a)
            case UInt8(ascii: "r"): bytes.append(0x0d)
            case UInt8(ascii: "t"): bytes.append(0x09)
            case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "x"):
                guard let high = rest.popFirst().flatMap(value), let low = rest.popFirst().flatMap(value) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            case _: return nil
            }
        }
        return bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case _: nil
        }
    }
}

extension ProbeBytes: Codable {
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        let written = try value.decode(String.self)
        do throws(OptionFault) {
            try self.init(written)
        } catch {
            throw DecodingError.dataCorruptedError(in: value, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(written)
    }
}
