import Synchronization

/// How many there are of what is limited over all workers: connections of a listener, connections of an address,
/// exchanges that wait at a pool. One for a process. What is not limited is not counted, and takes no memory.
public final class Census: Sendable {
    private struct Tables {
        var listeners: SharedCounts?
        var pools: SharedCounts?
        var ofPools: [OfPools: SharedCounts] = [:]
        var addresses: AddressCounts?
    }

    private let tables = Mutex(Tables())

    public init() {}

    // Each is made when it is first asked for, and asked for once by each worker.

    func listeners() -> SharedCounts {
        tables.withLock { tables in
            let counts = tables.listeners ?? SharedCounts(banks: 1)
            tables.listeners = counts
            return counts
        }
    }

    func pools() -> SharedCounts {
        tables.withLock { tables in
            let counts = tables.pools ?? SharedCounts(banks: 64)
            tables.pools = counts
            return counts
        }
    }

    /// What a rule's pool may have of as a whole, by route number.
    enum OfPools { case inFlight, connections, connects }

    func ofPools(_ what: OfPools) -> SharedCounts {
        tables.withLock { tables in
            let counts = tables.ofPools[what] ?? SharedCounts(banks: 64)
            tables.ofPools[what] = counts
            return counts
        }
    }

    func addresses() -> AddressCounts {
        tables.withLock { tables in
            let counts = tables.addresses ?? AddressCounts()
            tables.addresses = counts
            return counts
        }
    }
}

/// Atomics that lie together.
final class CountBank: Sendable {
    static let size = 512

    let places = [512 of Atomic<UInt64>] { _ in Atomic(0) }
}

/// Counts by number. Numbers that are a multiple of the size apart share one: their limit holds for both together.
final class SharedCounts: Sendable {
    private let banks: [CountBank]

    /// - Parameter banks: a power of two, of 512 counts each.
    init(banks: Int) { self.banks = (0..<banks).map { _ in CountBank() } }

    /// Counts one more, unless there are `limit` already. From any thread.
    func enter(_ number: Int, limit: UInt64) -> Bool {
        let bank = banks[number / CountBank.size & (banks.count - 1)]
        let place = number % CountBank.size
        guard bank.places[place].wrappingAdd(1, ordering: .relaxed).oldValue >= limit else { return true }
        bank.places[place].wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    /// Counts one more, whatever the limit. From any thread.
    func add(_ number: Int) {
        let bank = banks[number / CountBank.size & (banks.count - 1)]
        bank.places[number % CountBank.size].wrappingAdd(1, ordering: .relaxed)
    }

    /// How many there are now.
    func count(_ number: Int) -> UInt64 {
        let bank = banks[number / CountBank.size & (banks.count - 1)]
        return bank.places[number % CountBank.size].load(ordering: .relaxed)
    }

    /// What was counted has ended.
    func leave(_ number: Int) {
        let bank = banks[number / CountBank.size & (banks.count - 1)]
        bank.places[number % CountBank.size].wrappingSubtract(1, ordering: .relaxed)
    }
}

/// Connections of each client's address, in a table of fixed size without a lock.
///
/// A place is one atomic: 40 bits that say whose it is, and 24 with the count. It is vacant when the count is zero, so
/// nothing is ever thrown out; a client that finds no place near its own is let in uncounted. Two workers that meet the
/// same new client at the same instant may give it two places, and it then gets at most twice its limit until both
/// are vacant again.
final class AddressCounts: Sendable {
    enum Entry: Equatable {
        /// Where it was counted, for ``leave(_:)``.
        case counted(UInt32)
        /// The address has as many as it may.
        case full
        /// Nowhere to count it.
        case crowded
    }

    static let capacity = 1 << 16
    /// Places that one client may be in, side by side: a cache line.
    static let ways = 8
    private static let countMask: UInt64 = 1 << 24 - 1

    private let banks = (0..<AddressCounts.capacity / CountBank.size).map { _ in CountBank() }

    init() {}

    /// Counts one more of an address, unless it has `limit` already. From any thread.
    ///
    /// - Parameters:
    ///   - high, low: the address, IPv4 as `::ffff:a.b.c.d`. Of IPv6 the first 64 bits count: whoever has one address
    ///     of such a network has all of them.
    ///   - listener: what is counted by itself; all that have -1 are counted together.
    ///   - limit: 1 to 2^24 - 2.
    func enter(high: UInt64, low: UInt64, of listener: Int = -1, limit: UInt64) -> Entry {
        let isIPv4 = high == 0 && low &>> 32 == 0xffff
        // Seeded for each process: nobody outside can choose whose neighbour to be.
        var hasher = Hasher()
        hasher.combine(high)
        hasher.combine(isIPv4 ? low : 0)
        hasher.combine(listener)
        let hash = UInt64(bitPattern: Int64(hasher.finalize()))
        let first = Int(truncatingIfNeeded: hash) & (Self.capacity - 1) & ~(Self.ways - 1)
        return enter(owner: hash & ~Self.countMask, first: first, limit: limit)
    }

    private func enter(owner: UInt64, first: Int, limit: UInt64) -> Entry {
        let bank = banks[first / CountBank.size]
        search: while true {
            var vacant: Int?
            for place in first..<first + Self.ways {
                let found = bank.places[place % CountBank.size].load(ordering: .relaxed)
                guard found & Self.countMask > 0 else {
                    vacant = vacant ?? place
                    continue
                }
                guard found & ~Self.countMask == owner else { continue }
                guard found & Self.countMask < limit else { return .full }
                if exchange(bank, place, found, found &+ 1) { return .counted(UInt32(place)) }
                continue search
            }
            guard let vacant else { return .crowded }
            let found = bank.places[vacant % CountBank.size].load(ordering: .relaxed)
            guard found & Self.countMask == 0 else { continue }
            if exchange(bank, vacant, found, owner | 1) { return .counted(UInt32(vacant)) }
        }
    }

    private func exchange(_ bank: CountBank, _ place: Int, _ found: UInt64, _ wanted: UInt64) -> Bool {
        bank.places[place % CountBank.size].compareExchange(expected: found, desired: wanted, ordering: .relaxed)
            .exchanged
    }

    /// A connection that was counted here has ended.
    func leave(_ place: UInt32) {
        let place = Int(place)
        banks[place / CountBank.size].places[place % CountBank.size].wrappingSubtract(1, ordering: .relaxed)
    }
}
