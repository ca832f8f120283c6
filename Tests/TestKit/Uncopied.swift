import Synchronization

private let starting = Mutex(())

/// Runs `body` while nobody else does: whoever starts a process, and whoever counts on a close being seen at once.
///
/// A process has copies of all descriptors until it becomes its program. What this process closes meanwhile stays open,
/// and its peer hears nothing of it.
public func uncopied<Result: Sendable, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    try starting.withLock { _ throws(Failure) in try body() }
}
