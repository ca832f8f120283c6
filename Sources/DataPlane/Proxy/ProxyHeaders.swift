import Bytes
import Contract
import Engine
import Kernel
import ProxyProtocol
import TLS
import Telemetry

// The PROXY protocol header that a trusted client sends before anything else: for whom it opened the connection. From
// then on that is the peer, for forwarding, for records, and for whether it is trusted.

extension Worker {
    /// Looks at what has come without taking it out of the socket, and takes out the header's bytes alone: what follows
    /// is for TLS, which reads the socket itself.
    func readProxyHeader(_ index: UInt32) {
        guard connections[index].isReadable else { return }
        let socket = connections[index].socket
        let buffer = buffers.take(.normal)
        defer { buffers.give(buffer) }
        switch Socket.peek(socket, into: buffer, limit: ProxyHeaderLimit.any) {
        case .bytes: break
        case .wouldBlock:
            connections[index].isReadable = false
            return
        case .endOfStream, .failed: return closeClient(index)
        }
        switch parseProxyHeader(buffer.readable) {
        case .incomplete:
            // The next byte makes a new event, though these are still in the socket.
            connections[index].isReadable = false
            connections[index].scanned = UInt32(truncatingIfNeeded: buffer.count)
            if connections[index].peerFinished { refuseProxyHeader(index) }
        case .absent:
            switch listeners[Int(connections[index].listener)].proxyProtocol {
            case .off, .optional: beginBehindHeader(index)
            case .required: refuseProxyHeader(index)
            }
        case .complete(let header):
            buffer.clear()
            guard Socket.receive(socket, into: buffer, limit: header.byteCount) == .bytes(header.byteCount) else {
                return refuseProxyHeader(index)
            }
            tally.proxyHeaders.add()
            if let source = header.source {
                connections[index].peer = SocketAddress(source)
                connections[index].isTrusted = trusted.contains(connections[index].peer)
            }
            beginBehindHeader(index)
        case .refused: refuseProxyHeader(index)
        }
    }

    /// A client that sent nothing at all was merely idle.
    func proxyHeaderTimedOut(_ index: UInt32) {
        guard connections[index].scanned > 0 else { return closeClient(index) }
        tally.clientTimeouts.add()
        tally.timeouts.head.add()
        refuseProxyHeader(index)
    }

    /// Nobody is there who could read an answer: the client speaks TLS, or nothing we understand.
    private func refuseProxyHeader(_ index: UInt32) {
        tally.proxyHeadersRefused.add()
        closeClient(index)
    }

    /// What has come behind the header is still in the socket.
    private func beginBehindHeader(_ index: UInt32) {
        connections[index].scanned = 0
        if !listeners[Int(connections[index].listener)].isSecure { connections[index].phase = .readingHead }
        guard enrollAddress(index) else { return }
        beginService(index)
    }
}

extension SocketAddress {
    init(_ address: ProxiedAddress) {
        switch address {
        case .ipv4(let number, let port): self.init(ipv4: number, port: port)
        case .ipv6(let number, let port): self.init(ipv6: number, port: port)
        }
    }
}
