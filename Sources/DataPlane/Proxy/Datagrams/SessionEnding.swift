import Bytes
import Contract
import Engine
import Kernel
import Routing
import Telemetry

// How sessions end, and what is written of them.

extension Worker {
    /// Nanoseconds since a datagram in which a session counts as under way, when the worker drains.
    static let sessionBusy: UInt64 = 1_000_000_000

    func sessionTimedOut(_ index: UInt32) { endSession(connections[index].exchange, .idle) }

    /// The one way out.
    func endSession(_ index: UInt32, _ end: SessionEnd) {
        recordSession(index, end)
        tally.datagrams.count(end)
        tally.datagrams.sessionsOpen.subtract()
        let session = book.sessions[index]
        tally.listeners.subtract(.inFlight, of: UInt32(session.key.listener))
        if session.route != Session.nobody { tally.rules.subtract(.inFlight, of: session.route) }
        leaveEndpoint(session: index)
        withdraw(session)
        release(session.connection)
        book.retire(index)
    }

    /// Whether some session may still get an answer.
    var hasBusySession: Bool { !book.isEmpty && loop.now &- lastDatagram < Self.sessionBusy }

    /// The worker ends.
    func endSessions() {
        for index in 0..<book.sessions.extent where book.sessions.isTaken(index) { endSession(index, .drained) }
        for index in datagramListeners.indices where datagramListeners[index].socket >= 0 {
            Socket.close(datagramListeners[index].socket)
            datagramListeners[index].socket = -1
        }
    }

    // MARK: The record

    private func recordSession(_ index: UInt32, _ end: SessionEnd) {
        guard writesRecords else { return }
        let weight = book.sessions[index].isRefused ? 1 : takeWeight()
        guard weight > 0 else { return }
        let record = buffers.take(.small)
        let session = book.sessions[index]
        let name = datagramListeners[Int(session.key.listener)].name
        switch recordFormat {
        case .json:
            openRecord(session.key.client, listener: name.span, record)
            closeRecord(session, end, weight, record)
        case .combined:
            // Readers want a method, a target and a status: nobody was answered, or somebody was.
            openCombined(session.key.client, record)
            record.append("UDP ")
            record.append(quotable: name.span, leaving: RecordRoom.host)
            record.append(" -\" ")
            record.append(session.credit.sentCount > 0 ? "200 " : "504 ")
            record.append(decimal: session.credit.sentBytes)
            record.append(" \"-\" \"-\"\n")
        }
        emit(record)
    }

    private func closeRecord(_ session: Session, _ end: SessionEnd, _ weight: UInt32, _ record: Buffer) {
        record.append(",\"protocol\":\"udp\"")
        let view = tables[currentTable].view
        let id = RouteID(number: session.route)
        if session.route != Session.nobody, view.contains(id) {
            let name = view.name(of: view.route(id))
            if record.room >= name.count + RecordRoom.ending {
                record.append(",\"rule\":\"")
                record.append(name)
                record.append("\"")
            }
        }
        record.append(",\"endpoint\":\"")
        let endpoint = connections[session.connection].peer
        if endpoint.family == .ipv6 { record.append("[") }
        append(endpoint, to: record)
        if endpoint.family == .ipv6 { record.append("]") }
        record.append(":")
        record.append(decimal: UInt64(endpoint.port))
        record.append("\",\"received\":")
        record.append(decimal: session.credit.receivedBytes)
        record.append(",\"sent\":")
        record.append(decimal: session.credit.sentBytes)
        record.append(",\"datagrams_received\":")
        record.append(decimal: session.credit.receivedCount)
        record.append(",\"datagrams_sent\":")
        record.append(decimal: session.credit.sentCount)
        appendWeight(weight, record)
        record.append(",\"total_us\":")
        record.append(decimal: (loop.now &- session.began) / 1_000)
        record.append(",\"end\":\"")
        record.append(end.name)
        record.append("\"}\n")
    }
}
