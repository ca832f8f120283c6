import Telemetry
import Bytes
import Engine
import HTTP1
import Kernel
import TLS

// A client's connection between exchanges: the TLS handshake, request heads, and the ways it ends.

extension Worker {
    /// Something happened on a client's connection, or it was left with work to do.
    func clientReady(_ index: UInt32) {
        switch connections[index].phase {
        case .readingProxyHeader: readProxyHeader(index)
        case .readingPreface: readPreface(index)
        case .handshaking: continueHandshake(index)
        case .tunnelling: pumpTunnel(connections[index].exchange)
        case .readingHead: if sendRest(index) { readHead(index) }
        case .exchanging: pump(connections[index].exchange)
        case .closing: finishClosing(index)
        case .lingering: linger(index)
        case .open, .connecting, .securing, .pooled: preconditionFailure("a client in a phase of others")
        }
    }

    func clientTimedOut(_ index: UInt32) {
        switch connections[index].phase {
        case .readingProxyHeader: proxyHeaderTimedOut(index)
        case .readingPreface: prefaceTimedOut(index)
        case .handshaking:
            tally.handshakeFailures.add()
            tally.clientTimeouts.add()
            tally.timeouts.handshake.add()
            failHandshake(index)
        case .readingHead:
            // Nothing of a request has come: this is an idle connection, and closing it says enough.
            guard connections[index].input != nil, connections[index].output == nil else {
                tally.timeouts.keepAlive.add()
                return endIdle(index)
            }
            tally.clientTimeouts.add()
            tally.timeouts.head.add()
            refuse(index, .requestTimeout, "head timeout")
        case .exchanging:
            exchangeTimedOut(connections[index].exchange, waitingFor: .client)
        case .closing, .lingering: closeClient(index)
        case .open, .connecting, .securing, .tunnelling, .pooled:
            preconditionFailure("a client in a phase of others")
        }
    }

    func continueHandshake(_ index: UInt32) {
        guard let session = connections[index].session else { preconditionFailure("a handshake without a session") }
        switch session.handshake() {
        case .done:
            tally.handshakes.add()
            noteHandshake(index)
            countHandshake(session)
            connections[index].isReadable = true
            if connections[index].exchange != Connection.nobody {
                connections[index].phase = .exchanging
                loop.timers.clear(index)
                return findEndpoint(connections[index].exchange)
            }
            connections[index].phase = .readingHead
            loop.timers.set(index, at: loop.now &+ tunables.head)
            readHead(index)
        case .wantsRead, .wantsWrite:
            if connections[index].peerFinished {
                tally.handshakeFailures.add()
                failHandshake(index)
            }
        case .closed, .failed:
            tally.handshakeFailures.add()
            failHandshake(index)
        }
    }

    /// Reads until a head is whole, then begins its exchange. One head a call: what follows waits for its turn.
    func readHead(_ index: UInt32) {
        while true {
            if let input = connections[index].input, !input.isEmpty {
                switch parseRequestHead(
                    input.readable, resumingAt: Int(connections[index].scanned), limits: headLimits, into: &requestHead)
                {
                case .complete:
                    connections[index].scanned = 0
                    return begin(index)
                case .refused(let error):
                    tally.malformedRequests.add()
                    return refuse(index, Answer(error), error.name)
                case .incomplete(let scanned):
                    connections[index].scanned = UInt32(truncatingIfNeeded: scanned)
                    if input.room == 0, !growInput(index) {
                        tally.malformedRequests.add()
                        return refuse(index, .headTooLarge, "head too large")
                    }
                }
            }
            guard connections[index].isReadable else { return rest(index) }
            let wasIdle = connections[index].input == nil
            let buffer = inputBuffer(index)
            switch receive(index, into: buffer) {
            case .bytes:
                if wasIdle {
                    loop.timers.set(index, at: loop.now &+ tunables.head)
                    connections[index].headBegan = loop.now
                }
            case .wouldBlock: return rest(index)
            case .endOfStream, .failed:
                if !buffer.isEmpty { tally.clientAborts.add() }
                return closeClient(index)
            }
        }
    }

    /// Nothing more of a request is here for now.
    private func rest(_ index: UInt32) {
        releaseInputIfEmpty(index)
        if isDraining, connections[index].input == nil { endIdle(index) }
    }

