import Kernel
import Synchronization

/// Threads that verify passwords, so that no worker ever does: what takes a worker 20 µs takes bcrypt a thousand times
/// as long, by design.
///
/// A thread is there while there is work for it. Work that finds ``queueLimit`` others waiting is refused.
public final class PasswordVerifier: Sendable {
    /// The process's one.
    public static let shared = PasswordVerifier(threads: max(1, min(4, System.coreCount / 2)))

    /// Passwords that may wait for a thread.
    public static let queueLimit = 64

    /// One question, and who wants to know.
    public struct Question: Sendable {
        var password: [UInt8]
        var hash: [UInt8]
        var answer: @Sendable (Bool) -> Void

        /// - Parameter answer: called once, on a thread of the verifier's.
        public init(password: [UInt8], hash: [UInt8], answer: @escaping @Sendable (Bool) -> Void) {
            self.password = password
            self.hash = hash
            self.answer = answer
        }
    }

    private struct Queue {
        var waiting: [Question] = []
        var threads = 0
    }

    private let queue = Mutex(Queue())
    private let threadLimit: Int
    private let matches: @Sendable ([UInt8], [UInt8]) -> Bool

    init(threads: Int, matches: @escaping @Sendable ([UInt8], [UInt8]) -> Bool = PasswordHash.matches) {
        threadLimit = threads
        self.matches = matches
    }

    /// From any thread; does not wait. `false`: too many wait, or the system gives no thread; there will be no answer.
    public func submit(_ question: Question) -> Bool {
        let (isTaken, needsThread) = queue.withLock { queue in
            guard queue.waiting.count < Self.queueLimit else { return (false, false) }
            queue.waiting.append(question)
            guard queue.threads < threadLimit else { return (true, false) }
            queue.threads += 1
            return (true, true)
        }
        guard needsThread else { return isTaken }
        do {
            try NativeThread.start(named: "passwords") { [self] in work() }
            return true
        } catch {
            return queue.withLock { queue in
                queue.threads -= 1
                // Another thread will come to it; where there is none, nothing waited before this.
                guard queue.threads == 0 else { return true }
                queue.waiting.removeAll()
                return false
            }
        }
    }

    private func work() {
        while let question = next() { question.answer(matches(question.password, question.hash)) }
    }

    /// The one that has waited longest; `nil` ends the thread.
    private func next() -> Question? {
        queue.withLock { queue in
            guard !queue.waiting.isEmpty else {
                queue.threads -= 1
                return nil
            }
            return queue.waiting.removeFirst()
        }
    }
}
