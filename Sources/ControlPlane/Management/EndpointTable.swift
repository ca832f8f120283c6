/// Endpoints as lines for people: one each, in columns.
public enum EndpointTable {
    private static let titles = [
        "RULE", "ENDPOINT", "ADDRESS", "WEIGHT", "TIER", "STATE", "IN FLIGHT", "REQUESTS", "NOTE",
    ]
    /// Columns of numbers end under each other.
    private static let numbers: Set = [3, 4, 6, 7]

    /// With a line end behind each line.
    public static func text(_ endpoints: [EndpointReading]) -> String {
        TextTable.text([titles] + endpoints.map(cells), numbers: numbers)
    }

    private static func cells(_ endpoint: EndpointReading) -> [String] {
        [
            TextTable.plain(endpoint.rule), TextTable.plain(endpoint.endpoint),
            endpoint.address.map(TextTable.plain) ?? "-",
            endpoint.weight.map(String.init) ?? "-", "\(endpoint.tier)", endpoint.state.rawValue,
            endpoint.inFlight.map { "\($0)" } ?? "-", endpoint.requests.map { "\($0)" } ?? "-", note(endpoint),
        ]
    }

    private static func note(_ endpoint: EndpointReading) -> String {
        var notes: [String] = []
        if !endpoint.reason.isEmpty { notes.append(TextTable.plain(endpoint.reason)) }
        if let own = endpoint.ownWeight { notes.append("its own weight is \(own)") }
        for opinion in endpoint.opinions {
            let bars = opinion.bars.map(TextTable.plain).joined(separator: " and ")
            notes.append(opinion.reason.isEmpty ? bars : "\(bars): \(TextTable.plain(opinion.reason))")
        }
        return notes.joined(separator: "; ")
    }
}
