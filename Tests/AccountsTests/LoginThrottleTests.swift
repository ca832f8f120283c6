import Testing

@testable import Accounts

@Suite struct LoginThrottleTests {
    @Test func anAccountWaitsLongerAndLonger() {
        var throttle = LoginThrottle()
        var now: Int64 = 0
        var waits: [Int64] = []
        for _ in 0..<18 {
            now += throttle.wait(account: "ann", address: "192.0.2.1", at: now)
            throttle.failed(account: "Ann", address: "198.51.100.\(waits.count)", at: now)
            waits.append(throttle.wait(account: "ann", address: "203.0.113.1", at: now))
        }
        #expect(waits.prefix(4).allSatisfy { $0 == 0 })
        #expect(waits[4] == 1_000 && waits[5] == 2_000 && waits[6] == 4_000)
        #expect(waits.last == LoginThrottle.longest)
        throttle.succeeded(account: "ann")
        #expect(throttle.wait(account: "ann", address: "203.0.113.1", at: now) == 0)
    }

    @Test func anAddressThatTriesManyNamesWaitsToo() {
        var throttle = LoginThrottle()
        for number in 0..<LoginThrottle.addressFailures {
            throttle.failed(account: "user\(number)", address: "192.0.2.1", at: 0)
        }
        #expect(throttle.wait(account: "other", address: "192.0.2.1", at: 0) > 0)
        #expect(throttle.wait(account: "other", address: "192.0.2.2", at: 0) == 0)
        #expect(throttle.wait(account: "other", address: "192.0.2.1", at: LoginThrottle.memory) == 0)
    }

    @Test func memoryIsBounded() {
        var throttle = LoginThrottle()
        for number in 0..<(3 * LoginThrottle.entryLimit) {
            throttle.failed(account: "user\(number)", address: "address\(number)", at: Int64(number))
        }
        #expect(throttle.count <= LoginThrottle.entryLimit)
    }
}
