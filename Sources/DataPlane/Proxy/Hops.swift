import Bytes
import Engine
import HTTP
import HTTP1

// How far a request may still go: `Max-Forwards` of OPTIONS and TRACE (RFC 9110 §7.6.2), and `Via` (§7.6.3), by which a
// request that comes back again and again is known.

extension Worker {
    /// Times that a request may have come through a proxy of this name before: several stand in a row in good faith,
    /// but a rule that leads back to the proxy itself would otherwise take every connection there is.
    static let loopLimit = 8
    /// The greatest number of hops that is sent on; a greater one becomes this (§7.6.2 permits it).
    static let hopLimit: UInt64 = 255
    /// Bytes of a reflected request at most, so that it fits behind the head of its answer.
    private static let reflectionBytes = 4_096

    /// The request has `Via` or `Max-Forwards`. `false`: it goes no further and was answered.
    func mayGoFurther(_ index: UInt32) -> Bool {
        guard let input = connections[exchanges[index].client].input else {
            preconditionFailure("a head without bytes")
        }
        if passesHere(input.readable) >= Self.loopLimit {
            answer(index, .loop)
            return false
        }
        guard limitsHops else { return true }
        var hops: UInt64?
        for number in 0..<requestHead.fieldCount where requestHead[number].known == .maxForwards {
            // Two numbers could be read two ways by two recipients.
            guard hops == nil, let left = hopsLeft(input.readable.extracting(requestHead[number].value)) else {
                answer(index, .hopsMalformed)
                return false
            }
            hops = left
        }
        guard hops == 0 else { return true }
        // §7.6.2: the request is not to be forwarded, but answered by whoever has it.
        if requestHead.method == .trace { reflect(index, input) } else { answerOptions(index) }
        return false
    }

    /// Whether `Max-Forwards` means something (§7.6.2): other methods may carry it, and it is left alone.
    var limitsHops: Bool { requestHead.method == .options || requestHead.method == .trace }

    /// Writes the field with one hop less. Its value was read before, and is not zero; it never takes more bytes.
    func writeFewerHops(_ line: FieldLine, _ bytes: Span<UInt8>, _ output: Buffer) {
        let hops = hopsLeft(bytes.extracting(line.value)) ?? 1
        output.append("Max-Forwards: ")
        output.append(decimal: min(hops &- 1, Self.hopLimit))
        output.append("\r\n")
    }

    /// `1*DIGIT`, or `nil`. What is beyond the limit is one beyond it.
    private func hopsLeft(_ value: Span<UInt8>) -> UInt64? {
        guard !value.isEmpty else { return nil }
        var hops: UInt64 = 0
        for place in 0..<value.count {
            let digit = value[place] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            hops = min(hops &* 10 &+ UInt64(digit), Self.hopLimit &+ 1)
        }
        return hops
    }

    /// How many entries of `Via` have our name: `1.1 kontainers`, with the protocol's name or a comment or without.
    private func passesHere(_ bytes: Span<UInt8>) -> Int {
        var count = 0
        for number in 0..<requestHead.fieldCount where requestHead[number].known == .via {
            let value = requestHead[number].value
            // An entry ends at a comma; in a comment there may be others, which only cut it in pieces without our name.
            var start = value.lowerBound
            for place in value.lowerBound...value.upperBound {
                guard place == value.upperBound || bytes[place] == UInt8(ascii: ",") else { continue }
                if isOurs(bytes.extracting(start..<place)) { count &+= 1 }
                start = place &+ 1
            }
        }
        return count
    }

    /// Whether an entry of `Via` is `received-protocol RWS kontainers [ RWS comment ]`.
    private func isOurs(_ entry: Span<UInt8>) -> Bool {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var at = 0
        while at < entry.count, isBlank(entry[at]) { at &+= 1 }
        while at < entry.count, !isBlank(entry[at]) { at &+= 1 }
        while at < entry.count, isBlank(entry[at]) { at &+= 1 }
        let name: StaticString = "kontainers"
        let end = at &+ name.utf8CodeUnitCount
        guard end <= entry.count, entry.equalsIgnoringCase(name, at: at) else { return false }
        return end == entry.count || isBlank(entry[end])
    }

    /// OPTIONS that ends here asks what the proxy itself can do (§9.3.7): forward, so there is nothing to say of it.
    private func answerOptions(_ index: UInt32) {
        let output = beginAnswer(index, status: 200)
        output.append("Content-Length: 0\r\n\r\n")
        finishAnswer(index)
    }

    /// TRACE that ends here gets the request back as it came (§9.3.8), but of its fields those alone that tell the way
    /// it took: whatever else a client sends may be a secret, and a page must not read it from an answer.
    private func reflect(_ index: UInt32, _ input: Buffer) {
        let text = buffers.take(.normal)
        defer { buffers.give(text) }
        let bytes = input.readable
        guard appendReflection(bytes, to: text) else { return answer(index, .headTooLarge) }
        let output = beginAnswer(index, status: 200)
        output.append("Content-Type: message/http\r\nCache-Control: no-store\r\nContent-Length: ")
        output.append(decimal: UInt64(text.count))
        output.append("\r\n\r\n")
        output.append(text.readable)
        finishAnswer(index)
    }

    /// `false`: it is longer than what is sent back.
    private func appendReflection(_ bytes: Span<UInt8>, to text: Buffer) -> Bool {
        guard requestHead.targetEnd - requestHead.methodStart <= Self.reflectionBytes / 2 else { return false }
        text.append(bytes.extracting(requestHead.methodStart..<requestHead.targetEnd))
        text.append(requestHead.version == .http11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n")
        for number in 0..<requestHead.fieldCount {
            let line = requestHead[number]
            switch line.known {
            case .host, .via, .maxForwards, .xRequestID, .traceParent:
                guard text.count + line.name.count + line.value.count + 6 <= Self.reflectionBytes else { return false }
                text.append(bytes.extracting(line.name))
                text.append(": ")
                text.append(bytes.extracting(line.value))
                text.append("\r\n")
            case _: continue
            }
        }
        text.append("\r\n")
        return true
    }
}
