import Testing

@testable import Kernel

@Suite("What a process takes")
struct ProcessUsageTests {
    @Test("this process has memory, and work makes its time grow")
    func current() throws {
        let before = try #require(ProcessUsage.current())
        #expect(before.residentBytes > 1 << 20)
        var usage = before
        var sum: UInt64 = 0
        while usage.processorMilliseconds < before.processorMilliseconds + 20 {
            for number in 0..<100_000 as Range<UInt64> { sum ^= number &* sum &+ 1 }
            usage = try #require(ProcessUsage.current())
        }
        #expect(sum != 1)
    }

    @Test("a name with blanks and parentheses, and what is cut")
    func parsing() throws {
        let times = "7 (a) b) c) S 1 7 7 0 -1 4194560 120 0 0 0 250 50 0 0 20 0 1 0 100 0 0"
        let usage = try #require(
            ProcessUsage(memory: Array("100 20 3".utf8), times: Array(times.utf8), pageSize: 4_096))
        #expect(usage.residentBytes == 81_920 && usage.processorMilliseconds == 3_000)
        for count in 0..<50 {
            #expect(
                ProcessUsage(memory: Array("100 20".utf8), times: Array(times.utf8.prefix(count)), pageSize: 1) == nil)
        }
        #expect(ProcessUsage(memory: Array("100".utf8), times: Array(times.utf8), pageSize: 1) == nil)
    }
}
