import Telemetry

/// Builds a page of metrics, family after family, in one of the two forms that Prometheus reads.
struct Exposition {
    /// How a page is written.
    enum Form {
        /// Prometheus' text format 0.0.4.
        case text
        /// OpenMetrics 1.0: counters are families without `_total`, and the page says where it ends.
        case openMetrics

        var contentType: String {
            switch self {
            case .text: "text/plain; version=0.0.4; charset=utf-8"
            case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }

        /// What a client prefers, by its `Accept` field (RFC 9110 §12.5.1): OpenMetrics only where it is asked for.
        init(accept: String?) {
            var (open, text) = (0.0, 0.0)
            for choice in (accept ?? "").split(separator: ",") {
                let parts = choice.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
                let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
                switch parts.first {
                case "application/openmetrics-text": open = max(open, weight)
                case "text/plain", "text/*", "*/*": text = max(text, weight)
                case _: break
                }
            }
            self = open > 0 && open >= text ? .openMetrics : .text
        }
    }

    enum Kind: String { case counter, gauge, histogram }

    typealias Label = (name: String, value: String)

    let form: Form
    private var lines = ""
    private var name = ""
    private var kind = Kind.gauge

    init(_ form: Form) { self.form = form }

    /// Begins a family; its samples follow.
    ///
    /// - Parameter name: without `_total`, which a counter's samples get.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        self.kind = kind
        let shown = kind == .counter && form == .text ? name + "_total" : name
        lines += "# HELP \(shown) \(escaped(help, quotes: form == .openMetrics))\n# TYPE \(shown) \(kind.rawValue)\n"
    }

    mutating func sample(_ value: UInt64, _ labels: Label...) { write("", labels, "\(value)") }

    /// A number of nanoseconds as seconds, exactly.
    mutating func sample(seconds nanoseconds: UInt64, _ labels: Label...) {
        write("", labels, Self.seconds(nanoseconds))
    }

    /// Cumulative buckets, the sum in seconds and the count.
    mutating func sample(_ histogram: Histogram, bounds: [UInt64], _ labels: Label...) {
        let count = histogram.count
        for (bound, seen) in zip(bounds, histogram.counts(upTo: bounds)) {
            write("_bucket", labels + [("le", Self.seconds(bound))], "\(seen)")
        }
        write("_bucket", labels + [("le", "+Inf")], "\(count)")
        write("_sum", labels, Self.seconds(histogram.sum))
        write("_count", labels, "\(count)")
    }

    /// The page.
    consuming func finish() -> String { form == .openMetrics ? lines + "# EOF\n" : lines }

    private mutating func write(_ suffix: String, _ labels: [Label], _ value: String) {
        lines += name
        lines += kind == .counter ? "_total" : suffix
        for (place, label) in labels.enumerated() {
            lines += "\(place == 0 ? "{" : ",")\(label.name)=\"\(escaped(label.value, quotes: true))\""
        }
        lines += labels.isEmpty ? " \(value)\n" : "} \(value)\n"
    }

    /// Backslash, line feed and, where they end the text, quotes; nothing else may be escaped.
    private func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x5c || $0 == 0x0a || $0 == 0x22 }) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            case _: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// `0.0025`, `1.0`: all digits that matter, at least one behind the point.
    static func seconds(_ nanoseconds: UInt64) -> String {
        let rest = String(nanoseconds % 1_000_000_000)
        var digits = String(repeating: "0", count: 9 - rest.count) + rest
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        return "\(nanoseconds / 1_000_000_000).\(digits)"
    }
}
