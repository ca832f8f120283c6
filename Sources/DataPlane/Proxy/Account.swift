import Engine
import Bytes
import HTTP
import HTTP1
import Kernel
import Routing
import Telemetry

// One access record for each exchange: a JSON line. Its first half is written when the request head is here and its
// bytes are at hand; the second when the exchange ends. Never waits: a full log costs lines, which are counted.

extension Worker {
    /// Room kept for the second half of a record.
    private static let endingBytes = 512
    /// A buffer of lines is handed over when it is this full, or this old.
    private static let logBytesWanted = 32_768
    private static let logAgeLimit: UInt64 = 200_000_000

    /// The first half, or `nil` when there is no access log.
    func beginRecord(_ client: UInt32, _ input: Buffer) -> Buffer? {
        guard writesRecords else { return nil }
        let record = buffers.take(.small)
        let bytes = input.readable
        let isTrusted = connections[client].isTrusted
        openRecord(client, isTrusted ? spokenFor(client, bytes) : connections[client].peer, record)
        record.append(",\"id\":\"")
        if !isTrusted || !appendKeptID(bytes, to: record) { record.append(requestIDs.current) }
        record.append("\",\"method\":\"")
        record.append(json: bytes.extracting(requestHead.methodStart..<requestHead.methodEnd), leaving: 1_536)
        record.append("\",\"host\":\"")
        record.append(json: bytes.extracting(requestHead.hostStart..<requestHead.hostEnd), leaving: 1_024)
        record.append("\",\"target\":\"")
        record.append(
            json: bytes.extracting(requestHead.targetStart..<requestHead.targetEnd), leaving: Self.endingBytes)
        record.append("\"")
        return record
    }

    /// The rule's name, once it is known. Names are escaped when the table is built.
    func recordRule(_ index: UInt32) {
        guard let record = exchanges[index].record else { return }
        let view = tables[Int(exchanges[index].table)].view
        let name = view.name(of: view.route(RouteID(number: exchanges[index].route)))
        guard record.room > name.count + Self.endingBytes - 64 else { return }
        record.append(",\"rule\":\"")
        record.append(name)
        record.append("\"")
    }

    private func openRecord(_ client: UInt32, _ address: SocketAddress, _ record: Buffer) {
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
        let name = listeners[Int(connections[client].listener)].name
        record.append(json: name.span, leaving: 1_536)
        record.append("\"")
    }

    /// Counts an exchange that is over, and writes its record.
    func account(_ index: UInt32) {
        count(status: Int(exchanges[index].status))
        guard let record = exchanges[index].record else { return }
        exchanges[index].record = nil
        let exchange = exchanges[index]
        if exchange.endpoint != Connection.nobody {
            let view = tables[Int(exchange.table)].view
            record.append(",\"endpoint\":\"")
            record.append(view.text(of: EndpointID(number: exchange.endpoint)))
            record.append("\"")
        }
        record.append(",\"status\":")
        record.append(decimal: UInt64(exchange.status))
        record.append(",\"received\":")
        record.append(decimal: exchange.requestBody.moved)
        record.append(",\"sent\":")
        record.append(decimal: exchange.responseBody.moved)
        if exchange.attempts > 1 || exchange.wasResent {
            record.append(",\"attempts\":")
            record.append(decimal: UInt64(exchange.attempts) + (exchange.wasResent ? 1 : 0))
        }
        if exchange.connected != 0 { appendTime(",\"connect_us\":", exchange.connected &- exchange.began, record) }
        if exchange.firstByte != 0 { appendTime(",\"first_byte_us\":", exchange.firstByte &- exchange.began, record) }
        appendTime(",\"total_us\":", loop.now &- exchange.began, record)
        record.append(",\"end\":\"")
        record.append(exchange.end.name)
        record.append("\"}\n")
        emit(record)
    }

    private func appendTime(_ key: StaticString, _ nanoseconds: UInt64, _ record: Buffer) {
        record.append(key)
        record.append(decimal: nanoseconds / 1_000)
    }

    /// A record for a request that never became an exchange.
    func recordRefusal(_ client: UInt32, _ status: Int, _ reason: StaticString) {
        guard writesRecords else { return }
        let record = buffers.take(.small)
        openRecord(client, connections[client].peer, record)
        record.append(",\"status\":")
        record.append(decimal: UInt64(status))
        record.append(",\"end\":\"refused\",\"reason\":\"")
        record.append(reason)
        record.append("\"}\n")
        emit(record)
    }

    private func emit(_ record: Buffer) {
        let lines = logBuffer ?? buffers.take(.large)
        if logBuffer == nil {
            logBuffer = lines
            logSince = loop.now
        }
        lines.append(record.readable)
        buffers.give(record)
        if lines.count >= Self.logBytesWanted { flushLog() }
    }

    func flushLogIfDue() {
        if logBuffer != nil, loop.now &- logSince >= Self.logAgeLimit { flushLog() }
    }

    func flushLog() {
        guard let lines = logBuffer else { return }
        logBuffer = nil
        tally.logLinesLost.add(UInt64(log.hand(over: lines.readable)))
        buffers.give(lines)
    }

    func count(status: Int) {
        switch status {
        case 200..<300: tally.status2xx.add()
        case 300..<400: tally.status3xx.add()
        case 400..<500: tally.status4xx.add()
        case 500...: tally.status5xx.add()
        case 100..<200: tally.status1xx.add()
        case _: break
        }
    }
}
