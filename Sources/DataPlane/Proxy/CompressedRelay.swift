import Bytes
import Compression
import Engine
import HTTP1
import Kernel
import Telemetry

// A response's body on its way through a deflater. What the upstream has sent goes out at once: where nothing more is
// there for now, the deflater is flushed, so that an event stream or a long poll waits for nobody.

extension Worker {
    /// Bytes that are put into a deflater at once: what it makes of them and of what it held fits into a large buffer.
    private static let pieceBytes = 4_096
    private static let pieceRoom = 49_152
    /// Nothing more is made while so much waits for the client.
    private static let waitingLimit = 4_096
    /// Bytes compressed in one turn before others get theirs: about two milliseconds.
    private static let compressedTurnBytes: UInt64 = 1 << 16

    /// As ``relay(from:to:body:chunked:)``, for an exchange with a deflater.
    func relayCompressed(_ index: UInt32, _ deflater: Deflater) -> RelayOutcome {
        let client = exchanges[index].client
        let upstream = exchanges[index].upstream
        let turnEnd = exchanges[index].responseBody.moved &+ Self.compressedTurnBytes
        while true {
            let waiting = connections[client].output?.count ?? 0
            if waiting < Self.waitingLimit, !exchanges[index].hasDeflated {
                if exchanges[index].responseBody.moved > turnEnd {
                    resume(client)
                    return .waiting
                }
                if exchanges[index].responseBody.isFinished {
                    guard compress(index, deflater, .end) else { return .malformed }
                    continue
                }
                if let input = connections[upstream].input, !input.isEmpty {
                    guard compress(index, deflater, .none) else { return .malformed }
                    continue
                }
                if connections[upstream].isReadable {
                    switch receive(upstream, into: inputBuffer(upstream)) {
                    case .bytes, .wouldBlock: break
                    case .endOfStream:
                        guard exchanges[index].responseBody.kind == .untilClose else { return .sourceEnded }
                        exchanges[index].responseBody.isFinished = true
                    case .failed: return .sourceFailed
                    }
                    continue
                }
                releaseInputIfEmpty(upstream)
                if exchanges[index].holdsBack {
                    guard compress(index, deflater, .all) else { return .malformed }
                    continue
                }
            }
            guard let output = connections[client].output, !output.isEmpty else {
                releaseOutput(client)
                guard exchanges[index].hasDeflated else { return .waiting }
                releaseInputIfEmpty(upstream)
                return .finished
            }
            guard connections[client].isWritable else { return .waiting }
            switch transmit(client, output.readable) {
            case .bytes(let count): output.consume(count)
            case .wouldBlock: return .waiting
            case .endOfStream, .failed: return .targetFailed
            }
        }
    }

    /// Puts what is in the upstream's input through the deflater, and what comes of it behind what waits for the
    /// client, as one chunk. `false`: the upstream's chunks are malformed.
    private func compress(_ index: UInt32, _ deflater: Deflater, _ flush: Deflater.Flush) -> Bool {
        let made = buffers.take(.large)
        defer { buffers.give(made) }
        var isRight = true
        switch flush {
        case .none: isRight = fill(made, index, deflater)
        case .all:
            isRight = finish(made, deflater, flush)
            exchanges[index].holdsBack = false
        case .end:
            isRight = finish(made, deflater, flush)
            exchanges[index].hasDeflated = true
        }
        // Never by what zlib says of itself; a trap would be worse than one response cut short.
        guard made.count < Int(BufferSize.large.rawValue) - Self.waitingLimit - 64 else { return false }
        tally.compressedBytesOut.add(UInt64(made.count))
        let output = roomyOutput(exchanges[index].client, made.count + 64)
        if !made.isEmpty {
            output.append(hexadecimal: UInt64(made.count))
            output.append("\r\n")
            output.append(made.readable)
            output.append("\r\n")
        }
        if flush == .end, isRight { output.append("0\r\n\r\n") }
        return isRight
    }

    /// Piece by piece, as long as there is room for what one piece may become.
    private func fill(_ made: Buffer, _ index: UInt32, _ deflater: Deflater) -> Bool {
        guard let input = connections[exchanges[index].upstream].input else { return true }
        while !input.isEmpty, !exchanges[index].responseBody.isFinished, made.room >= Self.pieceRoom {
            let bytes = input.readable.extracting(first: min(input.count, Self.pieceBytes))
            guard exchanges[index].responseBody.kind == .chunked else {
                let share = exchanges[index].responseBody.share(of: bytes.count)
                guard put(bytes.extracting(0..<share), index, deflater, made) else { return false }
                input.consume(share)
                continue
            }
            switch exchanges[index].responseBody.decoder.next(bytes) {
            case .data(let offset, let count, let consumed):
                guard put(bytes.extracting(offset..<offset + count), index, deflater, made) else { return false }
                input.consume(consumed)
            case .needMore(let consumed): input.consume(consumed)
            // Dropped: they would speak of the body as it was.
            case .trailer(_, _, let consumed): input.consume(consumed)
            case .end(let consumed):
                input.consume(consumed)
                exchanges[index].responseBody.isFinished = true
            case .refused: return false
            }
        }
        return true
    }

    private func put(_ bytes: Span<UInt8>, _ index: UInt32, _ deflater: Deflater, _ made: Buffer) -> Bool {
        guard let step = deflater.put(bytes, into: made, .none), step.taken == bytes.count else { return false }
        exchanges[index].responseBody.move(bytes.count)
        exchanges[index].holdsBack = true
        tally.compressedBytesIn.add(UInt64(bytes.count))
        return true
    }

    /// Has the deflater give out what it holds, which fits into an empty large buffer.
    private func finish(_ made: Buffer, _ deflater: Deflater, _ flush: Deflater.Flush) -> Bool {
        guard let step = deflater.put(Span(), into: made, flush) else { return false }
        return flush == .end ? step.hasEnded : made.room > 0
    }

    /// The client's output with `count` bytes of room behind what waits there, which is little.
    private func roomyOutput(_ client: UInt32, _ count: Int) -> Buffer {
        let output = outputBuffer(client)
        if output.room >= count { return output }
        output.compact()
        if output.room >= count { return output }
        let larger = buffers.take(.large)
        larger.append(output.readable)
        buffers.give(output)
        connections[client].output = larger
        return larger
    }
}
