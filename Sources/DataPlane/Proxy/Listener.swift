import Telemetry
import Bytes
import Contract
import Engine
import HTTP
import Kernel
import Routing
import TLS

// Where clients come in. A listener stays registered level-triggered: what one turn does not accept, the next will.

extension Worker {
    /// Connections accepted in one turn from one listener, so that those already open are not kept waiting.
    static let acceptBatch = 64
    /// Nanoseconds until it is tried again after descriptors were used up. The listener stays readable: without the
    /// pause the loop would spin.
    static let exhaustionPause: UInt64 = 100_000_000

    func open(_ listener: WorkerListener) {
        if listener.isDatagrams { return openDatagrams(listener) }
        guard !isDraining else { return Socket.close(listener.socket) }
        while listeners.count <= listener.index {
            listeners.append(
                ListenerState(
                    token: Token(raw: .max), isSecure: false, port: 0, proxyProtocol: .off, name: [], socket: -1,
                    isOpen: false))
        }
        if listeners[listener.index].isOpen { closeListener(listener.index) }
        // Accepted sockets inherit it: one call here instead of one for each connection.
        Socket.setNoDelay(listener.socket)
        var entry = Connection(socket: listener.socket, role: .listener, phase: .open)
        entry.listener = UInt16(truncatingIfNeeded: listener.index)
        guard let token = connections.admit(entry) else { return Socket.close(listener.socket) }
        do {
            try loop.poller.addLevelTriggered(listener.socket, token: token.raw)
        } catch {
            connections.retire(token.index)
            return Socket.close(listener.socket)
        }
        listeners[listener.index] = ListenerState(
            token: token, isSecure: listener.isSecure, isRaw: listener.isRaw,
            connectionLimit: listener.connectionLimit, addressLimit: listener.addressLimit, port: listener.port,
            proxyProtocol: listener.proxyProtocol, name: Array(listener.name.utf8), socket: listener.socket,
            isOpen: true)
    }

    func closeListener(_ index: Int) {
        if closeDatagrams(index) { return }
        guard index < listeners.count, listeners[index].isOpen else { return }
        listeners[index].isOpen = false
        loop.poller.remove(listeners[index].socket)
        Socket.close(listeners[index].socket)
        connections.retire(listeners[index].token.index)
    }

    func acceptClients(_ index: UInt32) {
        let listener = connections[index].listener
        let socket = connections[index].socket
        for _ in 0..<Self.acceptBatch {
            guard clientCount < tunables.connectionLimit else { return pauseAccepting() }
            switch loop.accept(socket) {
            case .connection(let client, let peer): admit(client, peer, listener)
            case .wouldBlock: return
            case .aborted: continue
            case .exhausted:
                tally.limits.acceptsWithoutDescriptor.add()
                if makeRoom() { continue }
                tally.shed.add()
                acceptingAgain = loop.now &+ Self.exhaustionPause
                return pauseAccepting()
            }
        }
    }

    private func admit(_ socket: CInt, _ peer: SocketAddress, _ listener: UInt16) {
        tally.accepted.add()
        tally.listeners.add(.connects, of: UInt32(listener))
        var connection = Connection(socket: socket, role: .client, phase: .readingHead, peer: peer)
        connection.listener = listener
        connection.isWritable = true
        connection.waitingSince = loop.now
        connection.isTrusted = !trusted.isEmpty && trusted.contains(peer)
        let (isSecure, isOpenToAll) = (listeners[Int(listener)].isSecure, mayBeAnything(listener))
        switch firstPhase(listener, connection.isTrusted) {
        case .proxyHeader: connection.phase = .readingProxyHeader
        case .refused:
            tally.proxyHeadersUntrusted.add()
            return Socket.close(socket)
        case .service:
            if isOpenToAll {
                connection.phase = .readingPreface
            } else if isSecure {
                guard let session = newSession(socket) else { return Socket.close(socket) }
                connection.session = session
                connection.phase = .handshaking
            }
        }
        guard let token = connections.admit(connection) else {
            connection.session?.free()
            tally.shed.add()
            return Socket.close(socket)
        }
        do {
            try loop.poller.addEdgeTriggered(socket, token: token.raw)
        } catch {
            connection.session?.free()
            connections.retire(token.index)
            tally.shed.add()
            return Socket.close(socket)
        }
        clientCount += 1
        tally.clientsOpen.add()
        tally.listeners.add(.inFlight, of: UInt32(listener))
        guard enroll(token.index) else { return }
        if connection.phase == .readingPreface { return beginService(token.index) }
        loop.timers.set(
            token.index, at: loop.now &+ (connection.phase == .handshaking ? tunables.handshake : tunables.head))
    }

    private enum FirstPhase { case service, proxyHeader, refused }

    /// Only whose word about others is believed may say for whom it speaks.
    private func firstPhase(_ listener: UInt16, _ isTrusted: Bool) -> FirstPhase {
        switch listeners[Int(listener)].proxyProtocol {
        case .off: .service
        case .optional: isTrusted ? .proxyHeader : .service
        case .required: isTrusted ? .proxyHeader : .refused
        }
    }

    /// What comes is no request, or has to be looked at first.
    @inline(__always)
    private func mayBeAnything(_ listener: UInt16) -> Bool {
        if listeners[Int(listener)].isRaw { return true }
        guard !tables.isEmpty else { return false }
        let traits = tables[currentTable].view.traits(listener: Int(listener))
        return !traits.isDisjoint(with: [.names, .prefaces])
    }

    /// A server's side of TLS on a socket; `nil`, and counted, when there is none to be had.
    func newSession(_ socket: CInt) -> TLSSession? {
        guard !tables.isEmpty, let contexts = tables[currentTable].revision?.contexts,
            let session = TLSSession.accept(contexts, descriptor: socket)
        else {
            tally.handshakeFailures.add()
            return nil
        }
        return session
    }

    /// Nobody else is let in until somebody left: new connections wait in the kernel's backlog meanwhile.
    private func pauseAccepting() {
        guard isAccepting else { return }
        isAccepting = false
        setAccepting(false)
    }

    func resumeAcceptingIfRoom() {
        guard !isAccepting, clientCount < tunables.connectionLimit, loop.now >= acceptingAgain else { return }
        isAccepting = true
        setAccepting(true)
    }

    private func setAccepting(_ accepting: Bool) {
        for listener in listeners where listener.isOpen {
            loop.poller.setListening(listener.socket, token: listener.token.raw, accepting)
        }
    }
}
