/// How long somebody who was wrong has to wait, by account and by address: a second after the fifth time, twice as long
/// after each further one, a quarter of an hour at most. Who waits is not tested: a guess costs nothing but time.
///
/// Memory is bounded: the oldest are forgotten first. Pure: it is given the time.
struct LoginThrottle {
    static let freeFailures = 5
    /// Milliseconds.
    static let first: Int64 = 1_000
    static let longest: Int64 = 15 * 60_000
    /// A failure is forgotten after this long without another.
    static let memory: Int64 = 3_600_000
    static let entryLimit = 10_000
    /// An address may stand for many people.
    static let addressFailures = 20

    private struct Entry {
        var failures = 0
        var last: Int64 = 0
        var until: Int64 = 0
    }

    private var entries: [String: Entry] = [:]

    var count: Int { entries.count }

    /// Milliseconds until another try is looked at; 0: now.
    func wait(account: String, address: String, at now: Int64) -> Int64 {
        [Self.key(account: account), Self.key(address: address)].map { max(0, (entries[$0]?.until ?? 0) - now) }.max()
            ?? 0
    }

    mutating func failed(account: String, address: String, at now: Int64) {
        note(Self.key(account: account), free: Self.freeFailures, at: now)
        note(Self.key(address: address), free: Self.addressFailures, at: now)
    }

    /// The account's count ends; the address may go on with other accounts, and keeps its own.
    mutating func succeeded(account: String) { entries[Self.key(account: account)] = nil }

    private mutating func note(_ key: String, free: Int, at now: Int64) {
        var entry = entries[key] ?? Entry()
        if now - entry.last > Self.memory { entry = Entry() }
        entry.failures += 1
        entry.last = now
        if entry.failures >= free {
            entry.until = now + min(Self.longest, Self.first << Int64(min(20, entry.failures - free)))
        }
        entries[key] = entry
        guard entries.count > Self.entryLimit else { return }
        entries = entries.filter { now - $0.value.last <= Self.memory }
        guard entries.count > Self.entryLimit else { return }
        for (key, _) in entries.sorted(by: { $0.value.last < $1.value.last }).prefix(Self.entryLimit / 10) {
            entries[key] = nil
        }
    }

    private static func key(account: String) -> String { "account " + account.lowercased() }
    private static func key(address: String) -> String { "address " + address }
}
