import Balancing
import Engine
import Kernel
import Routing
import Telemetry

// What endpoints answer goes into slots of the worker's outgoing mailbox, and from there to the clients, all of a turn
// together: one call for many clients.

extension Worker {
    /// Slots that a session's socket is asked to fill in one call, at first; and rounds of all slots in one turn.
    private static let firstReplies = 4
    private static let replyRounds = 4

    func sessionReady(_ index: UInt32, _ readiness: Readiness) {
        if readiness.contains(.failed), Socket.isRefusal(Socket.takeError(connections[index].socket)) {
            refused(connections[index].exchange)
        }
        collectReplies(index)
    }

    /// Goes on with sockets that had more than a turn's share.
    func collectUnread() {
        guard !unread.isEmpty else { return }
        let tokens = unread
        unread.removeAll(keepingCapacity: true)
        for token in tokens where connections.holds(token) { collectReplies(token.index) }
    }

    private func collectReplies(_ index: UInt32) {
        let (socket, session) = (connections[index].socket, connections[index].exchange)
        let listener = book.sessions[session].key.listener
        var (limit, left) = (Self.firstReplies, Self.replyRounds * Mailbox.slotCount)
        while left > 0 {
            if replySlots == Mailbox.slotCount || replyListener != listener { flushReplies() }
            replyListener = listener
            let asked = min(limit, Mailbox.slotCount &- replySlots)
            switch outgoing.receive(from: socket, first: replySlots, limit: asked, peers: false) {
            case .parcels(let count):
                tally.datagrams.calls.add()
                let first = replySlots
                replySlots &+= count
                for slot in first..<first &+ count { reply(session, outgoing[slot]) }
                if book.sessions[session].credit.isComplete(book.sessions[session].terms) {
                    return endSession(session, .complete)
                }
                if count < asked { return }
                left &-= count
                limit = Mailbox.slotCount
            case .wouldBlock: return
            case .failed(let code):
                // Told once; what came before it or after it is still there.
                if Socket.isRefusal(code) { refused(session) }
                left &-= 1
            }
        }
        unread.append(connections.token(index))
    }

    /// Lets what came go to the client, as far as it may have it.
    private func reply(_ index: UInt32, _ parcel: Parcel) {
        let datagrams = parcel.datagramCount
        tally.datagrams.replies.add(UInt64(datagrams))
        guard !parcel.isCut else { return tally.datagrams.cut.add() }
        let allowed = book.sessions[index].credit.admit(
            datagrams, bytes: parcel.count, segment: parcel.segment, book.sessions[index].terms)
        if allowed < datagrams { tally.datagrams.amplified.add(UInt64(datagrams &- allowed)) }
        book.sessions[index].moved = loop.now
        lastDatagram = loop.now
        loop.timers.set(book.sessions[index].connection, at: loop.now &+ book.sessions[index].terms.idle)
        if !book.sessions[index].isJudged { judgeSession(index, .answered) }
        guard allowed > 0 else { return }
        var part = parcel.first(allowed)
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
