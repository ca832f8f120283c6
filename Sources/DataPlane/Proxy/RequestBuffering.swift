import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Routing
import Telemetry

// Where a rule asks for it, the upstream is contacted only once the whole of a request is here: a slow upload occupies
// no endpoint, and what was not lost on the way can be sent again (`Retrying`). The body is held as it will be sent,
// in a chain of buffers behind the head.
//
// A body beyond the rule's size, or beyond what the worker holds for all, is streamed as if the rule had not asked:
// being large is no fault of a request (`maxBody` is for that), and memory stays bounded.

/// What is held of a request.
struct HeldRequest: BitwiseCopyable {
    /// The body is still coming; no upstream was looked for.
    var isGathering = false
    /// The client waits to be told to send its body (RFC 9110 §10.1.1).
    var expectsContinue = false
    /// While no upstream has it: the body is coming, or an endpoint is waited for.
    var head: Buffer?
    var body = BufferChain()
}

extension Worker {
    /// Bytes gathered from one client in one turn, before others get theirs.
    private static let gatheredInTurn: UInt64 = 1 << 20

    /// Whether the request that `requestHead` begins is to be held until it is whole.
    func gathers(_ index: UInt32) -> Bool {
        guard exchanges[index].rules.contains(.bufferRequest) else { return false }
        switch requestHead.framing {
        case .none, .untilClose: return false
        case .length(let count): return count > 0 && count <= options(index).requestBuffer
        case .chunked: return true
        }
    }

    /// Whether the client's wish to be told to go on is ours to fulfil: the upstream will hear of the request when its
    /// body is here.
    func takesExpectation(_ index: UInt32, _ value: Span<UInt8>) -> Bool {
        let name: StaticString = "100-continue"
        guard gathers(index), value.count == name.utf8CodeUnitCount, value.equalsIgnoringCase(name, at: 0) else {
            return false
        }
        exchanges[index].held.expectsContinue = true
        return true
    }

    /// Begins to hold a request. The exchange may be gone when it returns.
    func gather(_ index: UInt32, _ head: Buffer) {
        guard gathers(index) else {
            tally.requestsBeyondBuffer.add()
            return approach(index, head)
        }
        let client = exchanges[index].client
        exchanges[index].held.head = head
        exchanges[index].held.isGathering = true
        if exchanges[index].held.expectsContinue, connections[client].input?.isEmpty ?? true {
            let output = outputBuffer(client)
            output.append("HTTP/1.1 100 Continue\r\n\r\n")
            tally.status1xx.add()
            sendInterim(client, output)
        }
        loop.timers.set(client, at: due(.bodyIdle, index))
        gatherMore(index)
    }

    /// Takes in what has come of the body. The exchange may be gone when it returns.
    func gatherMore(_ index: UInt32) {
        let client = exchanges[index].client
        let turnEnd = bytesMoved &+ Self.gatheredInTurn
        let before = bytesMoved
        while true {
            if let input = connections[client].input, !input.isEmpty {
                guard takeIn(index, input) else { return }
            }
            if exchanges[index].requestBody.isFinished { return finishGathering(index) }
            guard bytesMoved < turnEnd else {
                resume(client)
                break
            }
            guard connections[client].isReadable else { break }
            switch receive(client, into: inputBuffer(client)) {
            case .bytes: continue
            case .wouldBlock: break
            case .endOfStream, .failed: return abort(index, .clientClosed)
            }
            break
        }
        releaseInputIfEmpty(client)
        // Only a byte that came gives the client more time.
        if bytesMoved != before { loop.timers.set(client, at: due(.bodyIdle, index)) }
    }

