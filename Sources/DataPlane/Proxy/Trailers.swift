import Bytes
import Engine
import HTTP
import HTTP1
import Routing

// Trailers, field by field. A recipient may merge what comes behind a body into what came ahead of it, so that a
// trailer could say anew who asks, where to, or how long the body was, after every rule has looked. RFC 9110 §6.5.1
// therefore forbids most fields there, and RFC 9112 §7.1.2 lets an intermediary drop what it wants: what goes on is
// what nobody decides by, like checksums, signatures and timings.

extension Worker {
    /// Keeps the next part of a trailer section until the body has ended. The decoder's limit is half of the buffer.
    func keepTrailers(_ part: Span<UInt8>, _ body: inout BodyProgress) {
        guard body.passesTrailers else { return }
        let kept = body.trailers ?? buffers.take(.normal)
        kept.append(part)
        body.trailers = kept
    }

    /// Room for the last chunk, the empty line, and a space behind the colon of each line that came without.
    private static let addedBytes = 128

    /// Writes the last chunk and the trailers that may go on into the target's output, which is empty.
    func sendTrailers(to target: UInt32, _ body: inout BodyProgress) {
        // A short head may have left a small buffer there.
        if let output = connections[target].output, output.room < roomForTrailers(body) { releaseOutput(target) }
        writeTrailers(of: connections[target].exchange, to: connections[target].role, into: outputBuffer(target), &body)
    }

    /// Bytes that the last chunk and the trailers take at most.
    func roomForTrailers(_ body: BodyProgress) -> Int { (body.trailers?.count ?? 0) + Self.addedBytes }

    /// Writes the last chunk and the trailers that may go on, and ends the body.
    func writeTrailers(
        of index: UInt32, to role: Connection.Role, into output: Buffer, _ body: inout BodyProgress
    ) {
        guard let kept = body.trailers else { preconditionFailure("no trailers to send") }
        body.trailers = nil
        body.isFinished = true
        output.append("0\r\n")
        let bytes = kept.readable
        var at = 0
        while at < bytes.count {
            let start = at
            while bytes[at] != UInt8(ascii: ":") { at &+= 1 }
            let name = bytes.extracting(start..<at)
            let valueStart = at &+ 1
            while bytes[at] != 0x0A { at &+= 1 }
            at &+= 1
            guard mayTrail(name), !isReplacedByRule(name, index, role) else { continue }
            output.append(name)
            output.append(": ")
            output.append(withoutBlanks(bytes.extracting(valueStart..<at &- 2)))
            output.append("\r\n")
        }
        output.append("\r\n")
        buffers.give(kept)
    }

    /// What was kept of an exchange that is over.
    func releaseTrailers(_ index: UInt32) {
        if let kept = exchanges[index].requestBody.trailers { buffers.give(kept) }
        if let kept = exchanges[index].responseBody.trailers { buffers.give(kept) }
    }

    /// Passes on which trailers may come (§6.6.2): of the request, or of the response.
    func announceTrailers(_ bytes: Span<UInt8>, _ output: Buffer, ofRequest: Bool = false) {
        for number in 0..<(ofRequest ? requestHead.fieldCount : responseHead.fieldCount) {
            let line = ofRequest ? requestHead[number] : responseHead[number]
            guard line.known == .trailer, !line.value.isEmpty else { continue }
            output.append("Trailer: ")
            output.append(bytes.extracting(line.value))
            output.append("\r\n")
        }
    }

    /// A field that the rule removes or replaces in the head does not come back behind the body.
    private func isReplacedByRule(_ name: Span<UInt8>, _ index: UInt32, _ target: Connection.Role) -> Bool {
        let isRequest = target == .upstream
        guard exchanges[index].rules.contains(isRequest ? .requestFields : .responseFields) else { return false }
        let options = options(index)
        let view = tables[Int(exchanges[index].table)].view
        return isReplaced(name, isRequest ? options.requestFields : options.responseFields, in: view)
    }

    @_lifetime(copy bytes)
    private func withoutBlanks(_ bytes: Span<UInt8>) -> Span<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var (start, end) = (0, bytes.count)
        while start < end, isBlank(bytes[start]) { start &+= 1 }
        while end > start, isBlank(bytes[end &- 1]) { end &-= 1 }
        return bytes.extracting(start..<end)
    }
}

/// Whether a field of this name may stand behind a body.
///
/// Of the names that the proxy knows none may, since it knows those by which somebody decides; `ETag` is the exception
/// (RFC 9110 §8.8.3). Of the others those may not whose name begins like one of the list, and none with an underscore,
/// which some recipients take for a hyphen.
func mayTrail(_ name: Span<UInt8>) -> Bool {
    let known = KnownField(naming: name, from: 0, to: name.count)
    guard known == .other else { return known == .etag }
    for place in 0..<name.count where name[place] == UInt8(ascii: "_") { return false }
    for beginning in deniedBeginnings
    where name.count >= beginning.utf8CodeUnitCount && name.equalsIgnoringCase(beginning, at: 0) {
        return name.count == 14 && name.equalsIgnoringCase("content-digest", at: 0)
    }
    return true
}

/// RFC 9110 §6.5.1: framing, routing, request modifiers and conditions, authentication, response controls, the form of
/// the content; and what proxies and servers tell each other about who asks.
private let deniedBeginnings: [StaticString] = [
    "content-", "transfer-", "connection", "proxy-", "http2-", "host", "forwarded", "x-forwarded", "x-original-",
    "x-rewrite-", "x-http-", "x-method-", "x-real-", "x-client", "x-cluster-", "x-remote-", "x-envoy-", "x-ssl",
    "x-auth", "x-user", "x-access-", "x-api-", "x-csrf", "x-xsrf", "cf-", "true-client-", "fastly-", "client-cert",
    "cdn-", "early-data", "front-end-", "authorization", "cookie", "set-cookie", "www-", "accept", "if-", "range",
    "expect", "access-control-", "sec-", "cross-origin-", "x-accel-", "x-sendfile", "x-lighttpd-", "x-frame-",
    "x-content-", "refresh", "clear-site-", "permissions-", "referrer-", "surrogate-", "cdn-cache-", "pragma",
]
