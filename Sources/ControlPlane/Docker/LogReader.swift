/// What a container wrote, one line.
public struct LogEntry: Equatable, Sendable, Codable {
    public enum Level: String, Sendable, Codable, CaseIterable {
        case debug = "DEBUG"
        case info = "INFO"
        case warn = "WARN"
        case error = "ERROR"
    }

    public var containerId: String
    /// Milliseconds since 1970; 0 where the engine says none.
    public var timestamp: Int64
    public var message: String
    /// Guessed by its words; by standard what comes on standard error is no more than a warning.
    public var level: Level

    init(_ container: String, _ line: [UInt8], isError: Bool) {
        containerId = container
        var text = String(decoding: line, as: UTF8.self)
        timestamp = 0
        if let blank = text.firstIndex(of: " "), let time = EngineTime.milliseconds(String(text[..<blank])) {
            timestamp = time
            text = String(text[text.index(after: blank)...])
        }
        message = text
        level = Self.level(of: text, isError: isError)
    }

    private static func level(of text: String, isError: Bool) -> Level {
        let start = text.prefix(200).uppercased()
        for (words, level) in [
            (["ERROR", "FATAL", "PANIC", "CRITICAL", "EXCEPTION"], Level.error), (["WARN"], .warn),
            (["DEBUG", "TRACE"], .debug), (["INFO", "NOTICE"], .info),
        ] where words.contains(where: start.contains) {
            return level
        }
        return isError ? .warn : .info
    }
}

/// Reads the engine's stream of a container's output: frames with eight bytes of header each (stream, three zeros,
/// length), or of a terminal the plain bytes. The same lines however the bytes are cut.
struct LogReader {
    /// Bytes of a line that are kept; what is longer comes as several.
    static let lineLimit = 16 << 10

    private let container: String
    private let isTerminal: Bool
    private var header: [UInt8] = []
    /// Bytes of the frame that are yet to come, and on which stream.
    private var left = 0
    private var isError = false
    private var lines: [Bool: [UInt8]] = [:]

    init(_ container: String, isTerminal: Bool) {
        self.container = container
        self.isTerminal = isTerminal
    }

    mutating func read(_ bytes: some Sequence<UInt8>) -> [LogEntry] {
        var entries: [LogEntry] = []
        for byte in bytes {
            if isTerminal {
                take(byte, &entries)
            } else if left > 0 {
                left -= 1
                take(byte, &entries)
            } else {
                header.append(byte)
                guard header.count == 8 else { continue }
                isError = header[0] == 2
                left = header[4...7].reduce(0) { $0 << 8 | Int($1) }
                header = []
            }
        }
        return entries
    }

    /// What had no end of line.
    mutating func finish() -> [LogEntry] {
        let rest = lines.filter { !$0.value.isEmpty }.sorted { !$0.key && $1.key }
        lines = [:]
        return rest.map { LogEntry(container, $0.value, isError: $0.key) }
    }

    private mutating func take(_ byte: UInt8, _ entries: inout [LogEntry]) {
        if byte == 0x0a || lines[isError, default: []].count >= Self.lineLimit {
            var line = lines[isError] ?? []
            if line.last == 0x0d { line.removeLast() }
            entries.append(LogEntry(container, line, isError: isError))
            lines[isError] = []
            if byte == 0x0a { return }
        }
        lines[isError, default: []].append(byte)
    }
}
