public import Kernel

/// Stands in for the clock, and for the ways connections come in and go out, so that a test can drive a worker turn by
/// turn on a thread of its own choice.
///
/// A worker that serves has none, which costs it one test for `nil` a turn, an accept and a connect.
public final class Simulation {
    /// Nanoseconds of the monotonic clock.
    public var now: UInt64
    /// Nanoseconds since 1970.
    public var wall: UInt64
    /// Milliseconds that the loop would have slept in its last turn, had it been left alone; -1 is without end, 0 says
    /// that there was something to do.
    public internal(set) var rest: CInt = 0
    /// Answers for the listening descriptor it is given.
    public var accept: (CInt) -> Socket.Accepted
    public var connect: (SocketAddress) -> Socket.Connecting

    public init(
        now: UInt64, wall: UInt64, accept: @escaping (CInt) -> Socket.Accepted = Socket.accept,
        connect: @escaping (SocketAddress) -> Socket.Connecting = { Socket.connect(to: $0) }
    ) {
        self.now = now
        self.wall = wall
        self.accept = accept
        self.connect = connect
    }
}
