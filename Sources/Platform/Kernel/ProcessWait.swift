import CLinux

/// Waiting for a handful of descriptors in a plain loop. (The path of a request uses ``Poller``.)
public enum ProcessWait {
    public struct Interest: Equatable, Sendable {
        /// Negative: skipped.
        public var descriptor: CInt
        public var writes: Bool

        public init(_ descriptor: CInt, writes: Bool = false) {
            self.descriptor = descriptor
            self.writes = writes
        }
    }

    public struct Answer: Equatable, Sendable {
        /// There is something to read, or the other side is gone.
        public var readable: Bool
        public var writable: Bool
    }

    /// At most 16 interests. A negative time waits forever. Nothing is ready in any answer when time is up or a signal
    /// came.
    public static func any(_ interests: [Interest], milliseconds: CInt) throws(SystemError) -> [Answer] {
        let descriptors = interests.map(\.descriptor)
        let writes = interests.map { Int32($0.writes ? 1 : 0) }
        var ready = [Int32](repeating: 0, count: interests.count)
        try checked(
            unsafe kl_wait_any(descriptors, writes, &ready, CInt(interests.count), milliseconds), "poll")
        return ready.map { Answer(readable: $0 & 1 != 0, writable: $0 & 2 != 0) }
    }
}
