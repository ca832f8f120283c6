import Engine
import Routing

/// The rules of tunnels, as they were when these began. A number of a route or an endpoint is given to another only
/// when no table and no one of these has it, and a rule is small: thousands of tunnels through thousands of revisions
/// keep their rules, and not the tables.
struct HeldRules {
    private struct Entry {
        var hold: RouteHold?
        var count = 0
    }

    private var entries: [Entry] = []
    private var places: [ObjectIdentifier: UInt32] = [:]
    private var vacant: [UInt32] = []
    /// How many of them have a number.
    private var routes: [UInt32: Int] = [:]
    private var endpoints: [UInt32: Int] = [:]

    /// Rules that are held.
    var count: Int { places.count }

    /// Holds a rule once more, and answers where it is.
    mutating func take(_ hold: RouteHold) -> UInt32 {
        if let place = places[hold.identity] {
            entries[Int(place)].count += 1
            return place
        }
        let place: UInt32
        if let free = vacant.popLast() {
            place = free
        } else {
            place = UInt32(entries.count)
            entries.append(Entry())
        }
        entries[Int(place)] = Entry(hold: hold, count: 1)
        places[hold.identity] = place
        routes[hold.id.number, default: 0] += 1
        for endpoint in hold.endpoints { endpoints[endpoint.number, default: 0] += 1 }
        return place
    }

    /// Undoes one ``take(_:)``.
    mutating func give(_ place: UInt32) {
        entries[Int(place)].count -= 1
        guard entries[Int(place)].count == 0, let hold = entries[Int(place)].hold else { return }
        places[hold.identity] = nil
        entries[Int(place)] = Entry()
        vacant.append(place)
        Self.drop(hold.id.number, from: &routes)
        for endpoint in hold.endpoints { Self.drop(endpoint.number, from: &endpoints) }
    }

    private static func drop(_ number: UInt32, from counts: inout [UInt32: Int]) {
        let count = (counts[number] ?? 1) - 1
        counts[number] = count > 0 ? count : nil
    }

    subscript(place: UInt32) -> RouteHold {
        guard let hold = entries[Int(place)].hold else { preconditionFailure("a rule that nobody holds") }
        return hold
    }

    func contains(_ route: RouteID) -> Bool { routes[route.number] != nil }
    func contains(_ endpoint: EndpointID) -> Bool { endpoints[endpoint.number] != nil }
}
