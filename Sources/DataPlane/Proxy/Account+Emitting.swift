import Bytes
import Engine
import Telemetry

// Lines are gathered in a large buffer and handed over together.

extension Worker {
    /// A buffer of lines is handed over when it is this full, or this old.
    private static let logBytesWanted = 32_768
    private static let logAgeLimit: UInt64 = 200_000_000

    /// Puts a finished record among the lines and gives its buffer back.
    func emit(_ record: Buffer) {
        let lines = beginLine()
        lines.append(record.readable)
        buffers.give(record)
        endLine(lines)
    }

    /// The buffer of lines, with room for one of the longest.
    @inline(__always)
    func beginLine() -> Buffer {
        if let lines = logBuffer { return lines }
        let lines = buffers.take(.large)
        logBuffer = lines
        logSince = loop.now
        return lines
    }

    @inline(__always)
    func endLine(_ lines: Buffer) {
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
}
