import Balancing
import Telemetry
import Bytes
import Contract
import Engine
public import Kernel
import Routing

// The loop of a worker: wait, give each event to whoever it is for, look after deadlines, start again.

extension Worker {
    /// Serves until drained. On the worker's own thread.
    public func run() throws(SystemError) {
        while try turn() {}
    }

    /// One batch of events and what follows from it. `false`: it is drained, and nothing is left to do.
    func turn() throws(SystemError) -> Bool {
        let count = try loop.wait(limit: waitLimit)
        for index in 0..<count {
            let (token, readiness) = loop.event(index)
            guard connections.holds(token) else { continue }
            dispatch(token.index, readiness)
        }
        flushReplies()
        turnNumber &+= 1
        resumeClients()
        endWaits()
        if loop.now >= nextTend { tendRoutes() }
        if !isAccepting { resumeAcceptingIfRoom() }
        if hasClosedDatagrams { endSessionsOfClosedListeners() }
        flushLogIfDue()
        connections.reclaim()
        book.reclaim()
        exchanges.reclaim()
        tunnels.reclaim()
        return !(isDraining && hasDrained)
    }

    /// Milliseconds the loop may sleep when no deadline is nearer.
    private var waitLimit: CInt {
        if !resumable.isEmpty { return 0 }
        if nextTend != .max { return waitToTend }
        if isDraining || hasClosedDatagrams { return 50 }
        return logBuffer == nil ? (isAccepting ? -1 : 100) : 200
    }

    /// A log that waits is looked at in time, and so is the end of a drain.
    private var waitToTend: CInt {
        let left = nextTend > loop.now ? (nextTend &- loop.now) / 1_000_000 &+ 1 : 0
        return CInt(min(left, isDraining || hasClosedDatagrams || logBuffer != nil || !isAccepting ? 50 : 1_000))
    }

    private func dispatch(_ index: UInt32, _ readiness: Readiness) {
        switch connections[index].role {
        case .client:
            let hadFinished = connections[index].peerFinished
            note(readiness, of: index)
            if readiness.contains(.failed), connections[index].phase == .exchanging {
                // A reset: nobody is there to be answered, so the upstream need not go on.
                return abort(connections[index].exchange, .clientClosed)
            }
            if !hadFinished, connections[index].peerFinished, connections[index].phase == .exchanging {
                clientFinished(connections[index].exchange)
            }
            clientReady(index)
        case .upstream:
            note(readiness, of: index)
            upstreamReady(index, readiness)
        case .session: sessionReady(index, readiness)
        case .datagrams: receiveDatagrams(index)
        case .listener: acceptClients(index)
        case .bell: takeMessages()
        }
    }

    private func note(_ readiness: Readiness, of index: UInt32) {
        if !readiness.isDisjoint(with: [.readable, .peerFinished, .hungUp, .failed]) {
            connections[index].isReadable = true
        }
        if !readiness.isDisjoint(with: [.writable, .hungUp, .failed]) { connections[index].isWritable = true }
        if !readiness.isDisjoint(with: [.peerFinished, .hungUp, .failed]) { connections[index].peerFinished = true }
    }

    /// Has a client go on in the next turn of the loop, though no event may come for it.
    func resume(_ client: UInt32) {
        guard !connections[client].isResuming else { return }
        connections[client].isResuming = true
        resumable.append(connections.token(client))
    }

    /// Goes on with clients that were left in the middle, one request each, so that none starves the others.
    private func resumeClients() {
        guard !resumable.isEmpty else { return }
        let tokens = resumable
        resumable.removeAll(keepingCapacity: true)
        for token in tokens where connections.holds(token) {
            connections[token.index].isResuming = false
            clientReady(token.index)
        }
    }

    private func endWaits() {
        loop.timers.expire(now: loop.now, into: &expired)
        guard !expired.isEmpty else { return }
        for index in expired where connections.isTaken(index) && loop.timers.confirm(index) {
            switch connections[index].role {
            case .client: clientTimedOut(index)
            case .upstream: upstreamTimedOut(index)
            case .session: sessionTimedOut(index)
            case .bell: tendEndpoints()
            case .listener, .datagrams: break
            }
        }
        expired.removeAll(keepingCapacity: true)
    }

    private func takeMessages() {
        for message in inbox.takeAll() {
            switch message {
            case .adopt(let revision): adopt(revision)
            case .open(let listener): open(listener)
            case .close(let index): closeListener(index)
            case .drain(let deadline): drain(until: deadline)
            case .verified(let exchange, let isRight): verified(exchange, isRight)
            case .verdicts(let verdicts): take(verdicts)
            }
        }
    }

    private func adopt(_ revision: Revision) {
        forgetTallies()
        let old = currentTable
        currentTable = tables.firstIndex { $0.revision == nil } ?? tables.count
        let slot = TableSlot(revision: revision, view: revision.table.view)
        if currentTable == tables.count { tables.append(slot) } else { tables[currentTable] = slot }
        apply(revision.settings)
        securePort = revision.securePort
        trust(revision.trusted)
        adoptSessions(slot.view)
        while endpoints.count < revision.table.endpointIDLimit { endpoints.append(EndpointState()) }
        adoptEndpoints(slot.view)
        while cursors.count < revision.table.routeIDLimit { cursors.append(UInt32(truncatingIfNeeded: cursors.count)) }
        while budgets.count < revision.table.routeIDLimit { budgets.append(RetryBudget()) }
        while pools.count < revision.table.routeIDLimit { pools.append(PoolState(cursor: random.next())) }
        closePooled(notIn: slot.view)
        adoptPoolCircuits(slot.view)
        if old != currentTable, old < tables.count { adoptHolding(from: tables[old].view, to: slot.view) }
        if old != currentTable, old < tables.count { releaseTable(old) }
        tally.tableChanges.add()
        revision.adopted()
    }

    /// Lets a revision go once it is not current and no exchange uses it.
    func releaseTable(_ slot: Int) {
        guard slot != currentTable, tables[slot].exchangeCount == 0 else { return }
        tables[slot].revision = nil
    }

    private func drain(until deadline: UInt64) {
        guard !isDraining else { return drainDeadline = min(drainDeadline, deadline) }
        isDraining = true
        drainDeadline = deadline
        for index in listeners.indices where listeners[index].isOpen { closeListener(index) }
        drainDatagrams()
        for index in 0..<connections.extent where connections.isTaken(index) {
            let connection = connections[index]
            switch connection.phase {
            case .readingHead where connection.input == nil && connection.output == nil && !connection.isReadable:
                endIdle(index)
            case .pooled: closeUpstream(index)
            case .open, .readingProxyHeader, .readingPreface, .handshaking, .readingHead, .exchanging, .closing,
                .lingering, .connecting, .securing, .tunnelling:
                break
            }
        }
    }

    private var hasDrained: Bool {
        if clientCount > 0 || hasBusySession, loop.now < drainDeadline { return false }
        flushLog()
        endSessions()
        for index in 0..<connections.extent where connections.isTaken(index) {
            switch connections[index].role {
            case .client:
                let exchange = connections[index].exchange
                if connections[index].phase == .tunnelling {
                    endTunnel(exchange, .drained)
                } else if exchange != Connection.nobody {
                    abort(exchange, .drained)
                } else {
                    closeClient(index)
                }
            case .upstream, .session, .listener, .datagrams, .bell: break
            }
        }
        flushLog()
        return true
    }
}
