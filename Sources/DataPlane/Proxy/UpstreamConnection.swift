import HTTP
import Telemetry
import Balancing
import Bytes
import Engine
import Kernel
import Routing

// How an exchange gets its upstream connection, loses it, and gets another.

/// Whether a pooled connection will do.
enum UpstreamChoice { case pooledOrFresh, fresh }

/// How an upstream connection failed its exchange.
enum UpstreamFailure { case refused, connectTimeout, closed, malformed, timeout }

extension Worker {
    /// Endpoints tried for one request at most.
    static let attemptLimit: UInt32 = 16

    /// Finds the exchange an upstream connection: of the candidates in order, the first that is pooled or to which a
    /// connect can begin. `head` is what will be sent.
    func takeUpstream(_ index: UInt32, _ head: Buffer, _ choice: UpstreamChoice) {
        let view = tables[Int(exchanges[index].poolTable)].view
        let route = view.route(RouteID(number: exchanges[index].route))
        let list = view.endpoints(of: route)
        if exchanges[index].chosen == 0 { exchanges[index].chosen = loop.now }
        exchanges[index].connected = 0
        while let endpoint = exchanges[index].hasPlan ? balance(index, view, route) : nextInTurn(index, list) {
            exchanges[index].endpoint = endpoint.number
            if choice == .pooledOrFresh, !exchanges[index].opensTunnel,
                let pooled = takePooled(endpoint.number, for: index)
            {
                tally.upstreamReused.add()
                connections[pooled].phase = .exchanging
                attach(pooled, to: index, head)
                exchanges[index].connected = loop.now
                if exchanges[index].hold.cause != .none { endHolding(index, hasDialled: false) }
                return pump(index)
            }
            exchanges[index].hasDialled = true
            switch dial(endpoint, view.endpoint(endpoint)) {
            case .begun(let fresh):
                awaitConnect(fresh, index)
                return attach(fresh, to: index, head)
            case .exhausted:
                // No other endpoint's fault either.
                buffers.give(head)
                tally.shed.add()
                return answer(index, .overloaded)
            case .failed: break
            }
            tally.upstreamConnectFailures.add()
            tally.endpoints.add(.connectFailures, of: endpoint.number)
            judge(index, .failed)
        }
        let scarcity = scarcity(index, view, route)
        if let cause = Hold.Cause(scarcity), hold(index, head, cause, hasTried: true) { return }
        buffers.give(head)
        switch scarcity {
        case .deserted: answer(index, .noEndpoint)
        case .full: answer(index, .poolFull)
        case .broken(let wait): answer(index, .circuitOpen, retryIn: wait)
        case .tried: answer(index, .connectFailed)
        }
    }

    /// The next of a pool without a plan: each has its turn.
    @inline(__always)
    private func nextInTurn(_ index: UInt32, _ list: EndpointList) -> EndpointID? {
        let count = UInt32(list.count)
        guard exchanges[index].attempts < min(count, Self.attemptLimit) else { return nil }
        let place = (exchanges[index].firstCandidate &+ exchanges[index].attempts) % count
        exchanges[index].attempts += 1
        // The next request begins behind what this one takes, or a neighbour of a dead endpoint gets two shares.
        // Not behind a retry: of two endpoints the failing one would always be the first.
        if exchanges[index].attempts > 1, exchanges[index].retryCount == 0 {
            Candidates.advance(&cursors[Int(exchanges[index].route)], past: Int(place))
        }
        return list[Int(place)]
    }

    private func attach(_ upstream: UInt32, to index: UInt32, _ head: Buffer) {
        connections[upstream].exchange = index
        connections[upstream].output = head
        exchanges[index].upstream = upstream
        enterEndpoint(index, connections[upstream].endpoint)
    }

    func upstreamReady(_ index: UInt32, _ readiness: Readiness) {
        switch connections[index].phase {
        case .connecting:
            guard !readiness.isDisjoint(with: [.writable, .failed, .hungUp]) else { return }
            let exchange = connections[index].exchange
            // Whose connect has failed has more to say than that it may be written to.
            let isInDoubt = !readiness.isDisjoint(with: [.failed, .hungUp])
            guard !isInDoubt || Socket.takeError(connections[index].socket) == 0 else {
                return upstreamFailed(exchange, .refused)
            }
            leaveConnecting(index)
            noteConnected(index)
            connections[index].phase = .exchanging
            connections[index].isWritable = true
            exchanges[exchange].connected = loop.now
            if exchanges[exchange].hold.cause != .none { endHolding(exchange, hasDialled: true) }
            if !heldRoutes.isEmpty { endOutage(exchanges[exchange].route) }
            if exchanges[exchange].opensTunnel { return upstreamOpened(exchange) }
            pump(exchange)
        case .exchanging: pump(connections[index].exchange)
        case .securing: continueOpening(connections[index].exchange)
        case .tunnelling: pumpTunnel(connections[index].exchange)
        case .pooled:
            // Whatever an idle upstream says, it is not an answer to anything.
            if connections[index].isReadable { closeUpstream(index) }
        case .open, .readingProxyHeader, .readingPreface, .handshaking, .readingHead, .closing, .lingering:
            preconditionFailure("an upstream connection in a phase of others")
        }
    }

