import Engine
import Bytes
import HTTP
import HTTP1
import Kernel
import Routing

// The request head as the upstream gets it: written anew from its parsed parts (RFC 9112 §2.2: what two recipients
// could read two ways is not passed on), without what concerned only the client's connection (RFC 9110 §7.6.1), with
// who asked.

extension Worker {
    /// Room for what is added to a head: forwarding fields, framing, a request ID, `Via`.
    private static let addedBytes = 1_024

    /// Writes the head into a new buffer, the upstream connection's output to be, and consumes it from the client's
    /// input. `nil` when no buffer is large enough.
    func forwardRequestHead(_ index: UInt32) -> Buffer? {
        let client = exchanges[index].client
        guard let input = connections[client].input else { return nil }
        let rules = exchanges[index].rules
        var path: Buffer?
        if rules.contains(.path), !requestHead.isAsterisk {
            guard let changed = changedPath(index, input.readable) else { return nil }
            path = changed
        }
        defer { if let path { buffers.give(path) } }
        let ruleBytes = (path?.count ?? 0) + (rules.contains(.requestFields) ? roomForRequestFields(index) : 0)
        guard
            let size = BufferSize.holding(
                requestHead.byteCount + 2 * (requestHead.hostEnd - requestHead.hostStart)
                    + requestHead.fieldCount * 2 + Self.addedBytes + ruleBytes)
        else { return nil }
        let output = buffers.take(size)
        let bytes = input.readable
        writeRequestLine(bytes, path, output)
        let requestIDField = copyFields(index, bytes, output)
        writeFraming(index, bytes, output)
        writeForwarding(client, bytes, output)
        if rules.contains(.requestFields) { writeRequestFields(index, bytes, output) }
        if requestIDField == 0 {
            output.append("X-Request-ID: ")
            output.append(requestIDs.current)
            output.append("\r\n")
        }
        output.append("\r\n")
        input.consume(requestHead.byteCount)
        exchanges[index].headBytes = 0
        return output
    }

    /// - Parameter path: instead of the client's.
    private func writeRequestLine(_ bytes: Span<UInt8>, _ path: Buffer?, _ output: Buffer) {
        output.append(bytes.extracting(requestHead.methodStart..<requestHead.methodEnd))
        output.append(UInt8(ascii: " "))
        let isEmpty = requestHead.pathStart == requestHead.targetEnd
        // RFC 9112 §3.2.4: OPTIONS of a whole server, in absolute-form without a path, becomes asterisk-form.
        if requestHead.isAsterisk || requestHead.method == .options && isEmpty {
            output.append(UInt8(ascii: "*"))
        } else if let path {
            output.append(path.readable)
            output.append(bytes.extracting(requestHead.pathEnd..<requestHead.targetEnd))
        } else {
            // origin-form (RFC 9112 §3.2.1), whatever form the client used.
            if requestHead.pathStart == requestHead.pathEnd { output.append(UInt8(ascii: "/")) }
            output.append(bytes.extracting(requestHead.pathStart..<requestHead.targetEnd))
        }
        output.append(" HTTP/1.1\r\nHost: ")
        output.append(bytes.extracting(requestHead.hostStart..<requestHead.hostEnd))
        output.append("\r\n")
    }

    /// Copies what concerns the whole way, and answers how many request IDs the client sent.
    private func copyFields(_ index: UInt32, _ bytes: Span<UInt8>, _ output: Buffer) -> Int {
        var requestIDs = 0
        let view = tables[Int(exchanges[index].table)].view
        let hasChanges = exchanges[index].rules.contains(.requestFields)
        let changes = hasChanges ? options(index).requestFields : FieldChangeList()
        for number in 0..<requestHead.fieldCount {
            let line = requestHead[number]
            if line.dropped { continue }
            if hasChanges, isReplaced(bytes.extracting(line.name), changes, in: view) { continue }
            switch line.known {
            // Written by us: `Host` from the effective authority, the length from the framing, who asked from the
            // connection. What an untrusted client says of itself is not passed on.
            case .host, .contentLength, .transferEncoding, .xForwardedFor, .xForwardedHost, .xForwardedProto,
                .xForwardedPort, .xRealIP, .forwarded:
                continue
            // RFC 9110 §10.1.1: to be ignored in HTTP/1.0, and the head that goes on is of HTTP/1.1. An expectation of
            // HTTP/1.1 is for the server that answers, whatever it says: it has the 100 or the 417 to give.
            case .expect where requestHead.version == .http10: continue
            case .expect where takesExpectation(index, bytes.extracting(line.value)): continue
            case .maxForwards where limitsHops: writeFewerHops(line, bytes, output)
            case .xRequestID:
                guard requestIDs == 0, (1...Self.requestIDBytes).contains(line.value.count) else { continue }
                requestIDs += 1
                write(line, bytes, output)
            case _: write(line, bytes, output)
            }
        }
        return requestIDs
    }

