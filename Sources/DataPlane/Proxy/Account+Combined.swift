import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Routing
import Telemetry

// Records in the format that Apache calls "combined" and that nginx writes too:
//
//     client - - [time] "method target version" status sent "referer" "user agent"
//
// What strangers sent is between quotes and cannot end them. Status and size are known last but stand in the middle, so
// they are put in when the line is complete.

extension Worker {
    /// Kept for the referer and the user agent, in bytes; and for the user agent alone.
    private static let behindTarget = 900
    private static let behindReferer = 450

    /// All that is known when the head is complete. Answers where the status belongs.
    func beginCombined(_ address: SocketAddress, _ bytes: Span<UInt8>, _ record: Buffer) -> UInt16 {
        openCombined(address, record)
        record.append(
            quotable: bytes.extracting(requestHead.methodStart..<requestHead.methodEnd), leaving: RecordRoom.host)
        record.append(UInt8(ascii: " "))
        record.append(
            quotable: bytes.extracting(requestHead.targetStart..<requestHead.targetEnd), leaving: Self.behindTarget)
        record.append(requestHead.version == .http11 ? " HTTP/1.1\"" : " HTTP/1.0\"")
        let split = UInt16(truncatingIfNeeded: record.count)
        appendQuoted(.referer, bytes, record, leaving: Self.behindReferer)
        appendQuoted(.userAgent, bytes, record, leaving: 16)
        record.append(UInt8(ascii: "\n"))
        return split
    }

    /// From the client through the quote that opens the request line.
    func openCombined(_ address: SocketAddress, _ record: Buffer) {
        append(address, to: record)
        let second = loop.wall / 1_000_000_000
        let time = logTime ?? buffers.take(.small)
        if second != logSecond || logTime == nil {
            time.clear()
            time.append(" - - [")
            CivilTime(unixSeconds: second).append(commonTo: time)
            time.append("] \"")
            logTime = time
            logSecond = second
        }
        record.append(time.readable)
    }

    /// The first line of this field, or `-`.
    private func appendQuoted(_ field: KnownField, _ bytes: Span<UInt8>, _ record: Buffer, leaving reserve: Int) {
        record.append(" \"")
        var isThere = false
        for number in 0..<requestHead.fieldCount where requestHead[number].known == field {
            record.append(quotable: bytes.extracting(requestHead[number].value), leaving: reserve)
            isThere = true
            break
        }
        if !isThere { record.append(UInt8(ascii: "-")) }
        record.append(UInt8(ascii: "\""))
    }

    func emitCombined(_ index: UInt32, _ record: Buffer) {
        let split = Int(exchanges[index].recordSplit)
        let lines = beginLine()
        let bytes = record.readable
        lines.append(bytes.extracting(first: split))
        // Readers want three digits. For a client that left before it was told anything nginx has made 499 known.
        let unsaid: UInt16 = exchanges[index].end == .drained ? 503 : 499
        let status = exchanges[index].status
        appendOutcome(Int(status == 0 ? unsaid : status), exchanges[index].responseBody.moved, lines)
        lines.append(bytes.extracting(split..<bytes.count))
        buffers.give(record)
        endLine(lines)
    }

    /// - Parameter record: through the request line.
    func emitCombinedRefusal(_ answer: Answer, _ sent: Int, _ record: Buffer) {
        appendOutcome(answer.status, UInt64(sent), record)
        record.append(" \"-\" \"-\"\n")
        emit(record)
    }

    private func appendOutcome(_ status: Int, _ sent: UInt64, _ line: Buffer) {
        line.append(UInt8(ascii: " "))
        line.append(decimal: UInt64(status))
        line.append(UInt8(ascii: " "))
        line.append(decimal: sent)
    }
}
