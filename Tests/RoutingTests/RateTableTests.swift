import Contract
import Synchronization
import Testing

@testable import Routing

@Suite("Buckets of clients")
struct RateTableTests {
    private static let second: UInt64 = 1_000_000_000

    private func options(_ limit: RateLimit, name: String = "r") throws -> RouteOptions {
        var options = RuleOptions()
        options.rateLimit = limit
        return try CompiledOptions(options, name: name, hashing: Hashing(seed: 1)).record
    }

    @Test("hold as many tokens as the burst, and get them back evenly")
    func bucket() throws {
        let options = try options(RateLimit(requests: 10, per: 1_000, burst: 3))
        let table = RateTable(hashing: Hashing(seed: 1))
        let now = 100 * Self.second
        func take(_ now: UInt64) -> UInt64 { table.take(options, high: 0, low: 0xffff_0a00_0001, now: now) }
        for _ in 0..<3 { #expect(take(now) == 0) }
        #expect(take(now) == Self.second / 10)
        #expect(take(now + Self.second / 20) == Self.second / 20)
        #expect(take(now + Self.second / 10) == 0)
        #expect(take(now + Self.second / 10) == Self.second / 10)
        #expect((0..<5).count { _ in take(now + 10 * Self.second) == 0 } == 3)
        #expect(table.take(options, high: 0, low: 0xffff_0a00_0002, now: now) == 0)
    }

    @Test("are one for all addresses of an IPv6 network of 64 bits, and one for each IPv4 address")
    func networks() throws {
        let options = try options(RateLimit(requests: 1, per: 1_000))
        let table = RateTable(hashing: Hashing(seed: 1))
        #expect(table.take(options, high: 0x2001_0db8_0000_0000, low: 1, now: 5) == 0)
        #expect(table.take(options, high: 0x2001_0db8_0000_0000, low: 2, now: 5) > 0)
        #expect(table.take(options, high: 0x2001_0db8_0000_0001, low: 1, now: 5) == 0)
        #expect(table.take(options, high: 0, low: 0xffff_0000_0001, now: 5) == 0)
        #expect(table.take(options, high: 0, low: 0xffff_0000_0002, now: 5) == 0)
    }

    @Test("stay with the rule's name through changes, of the limit too")
    func changes() throws {
        let compiler = RouteCompiler(seed: 1)
        func build(_ limit: RateLimit) -> RouteTable {
            var options = RuleOptions()
            options.rateLimit = limit
            compiler.replaceAll(rules: [Rule(name: "r", hosts: ["a.test"], options: options)])
            return compiler.build(revision: 1, epoch: "").0
        }
        func take(_ table: RouteTable) throws -> UInt64 {
            let view = table.view
            return try #require(table.rates).take(
                view.options(of: view.route(RouteID(number: 0))), high: 1, low: 1, now: 50 * Self.second)
        }
        let first = build(RateLimit(requests: 1, per: 60_000))
        #expect(try take(first) == 0)
        let second = build(RateLimit(requests: 1, per: 60_000))
        #expect(try take(second) == 60 * Self.second)
        let third = build(RateLimit(requests: 1, per: 2_000))
        #expect(try take(third) == 2 * Self.second)
        withExtendedLifetime((first, second, third)) {}
    }

    @Test("are of fixed number: a flood of clients ends in no fault, and who asks on is still limited")
    func flood() throws {
        let options = try options(RateLimit(requests: 1, per: 3_600_000))
        let table = RateTable(hashing: Hashing(seed: 1))
        for client in 0..<UInt64(RateTable.capacity) * 2 {
            _ = table.take(options, high: client << 8, low: 0, now: 1_000 + client)
        }
        _ = table.take(options, high: 7, low: 0, now: 1 << 40)
        #expect(table.take(options, high: 7, low: 0, now: 1 << 40) > 0)
    }

    @Test("lose no token when many threads take at once")
    func threads() async throws {
        let options = try options(RateLimit(requests: 1_000, per: 86_400_000, burst: 1_000))
        let table = RateTable(hashing: Hashing(seed: 1))
        let taken = Taken()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<1_000 where table.take(options, high: 3, low: 3, now: 9) == 0 {
                        taken.count.wrappingAdd(1, ordering: .relaxed)
                    }
                }
            }
        }
        #expect(taken.count.load(ordering: .relaxed) == 1_000)
    }

    private final class Taken: Sendable {
        let count = Atomic(0)
    }

    @Test("of the largest limits do not overflow")
    func extremes() throws {
        let options = try options(RateLimit(requests: 1, per: 86_400_000, burst: 1_000_000))
        #expect(options.bucketTime == 30 * 86_400 * Self.second)
        let table = RateTable(hashing: Hashing(seed: 1))
        #expect(table.take(options, high: 1, low: 1, now: .max / 2) == 0)
        let fast = try self.options(RateLimit(requests: 1_000_000, per: 1))
        #expect(fast.tokenTime == 1)
    }
}
