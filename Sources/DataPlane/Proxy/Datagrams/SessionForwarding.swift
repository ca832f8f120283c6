import Bytes
import Engine
import Kernel
import Routing
import Telemetry

// What came for a session in a batch goes to its endpoint: several datagrams in one call, those of one size in one
// message (UDP_SEGMENT), which passes through the kernel once.

extension Worker {
    /// Sends all letters of the batch, session by session.
    func forwardLetters() {
        for index in addressed where book.sessions.isTaken(index) { forward(index) }
        addressed.removeAll(keepingCapacity: true)
        letters.removeAll(keepingCapacity: true)
    }

    private func forward(_ index: UInt32) {
        var letter = book.sessions[index].firstLetter
        book.sessions[index].firstLetter = Session.nobody
        var (datagrams, bytes) = (0, 0)
        while letter != Session.nobody {
            let (parcel, next) = (letters[Int(letter)].parcel, letters[Int(letter)].next)
            datagrams &+= parcel.datagramCount
            bytes &+= parcel.count
            incoming.load(parcel.forConnectedPeer())
            letter = next
        }
        if book.sessions[index].credit.receive(datagrams, bytes: bytes) {
            tally.datagrams.validated.add()
            book.trust(index)
        }
        book.sessions[index].moved = loop.now
        lastDatagram = loop.now
        if wantsMove(index) { moveSession(index) }
        let header = header(of: index)
        var sent = send(index, header)
        if sent.wasRefused {
            refused(index)
            // Nothing has reached anybody: who is next may have all of it.
            if sent.sent == 0, wantsMove(index), moveSession(index) { sent = send(index, header) }
        }
        incoming.unload()
        if let header { buffers.give(header) }
        loop.timers.set(book.sessions[index].connection, at: loop.now &+ book.sessions[index].terms.idle)
        count(index, sent, received: bytes)
    }

    private func send(_ index: UInt32, _ header: Buffer?) -> Dispatch {
        let socket = connections[book.sessions[index].connection].socket
        let sent = incoming.send(
            on: socket, header: header, segmenting: &book.sessions[index].segmenting)
        tally.datagrams.calls.add(UInt64(sent.calls))
        tally.datagrams.joined.add(UInt64(sent.joined))
        return sent
    }

    private func count(_ index: UInt32, _ sent: Dispatch, received: Int) {
        tally.datagrams.forwarded.add(UInt64(sent.sent))
        if sent.lost > 0 { tally.datagrams.unforwarded.add(UInt64(sent.lost)) }
        let (route, endpoint) = (book.sessions[index].route, book.sessions[index].endpoint)
        if route != Session.nobody { tally.rules.add(.received, of: route, UInt64(received)) }
        if endpoint != Session.nobody { tally.endpoints.add(.received, of: endpoint, UInt64(sent.bytes)) }
        tally.listeners.add(.received, of: UInt32(book.sessions[index].key.listener), UInt64(received))
    }
}
