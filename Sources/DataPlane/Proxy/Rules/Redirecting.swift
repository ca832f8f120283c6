import Engine
import Bytes
import HTTP1
import Routing
import Telemetry

// Sending clients to another address. The rule says which host; what the client wrote gets behind it only as a path in
// its normal form, as a query, or as a host name that was checked.

extension Worker {
    /// Answers with the rule's address.
    func redirect(_ index: UInt32, _ options: RouteOptions) {
        let location = buffers.take(.normal)
        let fault = appendAddress(index, options, to: location)
        if let fault {
            buffers.give(location)
            return answer(index, fault)
        }
        tally.ruleRedirects.add()
        answer(index, status: Int(options.redirectStatus), location: location)
    }

    /// Fills in the address, and answers what keeps it from being filled in.
    private func appendAddress(_ index: UInt32, _ options: RouteOptions, to location: Buffer) -> Answer? {
        guard let input = connections[exchanges[index].client].input else {
            preconditionFailure("a head without bytes")
        }
        let view = tables[Int(exchanges[index].table)].view
        return fill(view.redirect(of: options), index, input.readable, to: location)
    }

    private func fill(
        _ template: Span<UInt8>, _ index: UInt32, _ bytes: Span<UInt8>, to location: Buffer
    ) -> Answer? {
        let host = nameOfHost(bytes.extracting(requestHead.hostStart..<requestHead.hostEnd))
        let path = bytes.extracting(requestHead.pathStart..<requestHead.pathEnd)
        for place in 0..<template.count {
            // Room for the byte, the scheme, or the host.
            guard location.room > Self.redirectReserve + host.count else { return .targetTooLong }
            let byte = template[place]
            switch TemplateMark(rawValue: byte) {
            case .scheme: location.append(exchanges[index].cameByTLS ? "https" : "http")
            case .host:
                guard host.count > 0 else { return .badTarget }
                location.append(host)
            case .path:
                guard location.room > Self.redirectReserve + roomForForwarded(path: path) else {
                    return .targetTooLong
                }
                guard appendPath(path, to: location) else { return .badTarget }
            case .query:
                let query = bytes.extracting(requestHead.pathEnd..<max(requestHead.pathEnd, requestHead.targetEnd))
                guard location.room > Self.redirectReserve + query.count else { return .targetTooLong }
                if !requestHead.isAsterisk { location.append(query) }
            case .client, .requestID, .user: preconditionFailure("a variable that no redirect has")
            case nil: location.append(byte)
            }
        }
        return nil
    }

    /// Room for the rest of an answer's head.
    private static let redirectReserve = 1_024

    /// The path without the slash in front, which the rule's address has.
    private func appendPath(_ path: Span<UInt8>, to location: Buffer) -> Bool {
        guard !requestHead.isAsterisk else { return true }
        let before = location.count
        guard let size = BufferSize.holding(roomForForwarded(path: path)) else { return false }
        let normal = buffers.take(size)
        defer { buffers.give(normal) }
        guard appendForwarded(path: path, to: normal) else { return false }
        normal.consume(1)
        location.append(from: normal, limit: normal.count)
        return location.count >= before
    }

    /// An authority without its port.
    @_lifetime(copy authority)
    func nameOfHost(_ authority: Span<UInt8>) -> Span<UInt8> {
        // A colon of an IPv6 address is inside its brackets, with no digits alone behind it.
        var end = authority.count
        while end > 0, authority[end &- 1] &- UInt8(ascii: "0") < 10 { end &-= 1 }
        guard end > 0, authority[end &- 1] == UInt8(ascii: ":") else { return authority }
        return authority.extracting(0..<end &- 1)
    }
}
