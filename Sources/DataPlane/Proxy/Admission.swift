import Engine
import Kernel
import Routing
import Telemetry

// Who is let in, where the number of those inside is limited over all workers (`Census`): connections of a listener and
// of an address, exchanges that wait at a pool. And who has to go when descriptors are used up.

/// Which limit keeps a connection out.
enum Refusal: UInt8 { case listenerFull, addressFull }

extension Worker {
    /// Connections that are told so at one time before they are closed; of more, none hears a word.
    private static let turnedAwayLimit = 256

    /// Counts a connection that was just accepted, or turns it away. `false`: it is gone, or going.
    func enroll(_ index: UInt32) -> Bool {
        let limit =
            listeners[Int(connections[index].listener)].connectionLimit ?? tunables.connectionsPerListener
        if limit > 0 {
            let counts = listenerCounts ?? census.listeners()
            listenerCounts = counts
            guard counts.enter(Int(connections[index].listener), limit: limit) else {
                tally.limits.connectionsPerListener.add()
                turnAway(index, .listenerFull)
                return false
            }
            connections[index].isCounted = true
        }
        // For whom it speaks is not known yet.
        return connections[index].phase == .readingProxyHeader || enrollAddress(index)
    }

    /// The same for the connection's peer, which may have been told by a PROXY protocol header. A trusted proxy has as
    /// many as it likes: they are its clients'.
    func enrollAddress(_ index: UInt32) -> Bool {
        let listener = Int(connections[index].listener)
        let own = listeners[listener].addressLimit
        let limit = own ?? tunables.connectionsPerAddress
        guard limit > 0, !connections[index].isTrusted else { return true }
        let counts = addressCounts ?? census.addresses()
        addressCounts = counts
        let (high, low) = connections[index].peer.words
        // A limit of the listener's own counts what comes to it alone.
        switch counts.enter(high: high, low: low, of: own == nil ? -1 : listener, limit: limit) {
        case .counted(let place): connections[index].addressPlace = place
        case .crowded: tally.limits.addressesUncounted.add()
        case .full:
            tally.limits.connectionsPerAddress.add()
            turnAway(index, .addressFull)
            return false
        }
        return true
    }

    /// Tells a client that speaks HTTP why it is not let in, while those who are told are few; a client that would
    /// have to be spoken to in TLS first is closed without a word.
    private func turnAway(_ index: UInt32, _ refusal: Refusal) {
        guard connections[index].phase == .readingHead, connections[index].session == nil,
            turnedAwayCount < Self.turnedAwayLimit
        else { return closeClient(index) }
        turnedAwayCount += 1
        connections[index].isTurnedAway = true
        switch refusal {
        case .listenerFull: refuse(index, .overloaded, "listener full")
        case .addressFull: refuse(index, .tooManyConnections, "too many connections")
        }
    }

    /// A client's connection ends: others may come in its place.
    func withdraw(_ index: UInt32) {
        if connections[index].isCounted { listenerCounts?.leave(Int(connections[index].listener)) }
        if connections[index].addressPlace != Connection.nobody {
            addressCounts?.leave(connections[index].addressPlace)
        }
        if connections[index].isTurnedAway { turnedAwayCount -= 1 }
    }

    /// Lets the exchange wait at its pool, for a connect or a response, unless as many wait there as may.
    @inline(__always)
    func enterPool(_ index: UInt32) -> Bool {
        let isOwn = exchanges[index].rules.contains(.pendingLimit)
        guard isOwn || tunables.pendingPerPool > 0 else { return true }
        return enterLimitedPool(index, isOwn ? options(index).pendingLimit : tunables.pendingPerPool)
    }

    private func enterLimitedPool(_ index: UInt32, _ limit: UInt64) -> Bool {
        guard limit > 0 else { return true }
        let counts = poolCounts ?? census.pools()
        poolCounts = counts
        exchanges[index].isPending = counts.enter(Int(exchanges[index].route), limit: limit)
        return exchanges[index].isPending
    }

    /// The exchange's response has begun, or never will.
    @inline(__always)
    func leavePool(_ index: UInt32) {
        guard exchanges[index].isPending else { return }
        exchanges[index].isPending = false
        poolCounts?.leave(Int(exchanges[index].route))
    }

    /// Descriptors are used up: an idle connection to an endpoint goes before anybody is turned away. `false`: this
    /// worker has none.
    func makeRoom() -> Bool {
        for number in endpoints.indices where endpoints[number].firstPooled != Connection.nobody {
            tally.limits.idleClosedForRoom.add()
            closeUpstream(endpoints[number].firstPooled)
            return true
        }
        return false
    }
}
