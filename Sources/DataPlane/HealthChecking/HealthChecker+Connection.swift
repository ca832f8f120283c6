import Balancing
import Bytes
import Contract
import Engine
import HTTP1
import Kernel
import Routing
import TLS
import Telemetry

// How a check is made: a connection, a request, an answer.

extension HealthChecker {
    func connect(_ index: Int) {
        checks[index].isReused = false
        checks[index].uses = 0
        tally.connects.add()
        let target = targets[checks[index].target].address
        let port = plans[checks[index].plan].plan.port ?? target.port
        let address =
            switch target.family {
            case .ipv4: SocketAddress(ipv4: UInt32(truncatingIfNeeded: target.low), port: port)
            case .ipv6: SocketAddress(ipv6High: target.high, low: target.low, port: port)
            }
        let kind = plans[checks[index].plan].plan.check.kind
        if kind == .udp { return probe(index, address) }
        switch loop.connect(to: address, for: kind == .tcp ? .knocking : .talking) {
        case .connected(let socket):
            guard keep(socket, index) else { return }
            checks[index].isWritable = true
            drive(index)
        case .inProgress(let socket): _ = keep(socket, index)
        case .failed(let code):
            finish(index, Socket.isShortage(code) ? .undecided(code) : .unreachable(code))
        }
    }

    func keep(_ socket: CInt, _ index: Int) -> Bool {
        serial &+= 1
        if serial == 0 { serial = 1 }
        do {
            try loop.poller.addEdgeTriggered(socket, token: Token(index: UInt32(index), generation: serial).raw)
        } catch {
            Socket.close(socket)
            finish(index, .undecided(error.code))
            return false
        }
        checks[index].socket = socket
        checks[index].serial = serial
        checks[index].stage = .connecting
        tally.connectionsOpen.add()
        return true
    }

    /// Closes the connection, if there is one.
    /// - Parameter reset: by a reset, which leaves no port waiting here: for what nobody listens to any more.
    func disconnect(_ index: Int, reset: Bool) {
        guard checks[index].socket >= 0 else { return }
        if checks[index].stage == .idle { idleCount -= 1 }
        if let session = checks[index].session {
            if !reset { session.shutdown() }
            session.free()
            checks[index].session = nil
        }
        if reset { Socket.setReset(checks[index].socket) }
        Socket.close(checks[index].socket)
        if let buffer = checks[index].input { buffers.give(buffer) }
        checks[index].input = nil
        checks[index].socket = -1
        checks[index].serial = 0
        checks[index].stage = .none
        checks[index].isReadable = false
        checks[index].isWritable = false
        checks[index].peerFinished = false
        checks[index].failed = false
        tally.connectionsOpen.subtract()
    }

    func note(_ readiness: Readiness, of index: Int) {
        if !readiness.isDisjoint(with: [.readable, .peerFinished, .hungUp, .failed]) {
            checks[index].isReadable = true
        }
        if !readiness.isDisjoint(with: [.writable, .hungUp, .failed]) { checks[index].isWritable = true }
        if !readiness.isDisjoint(with: [.peerFinished, .hungUp, .failed]) { checks[index].peerFinished = true }
        if !readiness.isDisjoint(with: [.hungUp, .failed]) { checks[index].failed = true }
    }

    /// Goes on as far as it goes.
    func drive(_ index: Int) {
        while checks[index].socket >= 0 {
            switch checks[index].stage {
            case .none: return
            case .connecting:
                guard checks[index].isWritable else { return }
                connected(index)
            case .handshaking:
                guard shakeHands(index) else { return }
            case .probing:
                guard checks[index].isReadable, readAnswer(index) else { return }
            case .sending:
                guard checks[index].isWritable, send(index) else { return }
            case .reading, .draining:
                guard checks[index].isReadable, receive(index) else { return }
            case .idle:
                guard checks[index].isReadable else { return }
                listen(index)
            }
        }
    }

    private func connected(_ index: Int) {
        let code = checks[index].failed ? Socket.takeError(checks[index].socket) : 0
        guard code == 0 else {
            disconnect(index, reset: false)
            return finish(index, .unreachable(code))
        }
        switch plans[checks[index].plan].plan.check.kind {
        case .tcp:
            disconnect(index, reset: true)
            finish(index, .passed)
        case .http: checks[index].stage = .sending
        case .https: secureConnection(index)
        case .udp: preconditionFailure("a datagram needs no connection")
        }
    }

    private func secureConnection(_ index: Int) {
        let name = plans[checks[index].plan].plan.serverName
        guard let secure,
            let session = TLSSession.connect(secure, descriptor: checks[index].socket, host: name)
        else {
            disconnect(index, reset: true)
            return finish(index, .undecided(Socket.outOfMemory))
        }
        checks[index].session = session
        checks[index].stage = .handshaking
    }

    /// `false`: it must wait, or it is over.
    private func shakeHands(_ index: Int) -> Bool {
        guard let session = checks[index].session else { return false }
        switch session.handshake() {
        case .done:
            checks[index].stage = .sending
            // What came behind the handshake is inside already.
            checks[index].isReadable = true
            return true
        case .wantsRead, .wantsWrite: return false
        case .closed: broke(index, .closedEarly)
        case .failed(let fault): broke(index, .handshakeFailed(fault.name))
        }
        return false
    }

