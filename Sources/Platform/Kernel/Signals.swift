import CLinux
import Glibc

public enum Signal: CInt, Sendable {
    case hangup = 1
    case interrupt = 2
    case terminate = 15
    case child = 17
}

/// Signals read as values instead of interrupting. Made on the main thread before any other starts: threads inherit
/// what is blocked.
public struct Signals: ~Copyable {
    public let descriptor: CInt

    public init(_ signals: [Signal]) throws(SystemError) {
        let numbers = signals.map(\.rawValue)
        descriptor = try checked(unsafe kl_signalfd_block(numbers, CInt(numbers.count)), "signalfd")
        _ = kl_ignore_sigpipe()
    }

    deinit { _ = kl_close(descriptor) }

    /// The next one that came, or `nil`.
    public func next() -> Signal? {
        let number = kl_signalfd_next(descriptor)
        return number > 0 ? Signal(rawValue: number) : nil
    }
}
