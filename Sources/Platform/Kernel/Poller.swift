import CLinux

/// What the kernel said of a descriptor.
// Here and in other sets of flags: inlined, because a constant of another module costs a call each time it is read.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    @inlinable public static var readable: Readiness { Readiness(rawValue: 0x001) }
    @inlinable public static var writable: Readiness { Readiness(rawValue: 0x004) }
    @inlinable public static var failed: Readiness { Readiness(rawValue: 0x008) }
    /// Both directions are over.
    @inlinable public static var hungUp: Readiness { Readiness(rawValue: 0x010) }
    /// The peer will send no more.
    @inlinable public static var peerFinished: Readiness { Readiness(rawValue: 0x2000) }
}

/// One epoll instance of one thread, with room for a batch of events.
@safe
public struct Poller: ~Copyable {
    public static let batchLimit = 512

    private let epoll: CInt
    private let events: UnsafeMutablePointer<kl_event>

    public init() throws(SystemError) {
        epoll = try checked(kl_epoll_create(), "epoll_create1")
        unsafe events = .allocate(capacity: Self.batchLimit)
        unsafe events.initialize(repeating: kl_event(), count: Self.batchLimit)
    }

    deinit {
        unsafe events.deallocate()
        _ = kl_close(epoll)
    }

    /// Registers a connection once for all it will ever want: edge-triggered, both directions and the peer's end.
    public func addEdgeTriggered(_ descriptor: CInt, token: UInt64) throws(SystemError) {
        try checked(kl_epoll_add(epoll, descriptor, 1 << 31 | 0x2000 | 0x005, token), "epoll_ctl")
    }

    /// Registers a listener, a datagram socket or a bell: readable again and again until it is drained.
    public func addLevelTriggered(_ descriptor: CInt, token: UInt64) throws(SystemError) {
        try checked(kl_epoll_add(epoll, descriptor, 0x001, token), "epoll_ctl")
    }

    /// Stops or resumes hearing of a level-triggered descriptor.
    public func setListening(_ descriptor: CInt, token: UInt64, _ listening: Bool) {
        _ = kl_epoll_modify(epoll, descriptor, listening ? 0x001 : 0, token)
    }

    public func remove(_ descriptor: CInt) { _ = kl_epoll_remove(epoll, descriptor) }

    /// Waits up to `milliseconds` (-1: for ever) and answers how many events there are.
    public func wait(milliseconds: CInt) throws(SystemError) -> Int {
        Int(try checked(unsafe kl_epoll_wait(epoll, events, CInt(Self.batchLimit), milliseconds), "epoll_wait"))
    }

    /// The event at `index` of the last batch.
    public func event(_ index: Int) -> (token: UInt64, readiness: Readiness) {
        precondition(index >= 0 && index < Self.batchLimit)
        let event = unsafe events[index]
        return (event.token, Readiness(rawValue: event.events))
    }
}
