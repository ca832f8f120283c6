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
    private let simulation: Simulation?

    public init(capacity: Int, simulation: Simulation? = nil) throws(SystemError) {
        poller = try Poller()
        self.simulation = simulation
        now = simulation?.now ?? Clock.monotonic()
        wall = simulation?.wall ?? Clock.wall()
        timers = TimerWheel(capacity: capacity, now: now)
    }

    /// Waits for events, the next deadline or `limit` milliseconds (-1: no limit), whichever comes first.
    public mutating func wait(limit: CInt) throws(SystemError) -> Int {
        let deadline = timers.wait(now: now)
        let timeout = deadline < 0 ? limit : limit < 0 ? deadline : min(deadline, limit)
        if let simulation { return try wait(simulation, timeout) }
        let count = try poller.wait(milliseconds: timeout)
        now = Clock.monotonic()
        wall = Clock.wall()
        return count
    }

    /// Takes what is there and says how long it would have waited for more; the time is what the test says it is.
    @inline(never)
    private mutating func wait(_ simulation: Simulation, _ timeout: CInt) throws(SystemError) -> Int {
        let count = try poller.wait(milliseconds: 0)
        simulation.rest = count > 0 ? 0 : timeout
        now = simulation.now
        wall = simulation.wall
        return count
    }

    /// The next connection that waits at a listening socket.
    public func accept(_ socket: CInt) -> Socket.Accepted {
        if let simulation { return simulation.accept(socket) }
        return Socket.accept(socket)
    }

    /// Begins to connect.
    public func connect(to address: SocketAddress, for purpose: Socket.Purpose = .talking) -> Socket.Connecting {
        if let simulation { return simulation.connect(address) }
        return Socket.connect(to: address, for: purpose)
    }

    public func event(_ index: Int) -> (token: Token, readiness: Readiness) {
        let (token, readiness) = poller.event(index)
        return (Token(raw: token), readiness)
    }
}
