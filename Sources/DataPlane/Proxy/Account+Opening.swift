import Bytes
import Contract
import Engine
import HTTP
import HTTP1
import Kernel
import Routing
import TLS
import Telemetry

// The first half of a record: who asked for what.

/// Room in a record, in bytes: what strangers sent is cut so that the rest always fits.
enum RecordRoom {
    /// Kept for the second half.
    static let ending = 640
    /// Kept for the rule's name as well; one that is longer when escaped is left out.
    static let rule = 96
    /// Kept behind the host, so that a target can still be told.
    static let target = 1_024
    /// Kept behind what comes before the host.
    static let host = 1_536
}

extension Worker {
    /// The first half, if there is an access log.
    func beginRecord(_ client: UInt32, _ input: Buffer, _ exchange: inout Exchange) {
        guard writesRecords else { return }
        let record = buffers.take(.small)
        exchange.record = record
        let bytes = input.readable
        let isTrusted = connections[client].isTrusted
        let address = isTrusted ? spokenFor(client, bytes) : connections[client].peer
        guard recordFormat == .json else {
            return exchange.recordSplit = beginCombined(address, bytes, record)
        }
        openRecord(client, address, record)
        if let session = connections[client].session { appendTLS(session, record) }
        record.append(",\"id\":\"")
        if !isTrusted || !appendKeptID(bytes, to: record) { record.append(requestIDs.current) }
        record.append("\",\"method\":\"")
        record.append(
            json: bytes.extracting(requestHead.methodStart..<requestHead.methodEnd), leaving: RecordRoom.host)
        record.append("\",\"host\":\"")
        record.append(json: bytes.extracting(requestHead.hostStart..<requestHead.hostEnd), leaving: RecordRoom.target)
        record.append("\",\"target\":\"")
        record.append(
            json: bytes.extracting(requestHead.targetStart..<requestHead.targetEnd),
            leaving: RecordRoom.ending + RecordRoom.rule)
        record.append("\"")
    }

    func appendTLS(_ session: TLSSession, _ record: Buffer) {
        record.append(",\"tls\":\"")
        record.append(tlsVersionName(session.negotiatedVersion))
        record.append("\",\"cipher\":\"")
        record.append(json: session.cipherName, leaving: RecordRoom.host)
        record.append("\"")
    }

    /// The rule's name, once it is known. Names are escaped when the table is built.
    func recordRule(_ index: UInt32) {
        guard let record = exchanges[index].record, exchanges[index].recordSplit == 0 else { return }
        let view = tables[Int(exchanges[index].table)].view
        let name = view.name(of: view.route(RouteID(number: exchanges[index].route)))
        guard record.room >= name.count + RecordRoom.ending + 16 else { return }
        record.append(",\"rule\":\"")
        record.append(name)
        record.append("\"")
    }

    func openRecord(_ client: UInt32, _ address: SocketAddress, _ record: Buffer) {
        let name = listeners[Int(connections[client].listener)].name
        openRecord(address, listener: name.span, record)
    }

    func openRecord(_ address: SocketAddress, listener name: Span<UInt8>, _ record: Buffer) {
        let wall = loop.wall
        let second = wall / 1_000_000_000
        let time = logTime ?? buffers.take(.small)
        if second != logSecond || logTime == nil {
            time.clear()
            time.append("{\"time\":\"")
            CivilTime(unixSeconds: second).append(to: time)
            time.append(UInt8(ascii: "."))
            logTime = time
            logSecond = second
        }
        record.append(time.readable)
        let milliseconds = wall / 1_000_000 % 1_000
        if milliseconds < 100 { record.append(UInt8(ascii: "0")) }
        if milliseconds < 10 { record.append(UInt8(ascii: "0")) }
        record.append(decimal: milliseconds)
        record.append("Z\",\"client\":\"")
        append(address, to: record)
        record.append("\",\"listener\":\"")
        record.append(json: name, leaving: RecordRoom.host)
        record.append("\"")
    }
}

/// As OpenSSL calls it.
private func tlsVersionName(_ version: UInt16) -> StaticString {
    switch version {
    case 0x0303: "TLSv1.2"
    case 0x0304: "TLSv1.3"
    case _: "unknown"
    }
}
