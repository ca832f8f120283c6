import Bytes
import Engine
import HTTP
import HTTP1
import Kernel

// Clients that speak for others: proxies in front of this one, known by their addresses. What they say of whom they
// speak for is believed, and extended instead of replaced.

extension Worker {
    /// Addresses of a chain that are looked at: more proxies than that do not stand in a row.
    static let chainLimit = 32
    /// Bytes of a request ID that is kept.
    static let requestIDBytes = 128

    /// These are trusted from now on, also on the connections that are open.
    func trust(_ set: AddressSet) {
        guard set != trusted else { return }
        trusted = set
        for index in 0..<connections.extent where connections.isTaken(index) && connections[index].role == .client {
            connections[index].isTrusted = set.contains(connections[index].peer)
        }
    }

    /// Whom a trusted client speaks for: the right-most address of `X-Forwarded-For` that is not trusted itself. Each
    /// entry was written by the one to its right, so that the first who is not trusted ends what can be believed. So
    /// does what is no address: then it is the trusted proxy that wrote it.
    func spokenFor(_ client: UInt32, _ bytes: Span<UInt8>) -> SocketAddress {
        var nearest = connections[client].peer
        var seen = 0
        for number in (0..<requestHead.fieldCount).reversed() where requestHead[number].known == .xForwardedFor {
            let value = requestHead[number].value
            var end = value.upperBound
            while end >= value.lowerBound, !value.isEmpty {
                var start = end
                while start > value.lowerBound, bytes[start &- 1] != UInt8(ascii: ",") { start &-= 1 }
                guard seen < Self.chainLimit,
                    let address = SocketAddress(forwarded: trimmed(bytes.extracting(start..<end)))
                else { return nearest }
                seen &+= 1
                nearest = address
                guard trusted.contains(address) else { return address }
                end = start &- 1
            }
        }
        return nearest
    }

    /// Without the optional whitespace around an element of a list (RFC 9110 §5.6.1).
    @_lifetime(copy bytes)
    private func trimmed(_ bytes: Span<UInt8>) -> Span<UInt8> {
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var (start, end) = (0, bytes.count)
        while start < end, isSpace(bytes[start]) { start &+= 1 }
        while end > start, isSpace(bytes[end &- 1]) { end &-= 1 }
        return bytes.extracting(start..<end)
    }

    /// The value that counts of a field that has one: the last, which the nearest proxy wrote. Empty when there is
    /// none.
    private func lastValue(of field: KnownField) -> Range<Int> {
        for number in (0..<requestHead.fieldCount).reversed() {
            let line = requestHead[number]
            if line.known == field, !line.value.isEmpty { return line.value }
        }
        return 0..<0
    }

    /// Whether a trusted client says that whom it speaks for came by `https`.
    func cameByTLS(_ bytes: Span<UInt8>) -> Bool {
        let scheme = bytes.extracting(lastValue(of: .xForwardedProto))
        return scheme.count == 5 && scheme.equalsIgnoringCase("https", at: 0)
    }

    /// The request ID that a trusted client gave, in its record: the same request has one name on its whole way.
    func appendKeptID(_ bytes: Span<UInt8>, to record: Buffer) -> Bool {
        for number in 0..<requestHead.fieldCount {
            let line = requestHead[number]
            guard line.known == .xRequestID, !line.dropped, (1...Self.requestIDBytes).contains(line.value.count) else {
                continue
            }
            record.append(json: bytes.extracting(line.value), leaving: 1_536)
            return true
        }
        return false
    }

    /// What a trusted client said of whom it speaks for, with what we see of the client behind it. Every line that came
    /// is written once at most, so that the room its own bytes took is room enough.
    func extendForwarding(_ client: UInt32, _ bytes: Span<UInt8>, _ output: Buffer) {
        let peer = connections[client].peer
        let isSecure = connections[client].session != nil
        let host = bytes.extracting(requestHead.hostStart..<requestHead.hostEnd)
        let (scheme, name) = (lastValue(of: .xForwardedProto), lastValue(of: .xForwardedHost))
        let port = lastValue(of: .xForwardedPort)
        output.append("X-Forwarded-For: ")
        let hasChain = appendJoined(.xForwardedFor, bytes, output)
        let addressStart = output.end
        append(peer, to: output)
        let address = addressStart..<output.end
        output.append("\r\nX-Forwarded-Proto: ")
        if scheme.isEmpty {
            output.append(isSecure ? "https" : "http")
        } else {
            output.append(bytes.extracting(scheme))
        }
        output.append("\r\nX-Forwarded-Host: ")
        output.append(name.isEmpty ? host : bytes.extracting(name))
        // Our port beside another's scheme or name would be an address that nobody asked for.
        if !port.isEmpty {
            output.append("\r\nX-Forwarded-Port: ")
            output.append(bytes.extracting(port))
        } else if scheme.isEmpty, name.isEmpty {
            output.append("\r\nX-Forwarded-Port: ")
            output.append(decimal: UInt64(listeners[Int(connections[client].listener)].port))
        }
        // One that begins here would say less than the other fields, and there are those who read it first.
        if !lastValue(of: .forwarded).isEmpty || !hasChain && scheme.isEmpty && name.isEmpty {
            output.append("\r\nForwarded: ")
            _ = appendJoined(.forwarded, bytes, output)
            appendForwardedElement(peer, address, isSecure, host, output)
        }
        appendVia(output)
    }

    /// The lines of one field as one list (RFC 9110 §5.3), with a comma behind it. `false`: there are none.
    private func appendJoined(_ field: KnownField, _ bytes: Span<UInt8>, _ output: Buffer) -> Bool {
        var found = false
        for number in 0..<requestHead.fieldCount {
            let line = requestHead[number]
            guard line.known == field, !line.value.isEmpty else { continue }
            output.append(bytes.extracting(line.value))
            output.append(", ")
            found = true
        }
        return found
    }
}
