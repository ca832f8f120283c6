import Bytes
import Compression
import Engine
import HTTP
import HTTP1
import Routing
import Telemetry

// Whether a response is compressed, and what its head says then. Moving the body is `CompressedRelay`.

/// What becomes of a response at a route that compresses.
enum Recoding: UInt8 {
    /// It passes as it is.
    case none
    /// It passes as it is, though another client would get it compressed.
    case varies
    /// It says that what the client has is still good: by the validator that it was given with it.
    case revalidates
    case gzip
}

extension Worker {
    /// Notes from the request what the response's head will need to know.
    func noteCodings(_ index: UInt32) {
        // Without chunks nobody could tell where a compressed body ends, or that it was cut.
        guard exchanges[index].version == .http11, let input = connections[exchanges[index].client].input else {
            return
        }
        let bytes = input.readable
        var codings = AcceptedCodings()
        for number in 0..<requestHead.fieldCount where requestHead[number].known == .acceptEncoding {
            codings.read(bytes.extracting(requestHead[number].value))
        }
        exchanges[index].takesGzip = codings.prefersGzip
    }

    /// Decides what becomes of the response that `responseHead` begins, and readies a deflater for its body.
    func planRecoding(_ index: UInt32) {
        let options = options(index)
        var recoding = recoding(index, options)
        if recoding == .gzip, exchanges[index].method != .head {
            if let deflater = deflaters.take(level: Int(options.gzipLevel)) {
                tally.compressed.add()
                exchanges[index].deflater = deflater
                exchanges[index].chunksResponse = true
                // They would speak of the body as it was.
                exchanges[index].responseBody.passesTrailers = false
            } else {
                tally.compressionsShed.add()
                recoding = .varies
            }
        }
        exchanges[index].recoding = recoding
    }

    private func recoding(_ index: UInt32, _ options: RouteOptions) -> Recoding {
        let takesGzip = exchanges[index].takesGzip
        switch responseHead.status {
        // Which of the two the client has cannot be told; a weak validator fits both (RFC 9110 §8.8.3.2).
        case 304: return takesGzip ? .revalidates : .varies
        case 204, 205, 206: return .none
        case _: break
        }
        guard let length = length(index), length >= UInt64(options.gzipMinimum), isOfType(index, options) else {
            return .none
        }
        return takesGzip ? .gzip : .varies
    }

    /// Bytes of the content, as far as they are known; `nil` when there is none.
    private func length(_ index: UInt32) -> UInt64? {
        switch responseHead.framing {
        case .length(let count): return count
        case .chunked, .untilClose: return .max
        case .none: return exchanges[index].method == .head ? .max : nil
        }
    }

    /// Whether it is of a type that is compressed, and nothing forbids it.
    private func isOfType(_ index: UInt32, _ options: RouteOptions) -> Bool {
        guard let input = connections[exchanges[index].upstream].input else {
            preconditionFailure("a head without bytes")
        }
        let bytes = input.readable
        let view = tables[Int(exchanges[index].table)].view
        var isOfType = false
        for number in 0..<responseHead.fieldCount {
            let line = responseHead[number]
            let value = bytes.extracting(line.value)
            switch line.known {
            case .contentType: isOfType = view.compresses(value, options)
            // Coded by the upstream, or a part of something.
            case .contentEncoding, .contentRange: return false
            // RFC 9111 §5.2.2.6.
            case .cacheControl: if contains(value, "no-transform") { return false }
            // The length that GET would have.
            case .contentLength:
                if responseHead.framing == .none, isBelow(value, UInt64(options.gzipMinimum)) { return false }
            case .other: if isDigest(bytes.extracting(line.name)) { return false }
            case _: break
            }
        }
        return isOfType
    }

    /// A checksum of the content, which would no longer be that of what the client gets.
    private func isDigest(_ name: Span<UInt8>) -> Bool {
        switch name.count {
        case 6: name.equalsIgnoringCase("digest", at: 0)
        case 11: name.equalsIgnoringCase("content-md5", at: 0) || name.equalsIgnoringCase("repr-digest", at: 0)
        case 14: name.equalsIgnoringCase("content-digest", at: 0)
        case _: false
        }
    }

    private func isBelow(_ digits: Span<UInt8>, _ limit: UInt64) -> Bool {
        var value: UInt64 = 0
        for place in 0..<digits.count {
            let digit = digits[place] &- UInt8(ascii: "0")
            guard digit < 10, value < 1 << 40 else { return false }
            value = value &* 10 &+ UInt64(digit)
        }
        return value < limit
    }

    /// Anywhere, in any case: a word that holds this one forbids too much rather than too little.
    private func contains(_ value: Span<UInt8>, _ word: StaticString) -> Bool {
        guard value.count >= word.utf8CodeUnitCount else { return false }
        for place in 0...value.count &- word.utf8CodeUnitCount where value.equalsIgnoringCase(word, at: place) {
            return true
        }
        return false
    }

    // MARK: - The head

    /// Whether a field of the response was left out, or written in another form.
    func recodes(_ line: FieldLine, _ index: UInt32, _ bytes: Span<UInt8>, _ output: Buffer) -> Bool {
        let value = bytes.extracting(line.value)
        switch (line.known, exchanges[index].recoding) {
        case (.vary, _):
            exchanges[index].saysVary = exchanges[index].saysVary || contains(value, "accept-encoding") || isStar(value)
            return false
        // RFC 9110 §8.8.3: another representation than the upstream's, equal in meaning.
        case (.etag, .gzip), (.etag, .revalidates):
            guard value.count > 0, value[0] == UInt8(ascii: "\"") else { return false }
            output.append("ETag: W/")
            output.append(value)
            output.append("\r\n")
            return true
        // A range of what is made anew for each client cannot be asked for.
        case (.contentLength, .gzip), (.acceptRanges, .gzip): return true
        case _: return false
        }
    }

    private func isStar(_ value: Span<UInt8>) -> Bool { value.count == 1 && value[0] == UInt8(ascii: "*") }

    /// Writes what the response says beside its own fields.
    func writeRecoding(_ index: UInt32, _ output: Buffer) {
        if exchanges[index].recoding == .gzip { output.append("Content-Encoding: gzip\r\n") }
        if !exchanges[index].saysVary { output.append("Vary: Accept-Encoding\r\n") }
    }

    /// Gives back what an exchange that is over was compressed with.
    func releaseDeflater(_ index: UInt32) {
        guard let deflater = exchanges[index].deflater else { return }
        exchanges[index].deflater = nil
        deflaters.give(deflater)
    }
}
