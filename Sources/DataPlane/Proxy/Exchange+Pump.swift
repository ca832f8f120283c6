import Balancing
import TLS
import Telemetry
import Bytes
import Engine
import HTTP
import HTTP1
import Kernel

// The heart of an exchange: whatever happened, move both directions as far as they go, then say what is waited for.

extension Worker {
    /// Called for every event of either connection of an exchange. The exchange may be gone when it returns.
    func pump(_ index: UInt32) {
        if exchanges[index].held.isGathering { return gatherMore(index) }
        let upstream = exchanges[index].upstream
        guard upstream != Connection.nobody, connections[upstream].phase == .exchanging else { return }
        let before = bytesMoved
        let phases = (exchanges[index].requestPhase, exchanges[index].responsePhase)
        if exchanges[index].requestPhase == .streaming, !pumpRequest(index) { return }
        switch exchanges[index].responsePhase {
        case .awaitingHead:
            guard pumpResponseHead(index) else { return }
            guard exchanges[index].responsePhase != .awaitingHead else { break }
            leavePool(index)
            if exchanges[index].pass != .none { endTrial(index) }
            if exchanges[index].poolPass != .none { settlePoolPass(index) }
            // What the client sent behind a request for an upgrade has waited for the answer.
            if exchanges[index].responsePhase == .tunnelling, !pumpRequest(index) { return }
            guard pumpResponse(index) else { return }
        case .streaming, .tunnelling: guard pumpResponse(index) else { return }
        case .finished: preconditionFailure("an exchange that is over was pumped")
        }
        // An event that moves nothing, like bytes behind a request that nobody reads yet, gives nobody more time.
        if bytesMoved != before || phases != (exchanges[index].requestPhase, exchanges[index].responsePhase) {
            setDeadlines(index)
        }
    }

    /// Moves the request on. `false`: the exchange is gone.
    private func pumpRequest(_ index: UInt32) -> Bool {
        let client = exchanges[index].client
        let upstream = exchanges[index].upstream
        if exchanges[index].isReplayable { return sendReplayable(index, upstream) }
        if !exchanges[index].held.body.isEmpty {
            guard sendHeld(index, upstream) else { return true }
            releaseRequest(index, upstream)
        }
        let before = exchanges[index].requestBody.moved
        let outcome = relay(
            from: client, to: upstream, body: &exchanges[index].requestBody, chunked: exchanges[index].chunksRequest)
        tally.requestBytes.add(exchanges[index].requestBody.moved &- before)
        switch outcome {
        case .waiting: break
        case .finished:
            exchanges[index].requestPhase = .sent
            releaseOutput(upstream)
            if exchanges[index].responsePhase == .tunnelling { Socket.shutdownWrite(connections[upstream].socket) }
        case .targetFailed: stopSending(index)
        case .sourceEnded, .sourceFailed:
            abort(index, .clientClosed)
            return false
        case .malformed:
            tally.malformedRequests.add()
            if exchanges[index].responseBegan { abort(index, .clientClosed) } else { answer(index, .badRequest) }
            return false
        }
        let limit = exchanges[index].bodyLimit
        if limit > 0, exchanges[index].requestBody.moved > limit, exchanges[index].responsePhase == .awaitingHead {
            answer(index, .bodyTooLarge)
            return false
        }
        return true
    }

    private func sendReplayable(_ index: UInt32, _ upstream: UInt32) -> Bool {
        guard sendHeld(index, upstream) else { return true }
        exchanges[index].requestPhase = .sent
        releaseInputIfEmpty(exchanges[index].client)
        // Kept only where the request may have to be sent again: a wait for a response may be long.
        if !keepsRequest(index, upstream) { releaseRequest(index, upstream) }
        return true
    }

    /// The upstream takes no more of the request. It may have answered before it closed: that answer is still wanted.
    func stopSending(_ index: UInt32) {
        exchanges[index].requestPhase = .sent
        exchanges[index].upstreamPersists = false
        if !exchanges[index].requestBody.isFinished { exchanges[index].clientPersists = false }
        connections[exchanges[index].upstream].isReadable = true
    }

