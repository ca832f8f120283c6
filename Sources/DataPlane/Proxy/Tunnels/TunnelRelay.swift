import Bytes
import Engine
import Kernel
import TLS
import Telemetry

// The heart of a tunnel: whatever happened, move both ways as far as they go.
//
// What is received lies in one piece of memory that all tunnels of the worker share, and is sent from there at once.
// Only what the other side does not take is kept, in a buffer of its own, and nothing more is received until that is
// gone: so an open tunnel costs its records, a stuck one a buffer each way at most.

/// What moving bytes one way came to.
enum Passage {
    /// One of the two is not ready; its next event goes on.
    case waiting
    /// The source has ended and the target knows.
    case ended
    case sourceFailed
    case targetFailed
}

extension Worker {
    /// Bytes passed on one way in one turn before others get theirs.
    private static let turnBytes: UInt64 = 1 << 20

    /// Called for every event of either connection. The tunnel may be gone when it returns.
    func pumpTunnel(_ index: UInt32) {
        let (client, upstream) = (tunnels[index].client, tunnels[index].upstream)
        let before = bytesMoved
        switch pass(
            client, to: upstream, isLast: tunnels[index].upstreamEnded, hasEnded: &tunnels[index].clientEnded,
            moved: &tunnels[index].received)
        {
        case .waiting, .ended: break
        case .sourceFailed: return cutTunnel(index, .clientClosed)
        // What it said before it closed is still wanted.
        case .targetFailed: tunnels[index].clientEnded = true
        }
        let passage = pass(
            upstream, to: client, isLast: tunnels[index].clientEnded, hasEnded: &tunnels[index].upstreamEnded,
            moved: &tunnels[index].sent)
        if !tunnels[index].isJudged { judgeEndpoint(index, passage) }
        switch passage {
        case .waiting: break
        case .ended: if tunnels[index].clientEnded { return endTunnel(index, .complete) }
        case .sourceFailed: return cutTunnel(index, .upstreamClosed)
        case .targetFailed: return cutTunnel(index, .clientClosed)
        }
        if bytesMoved != before {
            loop.timers.set(upstream, at: min(loop.now &+ tunnels[index].idle, tunnels[index].deadline))
        }
    }

    /// Moves bytes one way until one of the two must be waited for.
    ///
    /// - Parameter isLast: the other way has ended, so that the end of this one closes both.
    private func pass(
        _ source: UInt32, to target: UInt32, isLast: Bool, hasEnded: inout Bool, moved: inout UInt64
    ) -> Passage {
        let turnEnd = bytesMoved &+ 2 * Self.turnBytes
        while true {
            if let output = connections[target].output {
                guard connections[target].isWritable else { return .waiting }
                switch transmit(target, output.readable) {
                case .bytes(let count):
                    output.consume(count)
                    if output.isEmpty { releaseOutput(target) }
                case .wouldBlock: return .waiting
                case .endOfStream, .failed: return .targetFailed
                }
                continue
            }
            if hasEnded { return .ended }
            guard connections[source].isReadable, connections[target].isWritable else { return .waiting }
            if bytesMoved > turnEnd {
                resume(connections[source].role == .client ? source : target)
                return .waiting
            }
            let piece = tunnelPiece
            switch receive(source, into: piece) {
            case .bytes(let count):
                moved &+= UInt64(count)
                let outcome = transmit(target, piece.readable)
                if outcome == .bytes(count) {
                    piece.clear()
                } else if !keep(piece, outcome, for: target) {
                    return .targetFailed
                }
            case .wouldBlock: return .waiting
            case .endOfStream:
                hasEnded = true
                connections[target].session?.shutdown()
                if !isLast { Socket.shutdownWrite(connections[target].socket) }
                return .ended
            case .failed: return .sourceFailed
            }
        }
    }

    /// Keeps what the target did not take of a piece. `false`: it takes nothing any more.
    @inline(never)
    private func keep(_ piece: Buffer, _ outcome: Transfer, for target: UInt32) -> Bool {
        defer { piece.clear() }
        switch outcome {
        case .bytes(let count): piece.consume(count)
        case .wouldBlock: break
        case .endOfStream, .failed: return false
        }
        guard !piece.isEmpty else { return true }
        let size = BufferSize.holding(piece.count)
        let output = size.map { buffers.take($0) } ?? buffers.takeHuge()
        output.append(from: piece, limit: piece.count)
        connections[target].output = output
        return true
    }

    /// Neither side has said anything for too long, or the time of the whole is over.
    func tunnelTimedOut(_ index: UInt32) {
        if loop.now >= tunnels[index].deadline {
            tally.timeouts.count(.total)
            return cutTunnel(index, .totalTimeout)
        }
        tally.timeouts.count(.tunnelIdle)
        cutTunnel(index, .tunnelIdleTimeout)
    }
}
