import FoundationEssentials
import Kernel
public import Logging

/// One line for each event on standard error: time, level, who, message, fields. Whatever a field holds (a label's
/// bytes, an engine's words) stays on its line: control characters are escaped.
public struct LineLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level = .info
    private let label: String

    /// Characters of one field's value that are shown.
    static let valueLimit = 2_000

    public init(label: String) { self.label = label }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { _, later in later } }
        if let given = event.metadata { fields.merge(given) { _, later in later } }
        let line = Self.line(
            time: Self.time(), level: event.level, label: label, message: "\(event.message)", fields: fields)
        // One write a line, so that lines of several processes on one stream do not mix.
        // A log that nobody takes must not stop the program.
        try? System.writeAll(2, Array(line.utf8).span)
    }

    static func line(
        time: String, level: Logger.Level, label: String, message: String, fields: Logger.Metadata
    ) -> String {
        var line = "\(time) \(level.rawValue) \(label): "
        append(message, to: &line)
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            line += " \(key)="
            let text = "\(value)"
            let needsQuotes = text.isEmpty || text.contains { $0 == " " || $0 == "\"" || $0 == "=" }
            if needsQuotes { line += "\"" }
            append(text.prefix(valueLimit), to: &line, quoted: needsQuotes)
            if needsQuotes { line += "\"" }
        }
        line += "\n"
        return line
    }

    private static func append(_ text: some StringProtocol, to line: inout String, quoted: Bool = false) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": line += "\\n"
            case "\"" where quoted: line += "\\\""
            case _ where scalar.properties.generalCategory == .control:
                line += "\\u{\(String(scalar.value, radix: 16))}"
            case _: line.unicodeScalars.append(scalar)
            }
        }
    }

    /// UTC with milliseconds, RFC 3339.
    private static func time() -> String {
        Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)) + "Z"
    }
}
