public import Kernel
import Synchronization

/// The only door into a worker for other threads: they leave a message and ring.
public final class Inbox<Message: Sendable>: Sendable {
    private let messages = Mutex<[Message]>([])
    private let bell: Bell

    public init() throws(SystemError) { bell = try Bell() }

    /// What the worker watches for.
    public var descriptor: CInt { bell.descriptor }

    /// From any thread.
    public func post(_ message: Message) {
        let wasEmpty = messages.withLock { messages in
            defer { messages.append(message) }
            return messages.isEmpty
        }
        if wasEmpty { bell.ring() }
    }

    /// On the owning thread: everything that was left, in order.
    public func takeAll() -> [Message] {
        bell.silence()
        return messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}
