import NIOCore

/// An IP address in its written form.
public enum IPLiteral {
    /// Its 4 or 16 bytes, or `nil` when `text` is no address.
    public static func bytes(_ text: String) -> [UInt8]? {
        guard let address = try? SocketAddress(ipAddress: text, port: 0) else { return nil }
        return switch address {
        case .v4: fourBytes(text)
        case .v6: sixBytes(text)
        case .unixDomainSocket: nil
        }
    }

    public static func isAddress(_ text: String) -> Bool { bytes(text) != nil }

    /// `text` with `port` as it is dialled: `192.0.2.1:80`, `[2001:db8::1]:80`.
    public static func endpoint(_ text: String, port: Int) -> String {
        text.contains(":") ? "[\(text)]:\(port)" : "\(text):\(port)"
    }

    private static func fourBytes(_ text: String) -> [UInt8]? {
        let bytes = text.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt8($0) }
        return bytes.count == 4 ? bytes : nil
    }

    /// RFC 4291 §2.2: groups of 16 bits, `::` for a run of zeros, and an IPv4 address may stand for the last two.
    private static func sixBytes(_ text: String) -> [UInt8]? {
        let plain = text.split(separator: "%", omittingEmptySubsequences: false)[0]
        let halves = plain.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
        let head = groups(halves[0])
        guard let head else { return nil }
        guard halves.count == 2 else { return head.count == 16 ? head : nil }
        guard let tail = groups(halves[1]), head.count + tail.count <= 16 else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: Substring) -> [UInt8]? {
        var bytes: [UInt8] = []
        for group in text.split(separator: ":") {
            if group.contains(".") {
                guard let four = fourBytes(String(group)) else { return nil }
                bytes += four
            } else {
                guard let value = UInt16(group, radix: 16) else { return nil }
                bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
            }
        }
        return bytes
    }
}
