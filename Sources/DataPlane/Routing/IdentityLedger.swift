import Synchronization

/// Small numbers for names, counted: a name keeps its number while anybody holds it, and the lowest vacant number is
/// given next, so that arrays indexed by number stay as short as they can.
struct IdentityLedger {
    private var numbers: [String: UInt32] = [:]
    private var holders: [Int] = []
    private var names: [String] = []
    /// A heap, its least number first.
    private var vacant: [UInt32] = []

    /// One more than the largest number that was ever given and not trimmed.
    var limit: Int { holders.count }

    /// The number of `name`, held once more.
    mutating func hold(_ name: String) -> (number: UInt32, isNew: Bool) {
        if let number = numbers[name] {
            holders[Int(number)] += 1
            return (number, false)
        }
        let number: UInt32
        if let lowest = popVacant() {
            number = lowest
            holders[Int(number)] = 1
            names[Int(number)] = name
        } else {
            number = UInt32(holders.count)
            holders.append(1)
            names.append(name)
        }
        numbers[name] = number
        return (number, true)
    }

    /// Undoes one ``hold(_:)``. The last one makes the number vacant.
    mutating func release(_ number: UInt32) {
        holders[Int(number)] -= 1
        guard holders[Int(number)] == 0 else { return }
        numbers[names[Int(number)]] = nil
        names[Int(number)] = ""
        pushVacant(number)
    }

    private mutating func pushVacant(_ number: UInt32) {
        vacant.append(number)
        var child = vacant.count - 1
        while child > 0, vacant[(child - 1) / 2] > vacant[child] {
            vacant.swapAt((child - 1) / 2, child)
            child = (child - 1) / 2
        }
    }

    private mutating func popVacant() -> UInt32? {
        guard let least = vacant.first else { return nil }
        let last = vacant.removeLast()
        guard !vacant.isEmpty else { return least }
        vacant[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < vacant.count && vacant[child] < vacant[least] {
                least = child
            }
            guard least != parent else { break }
            vacant.swapAt(least, parent)
            parent = least
        }
        return least
    }
}

/// Gives endpoints and routes their numbers. One for the life of the process; any thread.
///
/// Every compiled rule holds its numbers, and every table holds its compiled rules: so a number is given to another
/// endpoint only after each table that contained the first is gone.
public final class EndpointRegistry: Sendable {
    private struct State {
        var routes = IdentityLedger()
        var endpoints = IdentityLedger()
        var records: [EndpointRecord] = []
    }

    private let state = Mutex(State())

    public init() {}

    func holdRoute(_ name: String) -> RouteID {
        state.withLock { RouteID(number: $0.routes.hold(name).number) }
    }

    func holdEndpoints(_ addresses: [EndpointAddress]) -> [EndpointID] {
        guard !addresses.isEmpty else { return [] }
        let texts = addresses.map(\.text)
        return state.withLock { state in
            zip(addresses, texts).map { address, text in
                let (number, isNew) = state.endpoints.hold(text)
                if isNew {
                    let record = EndpointRecord(address: address, text: text)
                    if Int(number) < state.records.count {
                        state.records[Int(number)] = record
                    } else {
                        state.records.append(record)
                    }
                }
                return EndpointID(number: number)
            }
        }
    }

    func release(route: RouteID, endpoints: [EndpointID]) {
        state.withLock { state in
            state.routes.release(route.number)
            for endpoint in endpoints { state.endpoints.release(endpoint.number) }
        }
    }

    /// What is known of each endpoint, by number.
    var records: [EndpointRecord] { state.withLock { $0.records } }
}

extension EndpointRecord {
    init(address: EndpointAddress, text: String) {
        self.address = address
        textCount = UInt64(text.utf8.count)
        let words = text.utf8.packedWords
        let word = { $0 < words.count ? words[$0] : UInt64(0) }
        self.text = (word(0), word(1), word(2), word(3), word(4), word(5))
    }
}

extension Collection<UInt8> {
    /// The bytes as words, the first byte lowest, the last word filled up with zeros.
    var packedWords: [UInt64] {
        var words: [UInt64] = []
        words.reserveCapacity((count + 7) / 8)
        var shift: UInt64 = 0
        for byte in self {
            if shift == 0 { words.append(0) }
            words[words.count - 1] |= UInt64(byte) &<< shift
            shift = (shift + 8) & 63
        }
        return words
    }
}