    func upstreamTimedOut(_ index: UInt32) {
        switch connections[index].phase {
        case .connecting: connectTimedOut(index)
        case .tunnelling: tunnelTimedOut(connections[index].exchange)
        case .securing, .exchanging: exchangeTimedOut(connections[index].exchange, waitingFor: .upstream)
        case .pooled:
            tally.timeouts.upstreamIdle.add()
            closeUpstream(index)
        case .open, .readingProxyHeader, .readingPreface, .handshaking, .readingHead, .closing, .lingering:
            preconditionFailure("an upstream connection in a phase of others")
        }
    }

    /// Takes the upstream connection away from its exchange and answers what it had to send.
    func detach(_ index: UInt32) -> Buffer? {
        let upstream = exchanges[index].upstream
        let head = connections[upstream].output
        connections[upstream].output = nil
        leaveEndpoint(index, connections[upstream].endpoint)
        if exchanges[index].pass != .none { giveBackPass(index, .neither) }
        exchanges[index].upstream = Connection.nobody
        if heldCount > 0 { noteFreed(exchanges[index].route) }
        closeUpstream(upstream)
        return head
    }

    /// Ends the exchange's hold on its upstream connection, which goes back to the pool or is closed.
    func releaseUpstream(_ index: UInt32, canPool: Bool) {
        let upstream = exchanges[index].upstream
        guard upstream != Connection.nobody else { return }
        leaveEndpoint(index, connections[upstream].endpoint)
        exchanges[index].upstream = Connection.nobody
        if heldCount > 0 { noteFreed(exchanges[index].route) }
        if canPool { poolOrClose(upstream) } else { closeUpstream(upstream) }
    }

    /// The upstream connection failed while the client has seen nothing of a final response.
    ///
    /// - Connecting failed: nothing was sent, so any request may go to the next candidate.
    /// - A pooled connection was closed before a byte of the response (the upstream's idle limit met our request half
    ///   way): an idempotent request is sent once more, on a fresh connection (RFC 9110 §9.2.2).
    /// - A fresh connection was closed, or nothing came in time: an idempotent request may go to another endpoint
    ///   (`Retrying`).
    /// - Anything else is answered.
    func upstreamFailed(_ index: UInt32, _ failure: UpstreamFailure) {
        let upstream = exchanges[index].upstream
        switch failure {
        case .refused, .connectTimeout:
            tally.upstreamConnectFailures.add()
            tally.endpoints.add(.connectFailures, of: exchanges[index].endpoint)
            judge(index, .failed)
            if failure == .connectTimeout { tally.timeouts.count(.connect) }
            guard let head = detach(index) else { preconditionFailure("a connect without a request") }
            // Of a tunnel's the endpoint may have had a part.
            if exchanges[index].opensTunnel { head.rewind() }
            guard exchanges[index].retries.causes.contains(.connect), hasCandidate(index)
            else {
                let cause = failure == .refused ? Hold.Cause.refused : .connectTimeout
                if hold(index, head, cause, hasTried: true) { return }
                buffers.give(head)
                if failure == .connectTimeout { exchanges[index].end = .connectTimeout }
                return answer(index, Answer(cause))
            }
            tally.upstreamRetries.add()
            takeUpstream(index, head, .pooledOrFresh)
        case .closed:
            let mayResend =
                connections[upstream].isReused && exchanges[index].isReplayable
                && exchanges[index].resentTo != exchanges[index].endpoint && exchanges[index].method.isIdempotent
            if mayResend, let head = detach(index) {
                rewindRequest(index, head)
                exchanges[index].wasResent = true
                exchanges[index].resentTo = exchanges[index].endpoint
                exchanges[index].requestPhase = .streaming
                exchanges[index].attempts -= 1
                tally.upstreamRetries.add()
                return takeUpstream(index, head, .fresh)
            }
            tally.upstreamAborts.add()
            countFailure(index)
            if retry(index, after: .closed) { return }
            answer(index, .upstreamClosed)
        case .malformed:
            tally.upstreamMalformed.add()
            countFailure(index)
            answer(index, .upstreamMalformed)
        case .timeout:
            let wait = currentWait(index)
            tally.upstreamTimeouts.add()
            countFailure(index)
            tally.timeouts.count(wait)
            if exchanges[index].firstByte == 0, retry(index, after: .timeout) { return }
            exchanges[index].end = EndCause(wait)
            answer(index, .upstreamTimeout)
        }
    }

    func hasCandidate(_ index: UInt32) -> Bool {
        let view = tables[Int(exchanges[index].poolTable)].view
        let route = view.route(RouteID(number: exchanges[index].route))
        let limit = exchanges[index].hasPlan ? UInt32(Turn.limit) : Self.attemptLimit
        return exchanges[index].attempts < min(UInt32(route.endpointCount), limit)
    }
}