    @inline(__always)
    private func write(_ line: FieldLine, _ bytes: Span<UInt8>, _ output: Buffer) {
        output.append(bytes.extracting(line.name))
        output.append(": ")
        output.append(bytes.extracting(line.value))
        output.append("\r\n")
    }

    private func writeFraming(_ index: UInt32, _ bytes: Span<UInt8>, _ output: Buffer) {
        switch requestHead.framing {
        case .none, .untilClose: break
        case .length(let count):
            output.append("Content-Length: ")
            output.append(decimal: count)
            output.append("\r\n")
        case .chunked:
            output.append("Transfer-Encoding: chunked\r\n")
            if requestHead.namesTrailers { announceTrailers(bytes, output, ofRequest: true) }
        }
        let takesTrailers = requestHead.takesTrailers
        if exchanges[index].wantsUpgrade {
            output.append(takesTrailers ? "Connection: upgrade, TE\r\nUpgrade: " : "Connection: upgrade\r\nUpgrade: ")
            output.append(bytes.extracting(requestHead.upgradeStart..<requestHead.upgradeEnd))
            output.append(takesTrailers ? "\r\nTE: trailers\r\n" : "\r\n")
        } else if takesTrailers {
            // RFC 9110 §10.1.4: whoever sends TE names it in Connection.
            output.append("Connection: TE\r\nTE: trailers\r\n")
        }
    }

    /// Who asked, as the de-facto fields and as RFC 7239 says it; and that we stand between (RFC 9110 §7.6.3).
    private func writeForwarding(_ client: UInt32, _ bytes: Span<UInt8>, _ output: Buffer) {
        if connections[client].isTrusted { return extendForwarding(client, bytes, output) }
        let peer = connections[client].peer
        let isSecure = connections[client].session != nil
        let host = bytes.extracting(requestHead.hostStart..<requestHead.hostEnd)
        let start = output.end
        output.append("X-Forwarded-For: ")
        let addressStart = output.end
        append(peer, to: output)
        let address = addressStart..<output.end
        output.append("\r\nX-Forwarded-Proto: ")
        output.append(isSecure ? "https" : "http")
        output.append("\r\nX-Forwarded-Host: ")
        output.append(host)
        output.append("\r\nX-Forwarded-Port: ")
        output.append(decimal: UInt64(listeners[Int(connections[client].listener)].port))
        output.append("\r\nForwarded: ")
        appendForwardedElement(peer, address, isSecure, host, output)
        appendVia(output)
        precondition(output.end - start <= Self.addedBytes + 2 * host.count)
    }

    /// What RFC 7239 §4 says of one step of the way. `address` is where the peer's address lies in the output already.
    @inline(__always)
    func appendForwardedElement(
        _ peer: SocketAddress, _ address: Range<Int>, _ isSecure: Bool, _ host: Span<UInt8>, _ output: Buffer
    ) {
        output.append("for=")
        switch peer.family {
        case .ipv4: output.append(copying: address)
        case .ipv6:
            // RFC 7239 §6: an IPv6 address is in brackets, and therefore quoted.
            output.append("\"[")
            output.append(copying: address)
            output.append("]\"")
        }
        output.append(";host=\"")
        output.append(host)
        output.append("\";proto=")
        output.append(isSecure ? "https" : "http")
    }

    @inline(__always)
    func appendVia(_ output: Buffer) {
        output.append(
            requestHead.version == .http11 ? "\r\nVia: 1.1 kontainers\r\n" : "\r\nVia: 1.0 kontainers\r\n")
    }

    /// An address without its port.
    func append(_ peer: SocketAddress, to output: Buffer) {
        switch peer.family {
        case .ipv4:
            let number = peer.ipv4
            output.append(decimal: UInt64(number >> 24))
            for shift: UInt32 in [16, 8, 0] {
                output.append(UInt8(ascii: "."))
                output.append(decimal: UInt64(number >> shift & 255))
            }
        case .ipv6: output.append(ipv6: peer)
        }
    }
}
