import Bytes
import Engine
import Kernel
import Routing
import Telemetry

// What an exchange waits for, how long it may, and what becomes of it when that was too long.

/// A wait of an exchange, by the name of its setting.
enum Wait: UInt8, CaseIterable { case bodyIdle, connect, firstByte, responseIdle, tunnelIdle, total }

/// Whose deadline has passed.
enum Side { case client, upstream }

extension Worker {
    /// How long a wait may last, in nanoseconds: as the exchange's rule says, or the edge. 0 of `total` is none.
    @inline(__always)
    func allowance(_ wait: Wait, _ index: UInt32) -> UInt64 {
        if exchanges[index].rules.contains(.timeouts) {
            let own = ownAllowance(wait, options(index).timeouts)
            if own != RouteTimeouts.asTheEdge { return own }
        }
        return switch wait {
        case .bodyIdle: tunables.bodyIdle
        case .connect: tunables.connect
        case .firstByte: tunables.firstByte
        case .responseIdle: tunables.responseIdle
        case .tunnelIdle: tunables.tunnelIdle
        case .total: tunables.total
        }
    }

    private func ownAllowance(_ wait: Wait, _ timeouts: RouteTimeouts) -> UInt64 {
        switch wait {
        case .bodyIdle: timeouts.bodyIdle
        case .connect: timeouts.connect
        case .firstByte: timeouts.firstByte
        case .responseIdle: timeouts.responseIdle
        case .tunnelIdle: timeouts.tunnelIdle
        case .total: timeouts.total
        }
    }

    /// When a wait that begins now is over; the exchange's own end comes first if it is nearer.
    @inline(__always)
    func due(_ wait: Wait, _ index: UInt32) -> UInt64 {
        min(loop.now &+ allowance(wait, index), exchanges[index].deadline)
    }

    /// Limits the whole exchange, where it is limited.
    func setExchangeDeadline(_ index: UInt32) {
        let total = allowance(.total, index)
        if total > 0 { exchanges[index].deadline = exchanges[index].began &+ total }
    }

    /// Whose turn it is: a client that sends a body must keep sending, an upstream that has the request must answer.
    func setDeadlines(_ index: UInt32) {
        let client = exchanges[index].client
        let upstream = exchanges[index].upstream
        switch (exchanges[index].requestPhase, exchanges[index].responsePhase) {
        case (.streaming, .awaitingHead), (.streaming, .streaming):
            loop.timers.set(client, at: due(.bodyIdle, index))
            loop.timers.clear(upstream)
        case (.sent, .awaitingHead):
            if connections[client].peerFinished { watchHalfClosed(index) } else { loop.timers.clear(client) }
            loop.timers.set(upstream, at: due(.firstByte, index))
        case (.sent, .streaming):
            loop.timers.clear(client)
            loop.timers.set(upstream, at: due(.responseIdle, index))
        case (_, .tunnelling):
            // Nobody knows how long a conversation should be.
            exchanges[index].deadline = .max
            loop.timers.clear(client)
            loop.timers.set(upstream, at: due(.tunnelIdle, index))
        case (.verifying, _), (.held, _): preconditionFailure("an exchange that has no upstream was pumped")
        case (_, .finished): preconditionFailure("an exchange that is over waits for nobody")
        }
    }

    /// What the exchange is waiting for.
    func currentWait(_ index: UInt32) -> Wait {
        if exchanges[index].held.isGathering { return .bodyIdle }
        let upstream = exchanges[index].upstream
        if upstream == Connection.nobody || connections[upstream].phase == .connecting { return .connect }
        if exchanges[index].opensTunnel { return .connect }
        return switch (exchanges[index].requestPhase, exchanges[index].responsePhase) {
        case (_, .tunnelling): .tunnelIdle
        // There is no upstream, which was told above.
        case (.verifying, _), (.held, _): .connect
        case (.streaming, _): .bodyIdle
        case (.sent, .awaitingHead): .firstByte
        case (.sent, .streaming), (.sent, .finished): .responseIdle
        }
    }

    /// - Parameter side: whose deadline it was.
    func exchangeTimedOut(_ index: UInt32, waitingFor side: Side) {
        guard loop.now < exchanges[index].deadline else { return totalTimedOut(index) }
        let wait = currentWait(index)
        switch wait {
        case .bodyIdle:
            let upstream = exchanges[index].upstream
            // It may be the upstream that does not take what the client sends.
            if upstream == Connection.nobody || connections[upstream].isWritable {
                clientLate(index, wait)
            } else {
                upstreamLate(index, wait)
            }
        case .firstByte:
            switch side {
            case .client: probeHalfClosed(index)
            case .upstream: upstreamLate(index, wait)
            }
        case .responseIdle:
            if connections[exchanges[index].client].isWritable {
                upstreamLate(index, wait)
            } else {
                clientLate(index, wait)
            }
        case .tunnelIdle: upstreamLate(index, wait)
        case .connect:
            switch side {
            // Or left over from before the request had to be sent again.
            case .client: if exchanges[index].hold.cause != .none { holdTimedOut(index) }
            case .upstream: upstreamFailed(index, .connectTimeout)
            }
        case .total: break
        }
    }

    private func clientLate(_ index: UInt32, _ wait: Wait) {
        tally.clientTimeouts.add()
        tally.timeouts.count(wait)
        let cause = wait == .responseIdle ? .responseStuckTimeout : EndCause(wait)
        if exchanges[index].responseBegan { return abort(index, cause) }
        exchanges[index].end = cause
        answer(index, .requestTimeout)
    }

    private func upstreamLate(_ index: UInt32, _ wait: Wait) {
        guard exchanges[index].responseBegan else { return upstreamFailed(index, .timeout) }
        tally.upstreamTimeouts.add()
        countFailure(index)
        abortLate(index, wait)
    }

    /// The exchange as a whole took too long, whoever is to blame for it.
    private func totalTimedOut(_ index: UInt32) {
        if exchanges[index].responseBegan { return abortLate(index, .total) }
        tally.timeouts.count(.total)
        exchanges[index].end = .totalTimeout
        answer(index, exchanges[index].requestBody.isFinished ? .exchangeTimeout : .requestTimeout)
    }

    private func abortLate(_ index: UInt32, _ wait: Wait) {
        tally.timeouts.count(wait)
        abort(index, EndCause(wait))
    }
}

extension EndCause {
    init(_ wait: Wait) {
        self =
            switch wait {
            case .bodyIdle: .bodyIdleTimeout
            case .connect: .connectTimeout
            case .firstByte: .firstByteTimeout
            case .responseIdle: .responseIdleTimeout
            case .tunnelIdle: .tunnelIdleTimeout
            case .total: .totalTimeout
            }
    }
}
