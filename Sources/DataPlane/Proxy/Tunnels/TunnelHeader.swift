import Bytes
import Engine
import Kernel
import ProxyProtocol
import Routing
import TLS

// What an endpoint is told before the client's bytes: for whom the connection is (PROXY protocol), and, in the words of
// PostgreSQL, that it is to speak TLS.

extension Worker {
    /// The buffer that the upstream gets first; empty where it is told nothing.
    func headOfTunnel(_ index: UInt32) -> Buffer {
        let view = tables[Int(exchanges[index].table)].view
        let transport = view.transport(of: view.route(RouteID(number: exchanges[index].route)))
        let client = exchanges[index].client
        let output = buffers.take(transport.header == .version2 ? .normal : .small)
        if transport.header != .none { appendHeader(transport.header, of: client, to: output) }
        if asksUpstreamTLS(index, transport) {
            for byte in Self.postgresTLSQuestion.indices { output.append(Self.postgresTLSQuestion[byte]) }
        }
        return output
    }

    private func appendHeader(_ header: RouteTransport.SentHeader, of client: UInt32, to output: Buffer) {
        let source = ProxiedAddress(connections[client].peer)
        let destination = Socket.localAddress(connections[client].socket).map { ProxiedAddress($0) }
        switch header {
        case .none: break
        case .version1: output.append(proxyHeader1: source, to: destination)
        case .version2:
            let extensions = buffers.take(.normal)
            appendExtensions(of: client, to: extensions)
            output.append(proxyHeader2: source, to: destination, extensions: extensions.readable)
            buffers.give(extensions)
        }
    }

    /// Whether the endpoint is asked for TLS in the client's words. Where TLS was taken off it gets what is inside,
    /// unless it is to have TLS of its own.
    func asksUpstreamTLS(_ index: UInt32, _ transport: RouteTransport) -> Bool {
        let client = exchanges[index].client
        return connections[client].asksTLS && !connections[client].isGreeted
            && (connections[client].session == nil || transport.originates)
    }

    /// SSLRequest.
    private static let postgresTLSQuestion: InlineArray<8, UInt8> = [0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F]

    /// What version 2 can say: the name that the client asked for, the protocol it agreed on with us, a number for the
    /// connection, and what TLS it speaks with us.
    private func appendExtensions(of client: UInt32, to output: Buffer) {
        requestIDs.advance()
        _ = output.append(proxyExtension: .uniqueID, requestIDs.current)
        if let name = serverNames[client] {
            _ = output.append(proxyExtension: .authority, name.span)
        } else if let session = connections[client].session, !session.serverName.isEmpty {
            _ = output.append(proxyExtension: .authority, session.serverName)
        }
        guard let session = connections[client].session else { return }
        if !session.agreedProtocol.isEmpty {
            _ = output.append(proxyExtension: .applicationProtocol, session.agreedProtocol)
        }
        let parts = buffers.take(.small)
        let version: StaticString = session.negotiatedVersion == 0x0304 ? "TLSv1.3" : "TLSv1.2"
        let text = buffers.take(.small)
        text.append(version)
        _ = parts.append(proxyTLSFact: .version, text.readable)
        buffers.give(text)
        _ = parts.append(proxyTLSFact: .cipher, session.cipherName)
        _ = output.append(proxyTLS: .tls, parts: parts.readable)
        buffers.give(parts)
    }
}

extension ProxiedAddress {
    init(_ address: SocketAddress) {
        switch address.family {
        case .ipv4: self = .ipv4(address.ipv4, port: address.port)
        case .ipv6:
            let (high, low) = address.ipv6
            self = .ipv6(UInt128(high) << 64 | UInt128(low), port: address.port)
        }
    }
}