    /// Nobody was asked anything, and something is there: the end, or what makes the connection unfit for another
    /// check. Only TLS has things of its own to say in between (RFC 8446 §4.6).
    private func listen(_ index: Int) {
        if let session = checks[index].session {
            let buffer = buffers.take(.normal)
            defer { buffers.give(buffer) }
            if case .wantsRead = session.read(into: buffer) {
                checks[index].isReadable = false
                return
            }
        }
        disconnect(index, reset: false)
    }

    /// `false`: it must wait, or it is over.
    private func send(_ index: Int) -> Bool {
        let plan = plans[checks[index].plan].plan
        let request = buffers.take(.normal)
        defer { buffers.give(request) }
        let host = plan.host ?? targets[checks[index].target].text
        // A span of a stored property ends with the access to it.
        let (before, behind) = (plan.before, plan.behind)
        request.append(before.span)
        request.append(host.span)
        request.append(behind.span)
        request.consume(checks[index].sent)
        switch send(request.readable, index) {
        case .bytes(let count) where count < request.count:
            checks[index].sent += count
            return true
        case .bytes:
            checks[index].stage = .reading
            checks[index].uses += 1
            return true
        case .wouldBlock:
            checks[index].isWritable = false
            return false
        case .endOfStream: broke(index, .closedEarly)
        case .failed(let code): broke(index, .unreachable(code))
        }
        return false
    }

    private func send(_ bytes: Span<UInt8>, _ index: Int) -> Transfer {
        guard let session = checks[index].session else { return Socket.send(checks[index].socket, bytes) }
        return transfer(session.write(bytes))
    }

    private func receive(into buffer: Buffer, _ index: Int) -> Transfer {
        guard let session = checks[index].session else { return Socket.receive(checks[index].socket, into: buffer) }
        return transfer(session.read(into: buffer))
    }

    private func transfer(_ transfer: TLSTransfer) -> Transfer {
        switch transfer {
        case .bytes(let count): .bytes(count)
        // Whichever it waits for: it is tried again with every event.
        case .wantsRead, .wantsWrite: .wouldBlock
        case .closed: .endOfStream
        // Many servers end without a word of TLS; how a body ends is told by its head.
        case .failed(let fault): fault.code == .truncated ? .endOfStream : .failed(Socket.protocolError)
        }
    }

    /// `false`: it must wait, or it is over.
    private func receive(_ index: Int) -> Bool {
        let buffer = checks[index].input ?? buffers.take(.normal)
        checks[index].input = buffer
        buffer.compact()
        // The reader leaves at most what is not a whole head, and refuses a head of this size.
        guard buffer.room > 0 else {
            broke(index, .malformedHead(.headTooLarge))
            return false
        }
        let room = buffer.room
        switch receive(into: buffer, index) {
        case .bytes(let count):
            // What is less than there was room for is all there is, unless the end follows.
            if count < room, !checks[index].peerFinished, checks[index].session == nil {
                checks[index].isReadable = false
            }
            let plan = plans[checks[index].plan].plan
            let taken = checks[index].response.read(buffer.readable, plan, into: &head)
            buffer.consume(taken)
            if buffer.isEmpty {
                buffers.give(buffer)
                checks[index].input = nil
            }
            return goOn(index)
        case .wouldBlock:
            checks[index].isReadable = false
            if buffer.isEmpty {
                buffers.give(buffer)
                checks[index].input = nil
            }
            return false
        case .endOfStream:
            if isForsaken(index) {
                broke(index, .closedEarly)
                return false
            }
            checks[index].response.finish()
            return goOn(index)
        case .failed(let code):
            broke(index, .unreachable(code))
            return false
        }
    }

    /// After something was read: the result, if it is there, and what becomes of the connection.
    private func goOn(_ index: Int) -> Bool {
        let (result, ending) = (checks[index].response.result, checks[index].response.ending)
        if let result, checks[index].stage == .reading {
            checks[index].stage = .draining
            finish(index, result)
        }
        switch ending {
        case .open: return true
        case .reusable where checks[index].uses < Self.checksPerConnection && idleCount < idleLimit:
            idleCount += 1
            checks[index].stage = .idle
            return true
        case .reusable, .mustClose:
            // Without a reset where the endpoint is content: its log has nothing to complain of.
            disconnect(index, reset: !checks[index].peerFinished && ending == .mustClose)
            return false
        }
    }

    /// Whether the endpoint gave up a connection that was there before the check, as it may at any time.
    private func isForsaken(_ index: Int) -> Bool { checks[index].isReused && !checks[index].response.hasBegun }

    /// The connection is of no use any more. A check that found it there is made once more over a new one.
    private func broke(_ index: Int, _ result: CheckResult) {
        let again = isForsaken(index) && checks[index].stage != .draining
        disconnect(index, reset: true)
        guard again else { return finish(index, result) }
        checks[index].response = CheckResponse()
        checks[index].sent = 0
        connect(index)
    }
}
