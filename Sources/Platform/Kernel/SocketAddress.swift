import CLinux

/// An IPv4 or IPv6 address with a port; trivial, 24 bytes.
public struct SocketAddress: Equatable, Hashable, Sendable, BitwiseCopyable {
    public enum Family: UInt8, Sendable, BitwiseCopyable { case ipv4 = 4, ipv6 = 6 }

    public var family: Family
    public var port: UInt16
    var scope: UInt32 = 0
    var high: UInt64
    var low: UInt64

    public init(ipv4: UInt32, port: UInt16) {
        family = .ipv4
        self.port = port
        high = 0
        low = UInt64(ipv4)
    }

    /// The address's sixteen bytes as two numbers, the more significant first.
    public init(ipv6High: UInt64, low: UInt64, port: UInt16) {
        family = .ipv6
        self.port = port
        high = ipv6High
        self.low = low
    }

    public var ipv4: UInt32 { UInt32(truncatingIfNeeded: low) }
    public var ipv6: (high: UInt64, low: UInt64) { (high, low) }

    init(_ raw: kl_address) {
        family = raw.family == 6 ? .ipv6 : .ipv4
        port = raw.port
        scope = raw.scope
        high = raw.high
        low = raw.low
    }

    var raw: kl_address { kl_address(high: high, low: low, scope: scope, port: port, family: family.rawValue) }
}
