import TestKit
import Testing

@testable import Engine

@Suite("One wheel of deadlines")
struct TimerWheelTests {
    static let tick: UInt64 = 1 << TimerWheel.tickShift

    @Test("a deadline fires once, not before its time and at most two ticks after it")
    func once() {
        let start: UInt64 = 5_000_000_000
        for wait in [
            0, 1, Self.tick - 1, Self.tick, 10 * Self.tick + 3, 511 * Self.tick, 512 * Self.tick, 5_000 * Self.tick,
        ] {
            var wheel = TimerWheel(capacity: 4, now: start)
            wheel.set(2, at: start + wait)
            var fired: [UInt64] = []
            for now in stride(from: start, to: start + wait + 4 * Self.tick, by: Int(Self.tick / 2)) {
                var expired: [UInt32] = []
                wheel.expire(now: now, into: &expired)
                if !expired.isEmpty { fired.append(now) }
            }
            #expect(fired.count == 1)
            #expect(fired[0] >= start + wait && fired[0] <= start + wait + 2 * Self.tick, "after \(wait)")
            let sleep = wheel.wait(now: start + wait + 4 * Self.tick)
            #expect(sleep == -1)
        }
    }

    @Test("a deadline that is set anew or forgotten while its batch is dealt with does not fire")
    func batch() {
        var wheel = TimerWheel(capacity: 8, now: 0)
        for index: UInt32 in 0..<5 { wheel.set(index, at: Self.tick) }
        var expired: [UInt32] = []
        wheel.expire(now: 3 * Self.tick, into: &expired)
        #expect(expired.sorted() == [0, 1, 2, 3, 4])
        wheel.set(1, at: 100 * Self.tick)
        wheel.clear(2)
        wheel.remove(3)
        wheel.set(4, at: 3 * Self.tick)
        var confirmed: [UInt32] = []
        for index in expired.sorted() + [0] where wheel.confirm(index) { confirmed.append(index) }
        #expect(confirmed == [0])
        expired = []
        wheel.expire(now: 5 * Self.tick, into: &expired)
        wheel.expire(now: 102 * Self.tick, into: &expired)
        #expect(expired == [4, 1])
    }

    @Test("says how long to sleep so that no deadline is missed, and for ever when there is none")
    func sleeping() {
        let start: UInt64 = 77
        var wheel = TimerWheel(capacity: 4, now: start)
        let first = wheel.wait(now: start)
        #expect(first == -1)
        wheel.set(0, at: start + 1_000_000_000)
        var now = start
        var expired: [UInt32] = []
        var sleeps = 0
        while expired.isEmpty, sleeps < 1_000 {
            let wait = wheel.wait(now: now)
            #expect(wait >= 0)
            now += UInt64(max(0, wait)) * 1_000_000
            wheel.expire(now: now, into: &expired)
            sleeps += 1
        }
        #expect(expired == [0])
        #expect(sleeps <= 3)
        #expect(now >= start + 1_000_000_000 && now <= start + 1_000_000_000 + 3 * Self.tick)
    }

    @Test("agrees with a list of deadlines over random histories", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func random(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var now: UInt64 = .random(in: 0...1 << 50, using: &generator)
        let capacity = 40
        var wheel = TimerWheel(capacity: capacity, now: now)
        var model: [UInt32: UInt64] = [:]
        for step in 0..<30_000 {
            let index = UInt32.random(in: 0..<UInt32(capacity), using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let scale = [Self.tick, 10 * Self.tick, 600 * Self.tick, 3_000 * Self.tick].randomElement(
                    using: &generator)!
                let deadline = now &+ UInt64.random(in: 0...scale, using: &generator)
                wheel.set(index, at: deadline)
                model[index] = deadline
            case 5:
                wheel.clear(index)
                model[index] = nil
            case 6:
                wheel.remove(index)
                model[index] = nil
            case _:
                let scale = [Self.tick / 3, 2 * Self.tick, 40 * Self.tick, 2_000 * Self.tick]
                    .prefix(Int.random(in: 1...4, using: &generator)).last!
                let wait = wheel.wait(now: now)
                if let nearest = model.values.min() {
                    #expect(wait >= 0, "seed \(seed), step \(step): nobody will wake up")
                    #expect(UInt64(max(0, wait)) * 1_000_000 <= (nearest > now ? nearest - now : 0) + 3 * Self.tick)
                }
                now &+= UInt64.random(in: 0...scale, using: &generator)
                var expired: [UInt32] = []
                wheel.expire(now: now, into: &expired)
                #expect(Set(expired).count == expired.count)
                for index in expired {
                    // Nobody fires early, or without a deadline.
                    #expect(model[index].map { $0 <= now } == true, "seed \(seed), step \(step)")
                    model[index] = nil
                }
                // Nobody is late by more than two ticks.
                #expect(model.values.allSatisfy { $0 &+ 2 * Self.tick >= now }, "seed \(seed), step \(step)")
            }
        }
    }
}
