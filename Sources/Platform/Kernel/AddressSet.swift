public import Bytes

/// Addresses known by their prefixes. Asking costs one comparison for each doubling of the number of ranges, and no
/// allocation.
public struct AddressSet: Equatable, Sendable {
    /// Sorted, apart from each other.
    private var ipv4: [ClosedRange<UInt128>] = []
    private var ipv6: [ClosedRange<UInt128>] = []

    /// Contains nobody.
    public init() {}

    public init(_ prefixes: some Sequence<AddressPrefix>) {
        let sorted = prefixes.sorted { ($0.first, $0.last) < ($1.first, $1.last) }
        ipv4 = Self.joined(sorted.filter(\.isIPv4))
        ipv6 = Self.joined(sorted.filter { !$0.isIPv4 })
    }

    public var isEmpty: Bool { ipv4.isEmpty && ipv6.isEmpty }

    /// Whether one of the ranges holds the address. An IPv4 address written as IPv6 is looked for among those of IPv4.
    public func contains(_ address: SocketAddress) -> Bool {
        let (value, isIPv4) = address.number
        return isIPv4 ? Self.holds(ipv4, value) : Self.holds(ipv6, value)
    }

    private static func holds(_ ranges: [ClosedRange<UInt128>], _ value: UInt128) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low &+ high) / 2
            if ranges[middle].upperBound < value { low = middle &+ 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= value
    }

    /// Ranges that overlap become one, so that the first that does not end before an address decides.
    private static func joined(_ sorted: [AddressPrefix]) -> [ClosedRange<UInt128>] {
        var joined: [ClosedRange<UInt128>] = []
        for prefix in sorted {
            if let last = joined.last, prefix.first <= last.upperBound {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, prefix.last)
            } else {
                joined.append(prefix.first...prefix.last)
            }
        }
        return joined
    }
}