    /// Closes a connection of which nobody expects anything.
    func endIdle(_ index: UInt32) {
        connections[index].session?.shutdown()
        closeClient(index)
    }

    /// Sends what the client has not yet taken of an answer of ours; its next request waits for that. `true`: all of it
    /// is sent.
    private func sendRest(_ index: UInt32) -> Bool {
        guard let output = connections[index].output else { return true }
        while !output.isEmpty {
            guard connections[index].isWritable else { return false }
            switch transmit(index, output.readable) {
            case .bytes(let count): output.consume(count)
            case .wouldBlock: return false
            case .endOfStream, .failed:
                closeClient(index)
                return false
            }
        }
        releaseOutput(index)
        let isIdle = connections[index].input == nil && !connections[index].isReadable
        loop.timers.set(index, at: loop.now &+ (isIdle ? tunables.keepAlive : tunables.head))
        return true
    }

    /// The exchange is over and the connection goes on: with the next request if it is here already.
    func awaitNextRequest(_ index: UInt32) {
        connections[index].phase = .readingHead
        connections[index].exchange = Connection.nobody
        releaseInputIfEmpty(index)
        connections[index].waitingSince = loop.now
        // What is here already has waited for nothing but its turn.
        if connections[index].input != nil { connections[index].headBegan = loop.now }
        if connections[index].output != nil {
            loop.timers.set(index, at: loop.now &+ tunables.responseIdle)
            if connections[index].isWritable { resume(index) }
        } else if connections[index].input != nil || connections[index].isReadable {
            loop.timers.set(index, at: loop.now &+ tunables.head)
            resume(index)
        } else if isDraining {
            endIdle(index)
        } else {
            loop.timers.set(index, at: loop.now &+ tunables.keepAlive)
        }
    }

    /// Sends what is left in the output, then ends the connection without destroying what was sent: our side is shut,
    /// and what the client still sends is read and forgotten for a while (RFC 9112 §9.6).
    func beginClosing(_ index: UInt32) {
        connections[index].phase = .closing
        connections[index].exchange = Connection.nobody
        loop.timers.set(index, at: loop.now &+ tunables.responseIdle)
        finishClosing(index)
    }

    private func finishClosing(_ index: UInt32) {
        while let output = connections[index].output, !output.isEmpty {
            guard connections[index].isWritable else { return }
            switch transmit(index, output.readable) {
            case .bytes(let count): output.consume(count)
            case .wouldBlock: return
            case .endOfStream, .failed: return closeClient(index)
            }
        }
        releaseOutput(index)
        connections[index].session?.shutdown()
        Socket.shutdownWrite(connections[index].socket)
        connections[index].phase = .lingering
        loop.timers.set(index, at: loop.now &+ tunables.linger)
        linger(index)
    }

    /// Buffers of unwanted bytes read in one turn.
    private static let lingerTurns = 16

    private func linger(_ index: UInt32) {
        if let input = connections[index].input { input.clear() }
        var turns = 0
        while connections[index].isReadable {
            guard turns < Self.lingerTurns else {
                resume(index)
                break
            }
            turns += 1
            let buffer = inputBuffer(index)
            // Straight from the socket: nobody wants to know what the bytes say.
            switch Socket.receive(connections[index].socket, into: buffer) {
            case .bytes: buffer.clear()
            case .wouldBlock: connections[index].isReadable = false
            case .endOfStream, .failed: return closeClient(index)
            }
        }
        releaseInputIfEmpty(index)
    }

    func closeClient(_ index: UInt32) {
        tally.listeners.subtract(.inFlight, of: UInt32(connections[index].listener))
        withdraw(index)
        if !serverNames.isEmpty { serverNames[index] = nil }
        if !mysqlQuestions.isEmpty { mysqlQuestions[index] = nil }
        release(index)
        clientCount -= 1
        tally.clientsOpen.subtract()
    }
}

extension Answer {
    init(_ error: HeadError) {
        switch error.status {
        case 414: self = .targetTooLong
        case 431: self = .headTooLarge
        case 501: self = .notImplemented
        case 505: self = .versionNotSupported
        case _: self = .badRequest
        }
    }
}
