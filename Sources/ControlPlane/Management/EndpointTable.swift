/// Endpoints as lines for people: one each, in columns.
public enum EndpointTable {
    private static let titles = [
        "RULE", "ENDPOINT", "ADDRESS", "WEIGHT", "TIER", "STATE", "IN FLIGHT", "REQUESTS", "NOTE",
    ]
    /// Columns of numbers end under each other.
    private static let numbers: Set = [3, 4, 6, 7]

    /// With a line end behind each line.
    public static func text(_ endpoints: [EndpointReading]) -> String {
        let rows = [titles] + endpoints.map(cells)
        let widths = titles.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let room = String(repeating: " ", count: widths[column] - cell.count)
                line += numbers.contains(column) ? room + cell : cell + room
                line += "  "
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    private static func cells(_ endpoint: EndpointReading) -> [String] {
        [
            plain(endpoint.rule), plain(endpoint.endpoint), endpoint.address.map(plain) ?? "-",
            endpoint.weight.map(String.init) ?? "-", "\(endpoint.tier)", endpoint.state.rawValue,
            endpoint.inFlight.map { "\($0)" } ?? "-", endpoint.requests.map { "\($0)" } ?? "-", note(endpoint),
        ]
    }

    private static func note(_ endpoint: EndpointReading) -> String {
        var notes: [String] = []
        if !endpoint.reason.isEmpty { notes.append(plain(endpoint.reason)) }
        if let own = endpoint.ownWeight { notes.append("its own weight is \(own)") }
        for opinion in endpoint.opinions {
            let bars = opinion.bars.map(plain).joined(separator: " and ")
            notes.append(opinion.reason.isEmpty ? bars : "\(bars): \(plain(opinion.reason))")
        }
        return notes.joined(separator: "; ")
    }

    /// Labels and files name things, and a terminal shall show what is there.
    public static func plain(_ text: String) -> String {
        var plain = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                plain += "\\u{\(String(scalar.value, radix: 16))}"
            default: plain.unicodeScalars.append(scalar)
            }
        }
        return plain
    }
}
