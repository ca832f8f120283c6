public import Kernel

/// The heart of a worker: one epoll instance, one wheel of deadlines, one idea of what time it is.
///
/// The path of a request begins here: ``wait()`` answers how many descriptors have something to say, ``event(_:)`` says
/// whose (a ``Token``) and what.
public struct EventLoop: ~Copyable {
    public let poller: Poller
    public var timers: TimerWheel
    /// Nanoseconds of the monotonic clock when the current batch of events arrived.
    public private(set) var now: UInt64
    /// Nanoseconds since 1970 at the same moment.
    public private(set) var wall: UInt64

    public init(capacity: Int) throws(SystemError) {
        poller = try Poller()
        now = Clock.monotonic()
        wall = Clock.wall()
        timers = TimerWheel(capacity: capacity, now: now)
    }

    /// Waits for events, the next deadline or `limit` milliseconds (-1: no limit), whichever comes first.
    public mutating func wait(limit: CInt) throws(SystemError) -> Int {
        let deadline = timers.wait(now: now)
        let timeout = deadline < 0 ? limit : limit < 0 ? deadline : min(deadline, limit)
        let count = try poller.wait(milliseconds: timeout)
        now = Clock.monotonic()
        wall = Clock.wall()
        return count
    }

    public func event(_ index: Int) -> (token: Token, readiness: Readiness) {
        let (token, readiness) = poller.event(index)
        return (Token(raw: token), readiness)
    }
}
