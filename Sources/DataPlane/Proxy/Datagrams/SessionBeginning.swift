import Balancing
import Engine
import Kernel
import Routing
import Telemetry

// A client that has no session gets one: if there is a rule that lets it in, room, an endpoint and a socket. If not,
// its datagram is dropped and counted; a client of a protocol without connections asks again.

extension Worker {
    /// Nanoseconds for which the session of a client that was not seen to answer is left alone: who comes anew takes
    /// the place of none that may have its answer under way.
    static let strangerGrace: UInt64 = 1_000_000_000

    /// The new session, or `nil`: the datagram was counted and is to be forgotten.
    @inline(never)
    func beginSession(_ key: SessionKey, _ tag: UInt32, _ destination: SocketAddress) -> UInt32? {
        guard !tables.isEmpty else { return drop(tally.datagrams.withoutRoute) }
        let view = tables[currentTable].view
        guard let id = view.transportRoute(listener: Int(key.listener)) else {
            return drop(tally.datagrams.withoutRoute)
        }
        let route = view.route(id)
        if route.hasOptions {
            let (high, low) = key.client.words
            guard view.admits(view.options(of: route), high: high, low: low) else {
                return drop(tally.datagrams.denied)
            }
        }
        let transport = view.transport(of: route)
        guard makeRoom(in: id.number, Int(transport.sessions.limit)) else { return nil }
        var session = Session(
            key: key, tag: tag, destination: destination, route: id.number, terms: transport.sessions, now: loop.now)
        session.sendsHeader = transport.header == .version2
        guard enroll(&session) else { return nil }
        guard let choice = chooseEndpoint(for: session, view, route, without: Session.nobody) else {
            withdraw(session)
            wakeEndpoints(view, route)
            return drop(tally.datagrams.withoutEndpoint)
        }
        guard let index = book.admit(session) else {
            withdraw(session)
            returnPass(choice, .neither, view, route)
            return drop(tally.datagrams.beyondWorker)
        }
        guard dial(index, choice, view, route) else {
            withdraw(book.sessions[index])
            book.retire(index)
            return drop(tally.datagrams.withoutSocket)
        }
        tally.datagrams.sessions.add()
        tally.datagrams.sessionsOpen.add()
        tally.listeners.add(.connects, of: UInt32(key.listener))
        tally.listeners.add(.inFlight, of: UInt32(key.listener))
        tally.rules.add(.inFlight, of: id.number)
        return index
    }

    private func drop(_ counter: borrowing Counter) -> UInt32? {
        counter.add()
        return nil
    }

    /// Whether the rule and the worker have room for one more, which the oldest stranger may have to make.
    private func makeRoom(in route: UInt32, _ limit: Int) -> Bool {
        let isRuleFull = book.count(of: route) >= limit
        guard isRuleFull || clientCount + book.count >= tunables.connectionLimit else { return true }
        let silence = loop.now > Self.strangerGrace ? loop.now &- Self.strangerGrace : 0
        if let stranger = book.oldestStranger(of: route, silentSince: silence) {
            endSession(stranger, .evicted)
            return true
        }
        if isRuleFull { tally.datagrams.beyondRule.add() } else { tally.datagrams.beyondWorker.add() }
        return false
    }

    /// Counts the session at its listener and its client's address, unless there are as many as may be.
    private func enroll(_ session: inout Session) -> Bool {
        let (ofListener, ofAddress) = sessionLimits(Int(session.key.listener))
        if ofListener > 0 {
            let counts = listenerCounts ?? census.listeners()
            listenerCounts = counts
            guard counts.enter(Int(session.key.listener), limit: ofListener) else {
                tally.datagrams.beyondListener.add()
                return false
            }
            session.isCounted = true
        }
        // Those that a trusted proxy sends are its clients'.
        let isTrusted = !trusted.isEmpty && trusted.contains(session.key.client)
        guard ofAddress > 0, !isTrusted else { return true }
        let counts = addressCounts ?? census.addresses()
        addressCounts = counts
        let (high, low) = session.key.client.words
        switch counts.enter(high: high, low: low, limit: ofAddress) {
        case .counted(let place): session.addressPlace = place
        case .crowded: tally.limits.addressesUncounted.add()
        case .full:
            tally.datagrams.beyondAddress.add()
            withdraw(session)
            return false
        }
        return true
    }

    /// Sessions of a listener and of one client's address, over all workers; 0: no limit.
    private func sessionLimits(_ listener: Int) -> (UInt64, UInt64) {
        (
            datagramListeners[listener].sessionLimit ?? tunables.connectionsPerListener,
            datagramListeners[listener].addressLimit ?? tunables.connectionsPerAddress
        )
    }

    func withdraw(_ session: Session) {
        if session.isCounted { listenerCounts?.leave(Int(session.key.listener)) }
        if session.addressPlace != Session.nobody { addressCounts?.leave(session.addressPlace) }
    }

    /// Opens the session's socket to the endpoint. `false`: there is none to be had, and the endpoint is free again.
    func dial(_ index: UInt32, _ choice: EndpointChoice, _ view: RouteView, _ route: Route) -> Bool {
        let number = choice.endpoint
        let address = SocketAddress(view.endpoint(EndpointID(number: number)))
        var dialled = Socket.connectDatagrams(to: address)
        if case .failed(let code) = dialled, Socket.isExhaustion(code), makeRoom() {
            dialled = Socket.connectDatagrams(to: address)
        }
        guard case .connected(let socket) = dialled else {
            if case .failed(let code) = dialled, Socket.isExhaustion(code) {
                tally.limits.connectsWithoutDescriptor.add()
            } else {
                // No way leads there.
                tally.endpoints.add(.connectFailures, of: number)
            }
            returnPass(choice, .failed, view, route)
            return false
        }
        var connection = Connection(socket: socket, role: .session, phase: .open, peer: address)
        connection.endpoint = number
        connection.exchange = index
        guard let token = connections.admit(connection) else {
            Socket.close(socket)
            returnPass(choice, .neither, view, route)
            return false
        }
        do {
            try loop.poller.addLevelTriggered(socket, token: token.raw)
        } catch {
            connections.retire(token.index)
            Socket.close(socket)
            returnPass(choice, .neither, view, route)
            return false
        }
        book.sessions[index].connection = token.index
        book.sessions[index].segmenting = true
        book.sessions[index].isStream = false
        book.sessions[index].streak = 0
        loop.timers.set(token.index, at: loop.now &+ book.sessions[index].terms.idle)
        enterEndpoint(session: index, choice, route)
        return true
    }
}

extension SocketAddress {
    init(_ address: EndpointAddress) {
        switch address.family {
        case .ipv4: self.init(ipv4: UInt32(truncatingIfNeeded: address.low), port: address.port)
        case .ipv6: self.init(ipv6High: address.high, low: address.low, port: address.port)
        }
    }
}
