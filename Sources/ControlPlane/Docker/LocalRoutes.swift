import FoundationEssentials

/// The networks that this host reaches without asking a gateway for the rest of the world: its interfaces' own networks
/// and its static routes, but no default route.
public struct LocalRoutes: Equatable, Sendable {
    struct Network: Equatable, Sendable {
        /// 4 or 16 bytes.
        var address: [UInt8]
        var prefixLength: Int
        var interface: String

        func contains(_ other: [UInt8]) -> Bool {
            guard other.count == address.count else { return false }
            for index in address.indices {
                let bits = min(max(prefixLength - index * 8, 0), 8)
                let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - bits))
                guard address[index] & mask == other[index] & mask else { return false }
            }
            return true
        }
    }

    var networks: [Network]

    /// The interface that leads to `address` (an IP literal), or `nil` when only a default route would.
    public func interface(to address: String) -> String? {
        guard let bytes = IPLiteral.bytes(address) else { return nil }
        return networks.filter { $0.contains(bytes) }.max { $0.prefixLength < $1.prefixLength }?.interface
    }

    /// As the kernel tells now, or `nil` where it does not (no `/proc`): then nothing is known about reach.
    public static func current() -> LocalRoutes? {
        guard let four = text(of: "/proc/net/route") else { return nil }
        return LocalRoutes(route: four, route6: text(of: "/proc/net/ipv6_route") ?? "")
    }

    private static func text(of path: String) -> String? {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    /// From the texts of `/proc/net/route` and `/proc/net/ipv6_route`; lines of another form are passed over.
    init(route: String, route6: String) {
        networks =
            route.split(separator: "\n").dropFirst().compactMap(Self.network(four:))
            + route6.split(separator: "\n").compactMap(Self.network(six:))
    }

    /// `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, numbers in hexadecimal, addresses as the host keeps
    /// them in memory: the least significant byte first.
    private static func network(four line: Substring) -> Network? {
        let fields = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
        guard fields.count >= 8, let destination = UInt32(fields[1], radix: 16),
            let flags = UInt32(fields[3], radix: 16),
            let mask = UInt32(fields[7], radix: 16), mask != 0, isUsable(flags)
        else { return nil }
        return Network(
            address: [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: destination >> $0) },
            prefixLength: mask.nonzeroBitCount, interface: String(fields[0]))
    }

    /// `Destination PrefixLength Source PrefixLength NextHop Metric RefCnt Use Flags Iface`, in hexadecimal.
    private static func network(six line: Substring) -> Network? {
        let fields = line.split(separator: " ")
        guard fields.count >= 10, let bytes = hexadecimal(fields[0]), bytes.count == 16,
            let length = Int(fields[1], radix: 16), (1...128).contains(length),
            let flags = UInt32(fields[8], radix: 16),
            isUsable(flags)
        else { return nil }
        return Network(address: bytes, prefixLength: length, interface: String(fields[9]))
    }

    /// RTF_UP without RTF_REJECT.
    private static func isUsable(_ flags: UInt32) -> Bool { flags & 0x1 != 0 && flags & 0x200 == 0 }

    private static func hexadecimal(_ text: Substring) -> [UInt8]? {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
