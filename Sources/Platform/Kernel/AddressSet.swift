import Bytes

/// The addresses that share a prefix (CIDR, RFC 4632 and RFC 4291 §2.3), of IPv4 or of IPv6.
public struct AddressRange: Equatable, Sendable {
    let isIPv4: Bool
    let first: UInt128
    let last: UInt128

    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address alone, which is a range of one; `nil` for anything else.
    /// Bits behind the prefix do not count. An IPv6 range inside `::ffff:0:0/96` is the range of IPv4 it stands for.
    public init?(text: String) {
        guard let prefix = AddressPrefix(text) else { return nil }
        (isIPv4, first, last) = (prefix.isIPv4, prefix.first, prefix.last)
    }
}

/// Addresses known by their ranges. Asking costs one comparison for each doubling of the number of ranges, and no
/// allocation.
public struct AddressSet: Equatable, Sendable {
    /// Sorted, apart from each other.
    private var ipv4: [AddressRange] = []
    private var ipv6: [AddressRange] = []

    /// Contains nobody.
    public init() {}

    public init(_ ranges: some Sequence<AddressRange>) {
        let sorted = ranges.sorted { ($0.first, $0.last) < ($1.first, $1.last) }
        ipv4 = Self.joined(sorted.filter(\.isIPv4))
        ipv6 = Self.joined(sorted.filter { !$0.isIPv4 })
    }

    public var isEmpty: Bool { ipv4.isEmpty && ipv6.isEmpty }

    /// Whether one of the ranges holds the address. An IPv4 address written as IPv6 is looked for among those of IPv4.
    public func contains(_ address: SocketAddress) -> Bool {
        let (value, isIPv4) = address.number
        return isIPv4 ? Self.holds(ipv4, value) : Self.holds(ipv6, value)
    }

    private static func holds(_ ranges: [AddressRange], _ value: UInt128) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low &+ high) / 2
            if ranges[middle].last < value { low = middle &+ 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].first <= value
    }

    /// Ranges that overlap become one, so that the first that does not end before an address decides.
    private static func joined(_ sorted: [AddressRange]) -> [AddressRange] {
        var joined: [AddressRange] = []
        for range in sorted {
            if let last = joined.last, range.first <= last.last {
                if range.last > last.last { joined[joined.count - 1] = AddressRange(joining: last, range) }
            } else {
                joined.append(range)
            }
        }
        return joined
    }
}

extension AddressRange {
    fileprivate init(joining one: AddressRange, _ other: AddressRange) {
        isIPv4 = one.isIPv4
        first = min(one.first, other.first)
        last = max(one.last, other.last)
    }
}
