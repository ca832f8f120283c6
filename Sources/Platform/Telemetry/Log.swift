import Kernel

/// The log of processes that do without Foundation: constant messages, facts as fields, one line each on stderr.
///
///     2026-11-23T07:10:43.172Z info edge: serving revision=12 workers=2
public enum Log {
    public enum Level: String, Sendable { case debug, info, warning, error }

    /// Writes one line; values with spaces or quotes are quoted, control bytes escaped. From any thread; not for the
    /// path of a request.
    public static func write(_ level: Level, _ message: StaticString, _ fields: (String, String)...) {
        write(level, message, fields)
    }

    public static func write(_ level: Level, _ message: StaticString, _ fields: [(String, String)]) {
        var line = "\(stamp(Clock.wall())) \(level.rawValue) edge: \(message)"
        for (key, value) in fields { line += " \(key)=\(quoted(value))" }
        line += "\n"
        let bytes = Array(line.utf8)
        // A log that cannot be written has nowhere to be reported.
        try? System.writeAll(2, bytes.span)
    }

    /// The time of day as control writes it, so that lines of both can be put in one order.
    /// - Parameter wall: nanoseconds since 1970.
    static func stamp(_ wall: UInt64) -> String {
        let fraction = String(1_000 + wall / 1_000_000 % 1_000).dropFirst()
        return "\(CivilTime(unixSeconds: wall / 1_000_000_000)).\(fraction)Z"
    }

    static func quoted(_ value: String) -> String {
        let plain = value.utf8.allSatisfy {
            $0 > 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") && $0 < 0x7f
        }
        if plain, !value.isEmpty { return value }
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case "\n": text += "\\n"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f: text += "\\u{\(String(scalar.value, radix: 16))}"
            case _: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
