// Which media types a rule compresses.

extension RouteView {
    /// Whether a `Content-Type` (RFC 9110 §8.3.1) is one of those, whatever its parameters are.
    public func compresses(_ value: Span<UInt8>, _ options: RouteOptions) -> Bool {
        var count = 0
        while count < value.count, value[count] != UInt8(ascii: ";"), value[count] > 0x20 { count &+= 1 }
        let types = text(options.gzipTypes)
        var place = 0
        // Each: its length in one byte, and the type in lower case, without the "*" at its end.
        while place < types.count {
            let length = Int(types[place])
            let type = types.extracting((place &+ 1)..<(place &+ 1 &+ length))
            place = place &+ 1 &+ length
            let isKind = type[length &- 1] == UInt8(ascii: "/")
            if isKind ? count > length : count == length, begins(value, with: type) { return true }
        }
        return false
    }

    private func begins(_ value: Span<UInt8>, with type: Span<UInt8>) -> Bool {
        for place in 0..<type.count {
            let byte = value[place]
            let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            guard lower == type[place] else { return false }
        }
        return true
    }
}
