import Bytes
import Contract
import Engine
import Kernel
import ProxyProtocol
import Telemetry

// Datagrams that a trusted proxy sends, each with a PROXY protocol header of version 2 in front: for whom it does. That
// client has a session of its own, and answers go to the proxy.

extension Worker {
    @inline(never)
    func sortProxied(_ parcel: Parcel, _ key: SessionKey, _ destination: SocketAddress) {
        let isRequired = datagramListeners[Int(key.listener)].proxyProtocol == .required
        guard !trusted.isEmpty, trusted.contains(key.peer) else {
            // Only whose word about others is believed may say for whom it speaks.
            if !isRequired { return enclose(parcel, key, destination) }
            return tally.datagrams.untrusted.add(UInt64(parcel.datagramCount))
        }
        for number in 0..<parcel.datagramCount {
            let datagram = parcel.datagram(number)
            switch parseProxyDatagram(incoming.bytes(datagram)) {
            case .complete(let header):
                var (key, destination) = (key, destination)
                if let source = header.source { key.client = SocketAddress(source) }
                if let told = header.destination { destination = SocketAddress(told) }
                tally.proxyHeaders.add()
                enclose(parcel.datagram(number, without: header.byteCount), key, destination)
            case .absent where !isRequired: enclose(datagram, key, destination)
            case .absent, .incomplete, .refused: tally.datagrams.headersRefused.add()
            }
        }
    }

    /// The header that the session's datagrams have in front, for whoever gives the buffer back; `nil`: none.
    @inline(__always)
    func header(of index: UInt32) -> Buffer? { book.sessions[index].sendsHeader ? writeHeader(index) : nil }

    private func writeHeader(_ index: UInt32) -> Buffer {
        let header = buffers.take(.small)
        let nothing = InlineArray<1, UInt8>(repeating: 0)
        header.append(
            proxyHeader2: ProxiedAddress(book.sessions[index].key.client),
            to: ProxiedAddress(book.sessions[index].destination), .datagram,
            extensions: nothing.span.extracting(0..<0))
        return header
    }
}
