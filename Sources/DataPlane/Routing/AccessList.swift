import Bytes

/// A network as it is written, or one address: IPv4 is kept apart from IPv6, and `::ffff:a.b.c.d` is IPv4 (RFC 4291
/// §2.5.5.2), because that is how a socket for both tells of an IPv4 client.
struct Network: Hashable {
    /// Of sixteen bytes; IPv4 as `::ffff:0:0/96` has it.
    var start: UInt128
    /// 0 to 128.
    var length: Int

    static let ipv4 = Network(start: 0xffff_0000_0000, length: 96)

    var isIPv4: Bool { length >= 96 && start >> 32 == 0xffff }
    var last: UInt128 { length == 0 ? .max : start | ((UInt128(1) << UInt128(128 - length)) &- 1) }

    init(start: UInt128, length: Int) {
        self.start = start
        self.length = length
    }

    init(_ text: String) throws(RuleFault) {
        guard let prefix = AddressPrefix(text) else {
            let wanted = "wanted an address or a network such as 10.0.0.0/8 or 2001:db8::/32"
            throw RuleFault(message: "network \"\(text)\": \(wanted)")
        }
        guard !prefix.hasHostBits else {
            throw RuleFault(message: "network \"\(text)\": has bits set behind its prefix, wanted them zero")
        }
        start = prefix.isIPv4 ? Self.ipv4.start | prefix.first : prefix.first
        length = prefix.isIPv4 ? prefix.length + 96 : prefix.length
    }
}

/// From this address on, up to the next boundary's, all are let in or none.
struct AddressBoundary: BitwiseCopyable, Sendable, Equatable {
    var high: UInt64
    var low: UInt64
    var isAllowed: Bool

    var start: UInt128 { UInt128(high) << 64 | UInt128(low) }

    init(_ start: UInt128, isAllowed: Bool) {
        high = UInt64(truncatingIfNeeded: start >> 64)
        low = UInt64(truncatingIfNeeded: start)
        self.isAllowed = isAllowed
    }
}

/// Who is let in, as ranges of addresses: looked up by halving, however many networks were written.
struct AccessList: Sendable {
    /// Ordered; the first starts at zero. Empty when nothing was written: everybody is let in.
    let boundaries: [AddressBoundary]

    /// The longest prefix that holds an address decides; without one, only an empty `allow` lets it in.
    init(allow: [String], deny: [String]) throws(RuleFault) {
        guard !allow.isEmpty || !deny.isEmpty else {
            boundaries = []
            return
        }
        let standard = allow.isEmpty
        var verdicts: [Network: Bool] = [:]
        for text in allow { verdicts[try Network(text)] = true }
        for text in deny {
            guard verdicts.updateValue(false, forKey: try Network(text)) != true else {
                throw RuleFault(message: "network \"\(text)\": found in \"allow\" and in \"deny\", wanted in one")
            }
        }
        // `::/0` speaks of IPv6 alone, though IPv4 lies inside of it here.
        if verdicts[.ipv4] == nil { verdicts[.ipv4] = standard }
        boundaries = Self.flatten(verdicts, standard: standard)
    }

    private static func flatten(_ verdicts: [Network: Bool], standard: Bool) -> [AddressBoundary] {
        var boundaries: [AddressBoundary] = []
        func begin(_ start: UInt128, _ isAllowed: Bool) {
            if boundaries.last?.start == start { boundaries.removeLast() }
            if boundaries.last?.isAllowed == isAllowed { return }
            boundaries.append(AddressBoundary(start, isAllowed: isAllowed))
        }
        begin(0, standard)
        // The networks around the place that was come to: two of them are either apart or one holds the other.
        var around: [(last: UInt128, isAllowed: Bool)] = []
        func leave(before start: UInt128?) {
            while let inner = around.last, start.map({ inner.last < $0 }) ?? true {
                around.removeLast()
                guard inner.last < .max else { continue }
                begin(inner.last + 1, around.last?.isAllowed ?? standard)
            }
        }
        for (network, isAllowed) in verdicts.sorted(by: {
            ($0.key.start, $0.key.length) < ($1.key.start, $1.key.length)
        }) {
            leave(before: network.start)
            begin(network.start, isAllowed)
            around.append((network.last, isAllowed))
        }
        leave(before: nil)
        return boundaries
    }
}
