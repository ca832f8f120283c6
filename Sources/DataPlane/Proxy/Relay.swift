import Engine
import Bytes
import HTTP1
import Kernel

/// What moving a body came to.
enum RelayOutcome {
    /// One of the two is not ready; its next event goes on.
    case waiting
    /// The body has ended and the target has all of it.
    case finished
    /// The source ended in the middle of the body.
    case sourceEnded
    case sourceFailed
    case targetFailed
    /// The source's chunks are not chunks.
    case malformed
}

extension Worker {
    /// Size line and line end of a chunk that we write, and the last chunk.
    static let chunkOverhead = 32
    /// Bytes sent in one turn before others get theirs.
    private static let turnBytes: UInt64 = 1 << 20

    /// Moves a body from one connection to the other until one of them must be waited for.
    ///
    /// Memory is bounded by one buffer on each side: nothing is received while the target has not taken what came
    /// before. A counted body is sent straight from the buffer it was received into; a chunked one is put together
    /// anew.
    ///
    /// - Parameter chunked: the target was told of a chunked body.
    func relay(from source: UInt32, to target: UInt32, body: inout BodyProgress, chunked: Bool) -> RelayOutcome {
        let turnEnd = bytesMoved &+ 2 * Self.turnBytes
        while true {
            if bytesMoved > turnEnd {
                resume(connections[source].role == .client ? source : target)
                return .waiting
            }
            if let output = connections[target].output, !output.isEmpty {
                topUp(output, from: source, body: &body, chunked: chunked)
                guard connections[target].isWritable else { return .waiting }
                switch transmit(target, output.readable) {
                case .bytes(let count): output.consume(count)
                case .wouldBlock: return .waiting
                case .endOfStream, .failed: return .targetFailed
                }
                continue
            }
            if body.trailers != nil, body.decoder.isFinished {
                sendTrailers(to: target, &body)
                continue
            }
            if body.isFinished {
                releaseInputIfEmpty(source)
                return .finished
            }
            if let input = connections[source].input, !input.isEmpty {
                guard connections[target].isWritable else { return .waiting }
                if body.kind == .chunked || chunked {
                    let output = outputBuffer(target)
                    if !encode(input, into: output, body: &body, chunked: chunked) { return .malformed }
                } else {
                    let share = body.share(of: input.count)
                    switch transmit(target, input.readable.extracting(first: share)) {
                    case .bytes(let count):
                        input.consume(count)
                        body.move(count)
                    case .wouldBlock: return .waiting
                    case .endOfStream, .failed: return .targetFailed
                    }
                }
                continue
            }
            releaseOutput(target)
            guard connections[source].isReadable else {
                releaseInputIfEmpty(source)
                return .waiting
            }
            // A long body moves in larger pieces: fewer system calls for each byte.
            let isLong = body.kind != .counted || body.remaining > UInt64(BufferSize.normal.rawValue)
            let isHuge = body.kind == .counted && body.remaining > UInt64(BufferSize.large.rawValue)
            let buffer =
                isLong && body.moved > 0
                ? largeInput(source, isHuge: isHuge && connections[target].session == nil) : inputBuffer(source)
            switch receive(source, into: buffer) {
            case .bytes: continue
            case .wouldBlock:
                releaseInputIfEmpty(source)
                return .waiting
            case .endOfStream:
                guard body.kind == .untilClose else { return .sourceEnded }
                body.isFinished = true
                if chunked { outputBuffer(target).append("0\r\n\r\n") }
            case .failed: return .sourceFailed
            }
        }
    }

    /// A large or huge empty input buffer, in place of a smaller one. TLS moves a record at a time, whatever the size.
    private func largeInput(_ index: UInt32, isHuge: Bool) -> Buffer {
        if let old = connections[index].input {
            guard old.capacity < Int(BufferSize.large.rawValue) else { return old }
            connections[index].input = nil
            buffers.give(old)
        }
        guard isHuge, connections[index].session == nil else { return inputBuffer(index, expecting: .large) }
        let buffer = buffers.takeHuge()
        connections[index].input = buffer
        return buffer
    }

    /// Puts more of the body behind what is about to be sent anyway: a head and a small body leave in one packet.
    @inline(__always)
    private func topUp(_ output: Buffer, from source: UInt32, body: inout BodyProgress, chunked: Bool) {
        guard !body.isFinished, let input = connections[source].input, !input.isEmpty else { return }
        // Chunks wait until the output is empty: they may turn out malformed, and a half-sent head cannot be taken
        // back.
        guard body.kind != .chunked, !chunked else { return }
        let count = output.append(from: input, limit: body.share(of: input.count))
        body.move(count)
    }

    func outputBuffer(_ index: UInt32) -> Buffer {
        if let buffer = connections[index].output { return buffer }
        let buffer = buffers.take(.normal)
        connections[index].output = buffer
        return buffer
    }

    /// Takes chunks apart and puts them together anew, as many as fit. `false`: they are malformed.
    func encode(_ input: Buffer, into output: Buffer, body: inout BodyProgress, chunked: Bool) -> Bool {
        while !input.isEmpty, !body.isFinished, output.room > 4 * Self.chunkOverhead {
            let limit = min(input.count, output.room - 2 * Self.chunkOverhead)
            guard body.kind == .chunked else {
                write(input.readable.extracting(first: limit), to: output, chunked: chunked)
                input.consume(limit)
                body.move(limit)
                continue
            }
            let bytes = input.readable.extracting(first: limit)
            switch body.decoder.next(bytes) {
            case .data(let offset, let count, let consumed):
                write(bytes.extracting(offset..<offset + count), to: output, chunked: chunked)
                input.consume(consumed)
                body.move(count)
            case .needMore(let consumed):
                // The decoder keeps what it needs of an unfinished line, so everything is consumed.
                input.consume(consumed)
            case .trailer(let offset, let count, let consumed):
                if chunked { keepTrailers(bytes.extracting(offset..<offset + count), &body) }
                input.consume(consumed)
            case .end(let consumed):
                input.consume(consumed)
                // They are sent when the output is empty, which has room for them then.
                if body.trailers != nil { return true }
                body.isFinished = true
                if chunked { output.append("0\r\n\r\n") }
            case .refused: return false
            }
        }
        return true
    }

    @inline(__always)
    private func write(_ data: Span<UInt8>, to output: Buffer, chunked: Bool) {
        guard chunked else { return output.append(data) }
        output.append(hexadecimal: UInt64(data.count))
        output.append("\r\n")
        output.append(data)
        output.append("\r\n")
    }
}
