import Kernel

/// One deadline for each place of a slab, in one wheel. One thread only.
///
/// Moving a deadline later, which every byte of traffic does, is a store and a compare: the entry stays where it is
/// and is moved on when its old bucket comes up. Ticks are 2^26 ns, about 67 ms; a deadline fires up to one tick late.
public struct TimerWheel: ~Copyable {
    public static let tickShift: UInt64 = 26
    static let bucketCount = 512
    private static let none: UInt32 = .max
    /// In place of a deadline: it has passed, and nobody has dealt with that yet.
    private static let passed: UInt32 = .max

    private let entries: Reserve<TimerEntry>
    private var heads: [UInt32]
    private var occupied: [UInt64]
    private var tick: UInt32
    private let origin: UInt64

    /// - Parameter now: nanoseconds of the monotonic clock.
    public init(capacity: Int, now: UInt64) {
        entries = Reserve(capacity: capacity)
        heads = Array(repeating: Self.none, count: Self.bucketCount)
        occupied = Array(repeating: 0, count: Self.bucketCount / 64)
        // Ticks count from 1, so that 0 can mean never.
        origin = now &- 1 << Self.tickShift
        tick = 1
    }

    private func ticks(_ nanoseconds: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: (nanoseconds &- origin) >> Self.tickShift)
    }

    /// Sets or moves the deadline of a place.
    public mutating func set(_ index: UInt32, at nanoseconds: UInt64) {
        let due = ticks(nanoseconds) &+ 1
        let entry = entries[Int(index)]
        entries[Int(index)].due = due
        // Linked under an earlier tick: that bucket comes up first and moves it on.
        if entry.bucket != 0, entry.due != 0, entry.due <= due { return }
        if entry.bucket != 0 { unlink(index) }
        link(index)
    }

    /// Forgets the deadline; the entry leaves its bucket when that comes up.
    public mutating func clear(_ index: UInt32) { entries[Int(index)].due = 0 }

    /// Takes a place out altogether, before the place gets another tenant.
    public mutating func remove(_ index: UInt32) {
        if entries[Int(index)].bucket != 0 { unlink(index) }
        entries[Int(index)].due = 0
    }

    /// Puts the places whose deadline has passed into `expired`; each is out of the wheel then. Whoever deals with them
    /// asks ``confirm(_:)`` of each when its turn comes.
    public mutating func expire(now: UInt64, into expired: inout [UInt32]) {
        let target = ticks(now)
        guard target >= tick else { return }
        // After a long sleep each bucket needs a look only once.
        let turns = min(Int(target - tick) + 1, Self.bucketCount)
        for turn in 0..<turns { sweep(Int(target &- UInt32(turn)) % Self.bucketCount, target, &expired) }
        tick = target &+ 1
    }

    /// Whether the deadline that ``expire(now:into:)`` found passed is still the place's concern: dealing with another
    /// place of the same batch may have set it anew, or forgotten it. An idle connection that was taken into use in the
    /// meantime has nothing to answer for. Answers `true` once.
    public mutating func confirm(_ index: UInt32) -> Bool {
        guard entries[Int(index)].due == Self.passed else { return false }
        entries[Int(index)].due = 0
        return true
    }

    private mutating func sweep(_ bucket: Int, _ target: UInt32, _ expired: inout [UInt32]) {
        var index = heads[bucket]
        while index != Self.none {
            let entry = entries[Int(index)]
            if entry.due == 0 {
                unlink(index)
            } else if entry.due <= target {
                unlink(index)
                entries[Int(index)].due = Self.passed
                expired.append(index)
            } else if Int(entry.due) % Self.bucketCount != bucket {
                unlink(index)
                link(index)
            }
            index = entry.next
        }
    }

    /// Milliseconds until the next bucket with anything in it is due; -1 when there is none.
    public func wait(now: UInt64) -> CInt {
        let current = ticks(now)
        for ahead in 0..<UInt32(Self.bucketCount) {
            let bucket = Int(tick &+ ahead) % Self.bucketCount
            if ahead & 63 == 0, occupied.allSatisfy({ $0 == 0 }) { return -1 }
            guard occupied[bucket / 64] & 1 << UInt64(bucket % 64) != 0 else { continue }
            let due = tick &+ ahead
            guard due > current else { return 0 }
            let end = origin &+ UInt64(due) << Self.tickShift
            return CInt(truncatingIfNeeded: (end &- now) / 1_000_000 + 1)
        }
        return -1
    }

    private mutating func link(_ index: UInt32) {
        // Never behind the sweep: what is due already fires at the next tick.
        let due = max(entries[Int(index)].due, tick)
        let bucket = Int(due) % Self.bucketCount
        let head = heads[bucket]
        entries[Int(index)].bucket = UInt32(bucket) + 1
        entries[Int(index)].next = head
        entries[Int(index)].previous = Self.none
        if head != Self.none { entries[Int(head)].previous = index }
        heads[bucket] = index
        occupied[bucket / 64] |= 1 << UInt64(bucket % 64)
    }

    private mutating func unlink(_ index: UInt32) {
        let entry = entries[Int(index)]
        let bucket = Int(entry.bucket) - 1
        if entry.previous == Self.none {
            heads[bucket] = entry.next
            if entry.next == Self.none { occupied[bucket / 64] &= ~(1 << UInt64(bucket % 64)) }
        } else {
            entries[Int(entry.previous)].next = entry.next
        }
        if entry.next != Self.none { entries[Int(entry.next)].previous = entry.previous }
        entries[Int(index)].bucket = 0
    }
}

/// Not private, not nested: as the argument of a noncopyable generic that stops the 6.3.1 compiler ("Broken module
/// found").
struct TimerEntry: BitwiseCopyable {
    /// The tick at which it is due; 0 means never, the largest number that it was due and is dealt with next.
    var due: UInt32
    /// The bucket's number plus one; 0 means in none.
    var bucket: UInt32
    var next: UInt32
    var previous: UInt32
}
