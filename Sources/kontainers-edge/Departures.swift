import Routing

/// Which endpoints are told of: those of the newest table, and those that no rule has any more while exchanges with
/// them are in flight. Whoever drains an endpoint wants to know when the last one is over. On the conductor's thread.
struct Departures {
    private struct Departed {
        var number: UInt32
        var name: String
        /// Held, so that the number is given to nobody else.
        var table: RouteTable
    }

    private var current: [(number: UInt32, name: String)] = []
    private var departed: [Departed] = []
    private var isChanged = false

    /// Every worker serves `table`, and has served `former` before.
    mutating func follow(_ table: RouteTable, after former: RouteTable?) {
        let names = table.endpointNames
        let present = Set(names.map(\.name))
        if let former {
            for (number, name) in current where !present.contains(name) {
                departed.append(Departed(number: number, name: name, table: former))
            }
        }
        departed.removeAll { present.contains($0.name) }
        current = names
        isChanged = true
    }

    /// What the numbers stand for; `nil` when that is as it was when it was last asked.
    mutating func names(inFlight: (UInt32) -> UInt64) -> [(number: UInt32, name: String)]? {
        let before = departed.count
        departed.removeAll { inFlight($0.number) == 0 }
        guard isChanged || departed.count != before else { return nil }
        isChanged = false
        return current + departed.map { ($0.number, $0.name) }
    }
}
