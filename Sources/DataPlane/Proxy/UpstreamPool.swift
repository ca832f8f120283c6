import Bytes
import Telemetry
import Engine
import HTTP
import Kernel
import Routing

// Idle connections to endpoints, kept by endpoint and not by route: two routes to one endpoint share them, and a change
// of configuration that keeps the endpoint keeps them.

extension Worker {
    /// Puts a connection into the pool when it can serve again, or closes it.
    func poolOrClose(_ index: UInt32) {
        let endpoint = connections[index].endpoint
        let state = endpoints[Int(endpoint)]
        // Bytes behind a response are nobody's; a readable socket means the same, or that the upstream has closed.
        guard !isDraining, connections[index].input == nil, !connections[index].isReadable,
            state.pooledCount < tunables.idlePerEndpoint,
            tables[currentTable].view.contains(EndpointID(number: endpoint))
        else { return closeUpstream(index) }
        releaseOutput(index)
        connections[index].phase = .pooled
        connections[index].isReused = true
        connections[index].exchange = Connection.nobody
        connections[index].scanned = 0
        connections[index].previous = Connection.nobody
        connections[index].next = state.firstPooled
        if state.firstPooled != Connection.nobody { connections[state.firstPooled].previous = index }
        endpoints[Int(endpoint)].firstPooled = index
        endpoints[Int(endpoint)].pooledCount += 1
        tally.endpoints.add(.idle, of: endpoint)
        loop.timers.set(index, at: loop.now &+ tunables.upstreamIdle)
        // Somebody whom a full window keeps could have it.
        endpointFreed(endpoint)
    }

    /// Takes the most recently used pooled connection to an endpoint.
    func takePooled(_ endpoint: UInt32) -> UInt32? {
        let index = endpoints[Int(endpoint)].firstPooled
        guard index != Connection.nobody else { return nil }
        unpool(index)
        return index
    }

    /// A pooled connection for an exchange. What may not be sent twice gets none that its endpoint has closed already:
    /// the event may wait behind the one that brought the request, and then only the socket knows.
    func takePooled(_ endpoint: UInt32, for index: UInt32) -> UInt32? {
        while let pooled = takePooled(endpoint) {
            guard !exchanges[index].method.isIdempotent, hasEnded(pooled) else { return pooled }
            closeUpstream(pooled, wasPooled: false)
        }
        return nil
    }

    /// Whether an idle connection is over, or has bytes that are nobody's.
    private func hasEnded(_ index: UInt32) -> Bool {
        let scratch = buffers.take(.small)
        defer { buffers.give(scratch) }
        switch Socket.peek(connections[index].socket, into: scratch, limit: 1) {
        case .wouldBlock: return false
        case .bytes, .endOfStream, .failed: return true
        }
    }

    private func unpool(_ index: UInt32) {
        let connection = connections[index]
        if connection.previous == Connection.nobody {
            endpoints[Int(connection.endpoint)].firstPooled = connection.next
        } else {
            connections[connection.previous].next = connection.next
        }
        if connection.next != Connection.nobody { connections[connection.next].previous = connection.previous }
        endpoints[Int(connection.endpoint)].pooledCount -= 1
        tally.endpoints.subtract(.idle, of: connection.endpoint)
    }

    /// Endpoints that left the configuration keep no idle connections. They end by a reset: after a FIN each would keep
    /// a port of ours for a minute, and whoever comes next at the same address would be dialled ever more slowly, until
    /// no port is left. Nothing is under way on them that a reset could destroy.
    func closePooled(notIn view: RouteView) {
        for number in endpoints.indices where endpoints[number].firstPooled != Connection.nobody {
            guard !view.contains(EndpointID(number: UInt32(number))) else { continue }
            while let index = takePooled(UInt32(number)) {
                Socket.setReset(connections[index].socket)
                closeUpstream(index, wasPooled: false)
            }
        }
    }

    /// The connect is over, one way or another.
    func leaveConnecting(_ index: UInt32) {
        if connections[index].isCountedConnect { leaveConnects(index) }
        endpoints[Int(connections[index].endpoint)].connectingCount -= 1
        endpointFreed(connections[index].endpoint)
    }

    func closeUpstream(_ index: UInt32) { closeUpstream(index, wasPooled: connections[index].phase == .pooled) }

    private func closeUpstream(_ index: UInt32, wasPooled: Bool) {
        if wasPooled { unpool(index) }
        if connections[index].phase == .connecting { leaveConnecting(index) }
        if connections[index].isStalled { leaveStalled(index) }
        if connections[index].isCounted { leaveConnections(index) }
        endpoints[Int(connections[index].endpoint)].openCount -= 1
        release(index)
        tally.upstreamsOpen.subtract()
    }
}
