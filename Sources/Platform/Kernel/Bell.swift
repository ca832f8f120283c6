import CLinux

/// Wakes a thread that waits in a ``Poller``. Any thread may ring.
public struct Bell: ~Copyable, Sendable {
    public let descriptor: CInt

    public init() throws(SystemError) { descriptor = try checked(kl_eventfd(), "eventfd") }

    deinit { _ = kl_close(descriptor) }

    public func ring() { _ = kl_eventfd_ring(descriptor) }

    public func silence() { _ = kl_eventfd_drain(descriptor) }
}
