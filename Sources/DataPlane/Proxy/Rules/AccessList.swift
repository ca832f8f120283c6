import Engine
import Kernel
import Routing

// Who may ask: by the client's address, or by that which a trusted proxy speaks for. No other request can change it.

extension Worker {
    /// Whether the client is let in; if not, it was answered.
    func admits(_ index: UInt32, _ options: RouteOptions) -> Bool {
        let address = clientAddress(index)
        let view = tables[Int(exchanges[index].table)].view
        if view.admits(options, high: address.high, low: address.low) { return true }
        answer(index, .denied)
        return false
    }

    /// As sixteen bytes, IPv4 as `::ffff:a.b.c.d`, whichever kind of socket the client came to (RFC 4291 §2.5.5.2).
    func clientAddress(_ index: UInt32) -> (high: UInt64, low: UInt64) {
        exchanges[index].asker.words
    }
}

extension SocketAddress {
    /// Sixteen bytes, IPv4 as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2).
    var words: (high: UInt64, low: UInt64) {
        switch family {
        case .ipv4: (0, 0xffff_0000_0000 | UInt64(ipv4))
        case .ipv6: ipv6
        }
    }
}
