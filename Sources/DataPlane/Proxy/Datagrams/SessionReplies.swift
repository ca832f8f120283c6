import Balancing
import Engine
import Kernel
import Routing
import Telemetry

// What endpoints answer goes into slots of the worker's outgoing mailbox, and from there to the clients, all of a turn
// together: one call for many clients.

extension Worker {
    /// Turns in a row in which an endpoint sent, until many datagrams are asked for at once; and rounds of all slots in
    /// one turn then.
    private static let streamTurns: UInt8 = 4
    private static let replyRounds = 4

    /// A session's socket stays registered level-triggered: what one turn leaves in it, the next will find. Most have
    /// one answer to one question: asking for more would be a look for nothing, and the dearer call.
    func sessionReady(_ index: UInt32, _ readiness: Readiness) {
        let session = connections[index].exchange
        if readiness.contains(.failed), Socket.isRefusal(Socket.takeError(connections[index].socket)) {
            refused(session)
        }
        if book.sessions[session].isStream { return collectMany(index, session) }
        let slot = replySlot(for: book.sessions[session].key.listener)
        let received = outgoing.receiveOne(from: connections[index].socket, into: slot)
        switch received {
        case .parcels:
            tally.datagrams.calls.add()
            replySlots &+= 1
            noteStreak(session, connections[index].socket)
            _ = reply(session, outgoing[slot])
        case .wouldBlock: break
        case .failed(let code): if Socket.isRefusal(code) { refused(session) }
        }
    }

    private func noteStreak(_ session: UInt32, _ socket: CInt) {
        let isNext = turnNumber &- book.sessions[session].lastTurn == 1
        book.sessions[session].lastTurn = turnNumber
        guard isNext else { return book.sessions[session].streak = 0 }
        book.sessions[session].streak &+= 1
        guard book.sessions[session].streak >= Self.streamTurns else { return }
        Socket.joinDatagrams(socket)
        book.sessions[session].isStream = true
    }

    @inline(never)
    private func collectMany(_ index: UInt32, _ session: UInt32) {
        for _ in 0..<Self.replyRounds {
            let first = replySlot(for: book.sessions[session].key.listener)
            let asked = Mailbox.slotCount &- first
            switch outgoing.receive(from: connections[index].socket, first: first, limit: asked, peers: false) {
            case .parcels(let count):
                tally.datagrams.calls.add()
                replySlots &+= count
                for slot in first..<first &+ count {
                    guard reply(session, outgoing[slot]) else { return }
                }
                if count < asked { return }
            case .wouldBlock: return
            // Told once; what came before it or after it is still there.
            case .failed(let code): if Socket.isRefusal(code) { refused(session) }
            }
        }
    }

    /// A slot for what comes next; what is to leave by another listener, or has filled all slots, is sent first.
    @inline(__always)
    private func replySlot(for listener: UInt16) -> Int {
        if replySlots == Mailbox.slotCount || replyListener != listener { flushReplies() }
        replyListener = listener
        return replySlots
    }

    /// Lets what came go to the client, as far as it may have it. `false`: that was the session's last.
    private func reply(_ index: UInt32, _ parcel: Parcel) -> Bool {
        let datagrams = parcel.datagramCount
        tally.datagrams.replies.add(UInt64(datagrams))
        guard !parcel.isCut else {
            tally.datagrams.cut.add()
            return true
        }
        let allowed = book.sessions[index].credit.admit(
            datagrams, bytes: parcel.count, segment: parcel.segment, book.sessions[index].terms)
        if allowed < datagrams { tally.datagrams.amplified.add(UInt64(datagrams &- allowed)) }
        book.sessions[index].moved = loop.now
        lastDatagram = loop.now
        loop.timers.set(book.sessions[index].connection, at: loop.now &+ book.sessions[index].terms.idle)
        if !book.sessions[index].isJudged { judgeSession(index, .answered) }
        if allowed > 0 { gather(index, parcel.first(allowed)) }
        guard book.sessions[index].credit.isComplete(book.sessions[index].terms) else { return true }
        endSession(index, .complete)
        return false
    }

    private func gather(_ index: UInt32, _ parcel: Parcel) {
        var part = parcel
        part.peer = book.sessions[index].key.peer
        part.local = book.sessions[index].key.local
        if outgoing.isFullyLoaded { flushReplies(keepingSlots: true) }
        outgoing.load(part)
        let (route, endpoint) = (book.sessions[index].route, book.sessions[index].endpoint)
        if route != Session.nobody { tally.rules.add(.sent, of: route, UInt64(part.count)) }
        if endpoint != Session.nobody { tally.endpoints.add(.sent, of: endpoint, UInt64(part.count)) }
        tally.listeners.add(.sent, of: UInt32(replyListener), UInt64(part.count))
    }

    /// Sends what was gathered, at the end of a turn or when the slots are used up.
    func flushReplies(keepingSlots: Bool = false) {
        if !keepingSlots { replySlots = 0 }
        guard outgoing.loadedCount > 0 else { return }
        let listener = Int(replyListener)
        let socket = datagramListeners[listener].socket
        guard socket >= 0 else {
            tally.datagrams.unsent.add(UInt64(outgoing.loadedCount))
            return outgoing.unload()
        }
        let sent = outgoing.send(on: socket, header: nil, segmenting: &datagramListeners[listener].segmenting)
        outgoing.unload()
        tally.datagrams.calls.add(UInt64(sent.calls))
        tally.datagrams.joined.add(UInt64(sent.joined))
        tally.datagrams.sent.add(UInt64(sent.sent))
        tally.datagrams.sentBytes.add(UInt64(sent.bytes))
        if sent.lost > 0 { tally.datagrams.unsent.add(UInt64(sent.lost)) }
    }
}
