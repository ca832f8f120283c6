import Contract
import Engine
import Kernel
import Telemetry

// Where datagrams come in: by the batch, each put to its session, before anything is sent.

/// A socket that clients send to.
struct DatagramListener {
    var socket: CInt = -1
    var token = Token(raw: .max)
    /// Datagrams are taken from it. One that drains still sends answers.
    var isOpen = false
    /// It is of no use to the process that takes over any more, or to anybody: its sessions end soon after.
    var closedAt: UInt64 = 0
    /// Where it is bound.
    var address = SocketAddress(ipv4: 0, port: 0)
    var proxyProtocol = Contract.Listener.ProxyProtocol.off
    /// Of sessions, of all clients and of one address; `nil`: as the edge has it, 0: none.
    var sessionLimit: UInt64?
    var addressLimit: UInt64?
    /// Whether several datagrams may go to one client as one.
    var segmenting = true
    var name: [UInt8] = []
}

/// A datagram of this batch, or several together, and the next that came for the same session.
struct Letter: BitwiseCopyable {
    var parcel: Parcel
    var next = Session.nobody
}

extension Worker {
    /// Batches taken in one turn from one listener, so that others get theirs.
    static let datagramBatches = 4
    /// Nanoseconds that sessions outlive their listener's socket: a listener that is opened anew finds them.
    static let closedGrace: UInt64 = 2_000_000_000

    func openDatagrams(_ listener: WorkerListener) {
        guard !isDraining else { return Socket.close(listener.socket) }
        while datagramListeners.count <= listener.index { datagramListeners.append(DatagramListener()) }
        if datagramListeners[listener.index].isOpen { closeDatagrams(listener.index) }
        let address = Socket.localAddress(listener.socket) ?? SocketAddress(ipv4: 0, port: 0)
        Socket.prepareDatagrams(listener.socket, tellsDestination: address.isUnspecified)
        var entry = Connection(socket: listener.socket, role: .datagrams, phase: .open)
        entry.listener = UInt16(truncatingIfNeeded: listener.index)
        guard let token = connections.admit(entry) else { return Socket.close(listener.socket) }
        do {
            try loop.poller.addLevelTriggered(listener.socket, token: token.raw)
        } catch {
            connections.retire(token.index)
            return Socket.close(listener.socket)
        }
        datagramListeners[listener.index] = DatagramListener(
            socket: listener.socket, token: token, isOpen: true, address: address,
            proxyProtocol: listener.proxyProtocol, sessionLimit: listener.connectionLimit,
            addressLimit: listener.addressLimit, name: Array(listener.name.utf8))
    }

    /// `false`: no such listener takes datagrams.
    @discardableResult
    func closeDatagrams(_ index: Int) -> Bool {
        guard index < datagramListeners.count, datagramListeners[index].isOpen else { return false }
        stopReading(index)
        Socket.close(datagramListeners[index].socket)
        datagramListeners[index].socket = -1
        datagramListeners[index].closedAt = loop.now
        hasClosedDatagrams = true
        return true
    }

    /// Whoever else has the socket gets what comes from now on; answers still leave by it.
    func drainDatagrams() {
        for index in datagramListeners.indices where datagramListeners[index].isOpen { stopReading(index) }
    }

    private func stopReading(_ index: Int) {
        datagramListeners[index].isOpen = false
        loop.poller.remove(datagramListeners[index].socket)
        connections.retire(datagramListeners[index].token.index)
    }

    /// Ends the sessions of listeners that were not opened again.
    func endSessionsOfClosedListeners() {
        var isWaiting = false
        for number in datagramListeners.indices
        where datagramListeners[number].socket < 0 && datagramListeners[number].closedAt != 0 {
            guard loop.now &- datagramListeners[number].closedAt >= Self.closedGrace else {
                isWaiting = true
                continue
            }
            datagramListeners[number].closedAt = 0
            for index in 0..<book.sessions.extent
            where book.sessions.isTaken(index) && Int(book.sessions[index].key.listener) == number {
                endSession(index, .closed)
            }
        }
        hasClosedDatagrams = isWaiting
    }

    // MARK: - A batch

    func receiveDatagrams(_ index: UInt32) {
        let (socket, listener) = (connections[index].socket, connections[index].listener)
        for _ in 0..<Self.datagramBatches {
            switch incoming.receive(from: socket, first: 0, limit: Mailbox.slotCount, peers: true) {
            case .parcels(let count):
                tally.datagrams.calls.add()
                for slot in 0..<count { sort(incoming[slot], listener) }
                forwardLetters()
                if count < Mailbox.slotCount { return }
            case .wouldBlock, .failed: return
            }
        }
    }

    /// Puts what came to its session.
    private func sort(_ parcel: Parcel, _ listener: UInt16) {
        let datagrams = parcel.datagramCount
        tally.datagrams.received.add(UInt64(datagrams))
        tally.datagrams.receivedBytes.add(UInt64(parcel.count))
        guard let peer = parcel.peer, !parcel.isCut else { return tally.datagrams.cut.add() }
        let address = datagramListeners[Int(listener)].address
        var destination = address
        if let local = parcel.local {
            destination = local
            destination.port = address.port
        }
        let key = SessionKey(peer: peer, client: peer, local: parcel.local, listener: listener)
        switch datagramListeners[Int(listener)].proxyProtocol {
        case .off: enclose(parcel, key, destination)
        case .optional, .required: sortProxied(parcel, key, destination)
        }
    }

    /// Puts a parcel behind those that came for its session in this batch.
    func enclose(_ parcel: Parcel, _ key: SessionKey, _ destination: SocketAddress) {
        let tag = book.tag(of: key)
        var index = book.find(key, tag: tag)
        if index == Session.nobody {
            guard let new = beginSession(key, tag, destination) else { return }
            index = new
        }
        let letter = UInt32(letters.count)
        letters.append(Letter(parcel: parcel))
        if book.sessions[index].firstLetter == Session.nobody {
            book.sessions[index].firstLetter = letter
            addressed.append(index)
        } else {
            letters[Int(book.sessions[index].lastLetter)].next = letter
        }
        book.sessions[index].lastLetter = letter
    }
}
