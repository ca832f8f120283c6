import Bytes
public import Kernel
import Synchronization

/// Where access records go: a thread of its own writes them, so that a slow disk or terminal never holds up a worker.
///
/// The queue is bounded; what does not fit is counted as lost by whoever handed it over.
public final class AccessLogSink: Sendable {
    /// Bytes that may wait to be written.
    public static let waitingBytesLimit = 16 << 20

    private struct Waiting {
        var lines: [[UInt8]] = []
        var byteCount = 0
        var mustReopen = false
        var output: Output
        /// Opened already, to be written to from the next line on.
        var next: CInt?
    }

    public enum Output: Equatable, Sendable {
        case standardOutput
        case standardError
        case file(String)
        /// Lines are thrown away. Workers do not write any while they know.
        case none

        /// `stdout`, `stderr`, `off`, or a path.
        public init(setting: String) {
            switch setting {
            case "stdout": self = .standardOutput
            case "stderr": self = .standardError
            case "off": self = .none
            case _: self = .file(setting)
            }
        }
    }

    private let waiting: Mutex<Waiting>
    private let bell: Bell

    /// Opens the output and starts the thread.
    public init(output: Output) throws(SystemError) {
        waiting = Mutex(Waiting(output: output))
        bell = try Bell()
        let first = try Self.open(output)
        let raw = first.release()
        try NativeThread.start(named: "access-log") { [self] in write(to: Descriptor(owning: raw)) }
    }

    private static func open(_ output: Output) throws(SystemError) -> Descriptor {
        switch output {
        case .standardOutput: try System.duplicate(1)
        case .standardError: try System.duplicate(2)
        case .file(let path): try System.openForAppending(path)
        case .none: try System.openForAppending("/dev/null")
        }
    }

    /// Leaves whole lines to be written. Answers how many were lost because too many wait. From any thread.
    func hand(over lines: Span<UInt8>) -> Int {
        let fits = waiting.withLock { waiting in
            guard waiting.byteCount + lines.count <= Self.waitingBytesLimit else { return false }
            waiting.lines.append([UInt8](copying: lines))
            waiting.byteCount += lines.count
            return true
        }
        if fits {
            bell.ring()
            return 0
        }
        var lost = 0
        for place in 0..<lines.count where lines[place] == UInt8(ascii: "\n") { lost += 1 }
        return lost
    }

    /// Writes to another output from the next line on; the old one stays when the new one cannot be opened. From any
    /// thread.
    public func use(_ output: Output) throws(SystemError) {
        guard waiting.withLock({ $0.output != output }) else { return }
        let opened = try Self.open(output)
        let raw = opened.release()
        let passedOver = waiting.withLock { waiting in
            defer {
                waiting.output = output
                waiting.next = raw
            }
            return waiting.next
        }
        if let passedOver { Socket.close(passedOver) }
        bell.ring()
    }

    /// Opens the file anew before the next line (it was rotated). From any thread.
    public func reopen() {
        waiting.withLock { $0.mustReopen = true }
        bell.ring()
    }

    /// Waits until what was handed over is written, a second at most.
    public func flush() {
        for _ in 0..<100 where waiting.withLock({ $0.byteCount }) > 0 {
            System.sleep(milliseconds: 10)
        }
    }

    private func write(to first: consuming Descriptor) {
        var file = first
        while true {
            _ = System.waitReadable(bell.descriptor, milliseconds: -1)
            bell.silence()
            let taken = waiting.withLock { waiting in
                defer {
                    waiting.lines = []
                    waiting.mustReopen = false
                    waiting.next = nil
                }
                return waiting
            }
            for chunk in taken.lines { try? System.writeAll(file.raw, chunk.span) }
            if let next = taken.next {
                file = Descriptor(owning: next)
            } else if taken.mustReopen, let again = try? Self.open(taken.output) {
                file = again
            }
            let written = taken.lines.reduce(0) { $0 + $1.count }
            waiting.withLock { $0.byteCount -= written }
        }
    }
}