    /// Moves all that can be held from the client's input to the chain. `false`: the exchange goes on elsewhere, or is
    /// gone.
    private func takeIn(_ index: UInt32, _ input: Buffer) -> Bool {
        let before = exchanges[index].requestBody.moved
        defer { tally.requestBytes.add(exchanges[index].requestBody.moved &- before) }
        while !input.isEmpty, !exchanges[index].requestBody.isFinished {
            let isCounted = exchanges[index].requestBody.kind == .counted
            guard let room = roomForBody(index, isCounted ? 1 : 4 * Self.chunkOverhead + 1) else {
                // What is held so far goes to the upstream, and the rest as it comes.
                passOn(index)
                return false
            }
            if isCounted {
                let share = exchanges[index].requestBody.share(of: input.count)
                exchanges[index].requestBody.move(room.append(from: input, limit: share))
            } else if !encode(input, into: room, body: &exchanges[index].requestBody, chunked: true) {
                tally.malformedRequests.add()
                answer(index, .badRequest)
                return false
            } else if exchanges[index].requestBody.trailers != nil, exchanges[index].requestBody.decoder.isFinished {
                guard let room = roomForBody(index, roomForTrailers(exchanges[index].requestBody)) else {
                    passOn(index)
                    return false
                }
                writeTrailers(of: index, to: .upstream, into: room, &exchanges[index].requestBody)
            }
            let limit = exchanges[index].bodyLimit
            if limit > 0, exchanges[index].requestBody.moved > limit {
                answer(index, .bodyTooLarge)
                return false
            }
        }
        return true
    }

    /// The end of the chain with room for so many bytes, 16 KiB at most, or `nil` when no more may be held.
    private func roomForBody(_ index: UInt32, _ least: Int) -> Buffer? {
        if let last = exchanges[index].held.body.last, last.room >= least { return last }
        let body = exchanges[index].requestBody
        let isCounted = body.kind == .counted
        if !isCounted, body.moved > options(index).requestBuffer {
            tally.requestsBeyondBuffer.add()
            return nil
        }
        let wanted = isCounted ? Int(min(body.remaining, UInt64(BufferSize.large.rawValue))) : 0
        let size = isCounted ? BufferSize.holding(wanted) ?? .large : body.moved == 0 ? .normal : .large
        guard tally.requestBufferBytes.current &+ UInt64(size.rawValue) <= tunables.bufferedBytes else {
            tally.requestsBeyondWorkerBuffer.add()
            return nil
        }
        let buffer = buffers.take(size)
        tally.requestBufferBytes.add(UInt64(size.rawValue))
        exchanges[index].held.body.append(buffer)
        return buffer
    }

    private func finishGathering(_ index: UInt32) {
        tally.requestsBuffered.add()
        exchanges[index].isReplayable = true
        passOn(index)
    }

    private func passOn(_ index: UInt32) {
        let client = exchanges[index].client
        guard let head = exchanges[index].held.head else { preconditionFailure("a request without a head") }
        exchanges[index].held.head = nil
        exchanges[index].held.isGathering = false
        releaseInputIfEmpty(client)
        loop.timers.clear(client)
        approach(index, head)
    }

    /// Sends the head and what is held of the body, all of which can be sent again. `false`: there is more of it, or
    /// the upstream takes no more.
    func sendHeld(_ index: UInt32, _ upstream: UInt32) -> Bool {
        if let output = connections[upstream].output, !sendAll(output, index, upstream) { return false }
        while let buffer = exchanges[index].held.body.unread() {
            guard sendAll(buffer, index, upstream) else { return false }
        }
        return true
    }

    @inline(__always)
    private func sendAll(_ buffer: Buffer, _ index: UInt32, _ upstream: UInt32) -> Bool {
        while !buffer.isEmpty {
            guard connections[upstream].isWritable else { return false }
            switch transmit(upstream, buffer.readable) {
            case .bytes(let count): buffer.advance(count)
            case .wouldBlock: return false
            case .endOfStream, .failed:
                stopSending(index)
                return false
            }
        }
        return true
    }

    /// Makes the request one that nothing was sent of.
    func rewindRequest(_ index: UInt32, _ head: Buffer) {
        head.rewind()
        if !exchanges[index].held.body.isEmpty { exchanges[index].held.body.rewind() }
    }

    /// Gives back what was kept in case the request had to be sent again.
    func releaseRequest(_ index: UInt32, _ upstream: UInt32) {
        releaseOutput(upstream)
        releaseHeld(index)
    }

    @inline(__always)
    func releaseHeld(_ index: UInt32) {
        if exchanges[index].held.isGathering || !exchanges[index].held.body.isEmpty { releaseAllHeld(index) }
    }

    private func releaseAllHeld(_ index: UInt32) {
        if let head = exchanges[index].held.head { buffers.give(head) }
        exchanges[index].held.head = nil
        while let buffer = exchanges[index].held.body.removeFirst() {
            tally.requestBufferBytes.subtract(UInt64(buffer.capacity))
            buffers.give(buffer)
        }
    }
}