    /// Reads until the final response head is whole and passed on. `false`: the exchange is gone.
    private func pumpResponseHead(_ index: UInt32) -> Bool {
        let upstream = exchanges[index].upstream
        while true {
            if let input = connections[upstream].input, !input.isEmpty {
                switch parseResponseHead(
                    input.readable, resumingAt: Int(connections[upstream].scanned), limits: headLimits,
                    to: exchanges[index].method, into: &responseHead)
                {
                case .complete:
                    connections[upstream].scanned = 0
                    if retriesStatus(index) { return false }
                    if takeResponseHead(index) { return true }
                    if exchanges[index].responsePhase == .finished { return false }
                    continue
                case .refused:
                    upstreamFailed(index, .malformed)
                    return false
                case .incomplete(let scanned):
                    connections[upstream].scanned = UInt32(truncatingIfNeeded: scanned)
                    if input.room == 0, !growInput(upstream) {
                        upstreamFailed(index, .malformed)
                        return false
                    }
                }
            }
            guard connections[upstream].isReadable else {
                releaseInputIfEmpty(upstream)
                return true
            }
            let buffer = inputBuffer(upstream)
            switch receive(upstream, into: buffer) {
            case .bytes: if exchanges[index].firstByte == 0 { noteFirstByte(index) }
            case .wouldBlock:
                releaseInputIfEmpty(upstream)
                return true
            case .endOfStream, .failed:
                upstreamFailed(index, buffer.isEmpty && exchanges[index].firstByte == 0 ? .closed : .malformed)
                return false
            }
        }
    }

    /// Moves the response on. `false`: the exchange is gone.
    private func pumpResponse(_ index: UInt32) -> Bool {
        let client = exchanges[index].client
        let upstream = exchanges[index].upstream
        let before = exchanges[index].responseBody.moved
        let outcome =
            if let deflater = exchanges[index].deflater {
                relayCompressed(index, deflater)
            } else {
                relay(
                    from: upstream, to: client, body: &exchanges[index].responseBody,
                    chunked: exchanges[index].chunksResponse)
            }
        tally.responseBytes.add(exchanges[index].responseBody.moved &- before)
        switch outcome {
        case .waiting: return true
        case .finished:
            if exchanges[index].responsePhase == .tunnelling, exchanges[index].requestPhase != .sent {
                connections[client].session?.shutdown()
                Socket.shutdownWrite(connections[client].socket)
                return true
            }
            complete(index)
        case .sourceEnded, .sourceFailed:
            tally.upstreamAborts.add()
            countFailure(index)
            abort(index, .upstreamClosed)
        case .targetFailed: abort(index, .clientClosed)
        case .malformed:
            tally.upstreamMalformed.add()
            countFailure(index)
            abort(index, .upstreamMalformed)
        }
        return false
    }

    /// Both directions have come to their end.
    private func complete(_ index: UInt32) {
        let client = exchanges[index].client
        let wasTunnel = exchanges[index].responsePhase == .tunnelling
        exchanges[index].responsePhase = .finished
        account(index)
        let requestSent = exchanges[index].requestPhase == .sent
        releaseUpstream(index, canPool: requestSent && !wasTunnel && exchanges[index].upstreamPersists)
        let persists = requestSent && !wasTunnel && exchanges[index].clientPersists
        let hasRequest = exchanges[index].requestBody.isFinished
        end(index)
        releaseOutput(client)
        if persists { return awaitNextRequest(client) }
        // With nothing unread a plain close sends a FIN; otherwise, and when more of the request is on its way, it
        // would send a reset, which destroys the response.
        if hasRequest, connections[client].input?.isEmpty ?? true, !connections[client].isReadable {
            connections[client].session?.shutdown()
            return closeClient(client)
        }
        beginClosing(client)
    }

    /// The exchange cannot be finished and the client has part of a response, or is gone: cutting it short is all that
    /// is left to say.
    func abort(_ index: UInt32, _ cause: EndCause) {
        let client = exchanges[index].client
        if cause == .clientClosed { tally.clientAborts.add() }
        // A body that ends with the connection would look whole if it ended with a FIN, whatever its form was upstream.
        if exchanges[index].responseBegan, exchanges[index].responseBody.kind != .counted,
            !exchanges[index].chunksResponse
        {
            Socket.setReset(connections[client].socket)
        }
        exchanges[index].end = cause
        exchanges[index].responsePhase = .finished
        account(index)
        releaseUpstream(index, canPool: false)
        end(index)
        closeClient(client)
    }
}
