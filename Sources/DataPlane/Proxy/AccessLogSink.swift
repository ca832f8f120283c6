import Bytes
public import Contract
public import Kernel
import Synchronization
public import Telemetry

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
        var rotation: Rotation
        /// Opened already, to be written to from the next line on.
        var next: CInt?
        /// How many of `lines` were handed over before the last wish for another file.
        var earlier = 0
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

    /// When a file is full and how many full ones are kept.
    public struct Rotation: Equatable, Sendable {
        public static let never = Rotation(size: 0, keep: 1)

        /// Bytes of a file beyond which it is rotated, as FILE.1; 0 is never.
        public var size: Int
        /// Files kept beside the one that is written, at least 1.
        public var keep: Int

        public init(size: Int, keep: Int) {
            self.size = max(0, size)
            self.keep = max(1, keep)
        }

        public init(_ setting: AccessLog) { self.init(size: setting.rotateAt, keep: setting.keep) }
    }

    /// Lines that could not be written. Counted by the log's thread; read by anyone.
    public let linesLost = Counter()

    private let waiting: Mutex<Waiting>
    private let bell: Bell

    /// Opens the output and starts the thread.
    public init(output: Output, rotation: Rotation = .never) throws(SystemError) {
        waiting = Mutex(Waiting(output: output, rotation: rotation))
        bell = try Bell()
        let first = try AccessLogFile.open(output)
        let raw = first.release()
        try NativeThread.start(named: "access-log") { [self] in
            write(to: AccessLogFile(output, Descriptor(owning: raw)))
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
        return lines.lineCount
    }

    /// Writes to another output from the next line on, and rotates it so; the old output stays when the new one cannot
    /// be opened. From any thread.
    public func use(_ output: Output, rotation: Rotation = .never) throws(SystemError) {
        let isSame = waiting.withLock { waiting in
            waiting.rotation = rotation
            return waiting.output == output
        }
        if isSame { return }
        let opened = try AccessLogFile.open(output)
        let raw = opened.release()
        let passedOver = waiting.withLock { waiting in
            defer {
                waiting.output = output
                waiting.next = raw
                waiting.earlier = waiting.lines.count
            }
            return waiting.next
        }
        if let passedOver { Socket.close(passedOver) }
        bell.ring()
    }

    /// Opens the file anew before the next line (it was rotated). From any thread.
    public func reopen() {
        waiting.withLock { waiting in
            waiting.mustReopen = true
            waiting.earlier = waiting.lines.count
        }
        bell.ring()
    }

    /// Waits until what was handed over is written, a second at most.
    public func flush() {
        for _ in 0..<100 where waiting.withLock({ $0.byteCount }) > 0 {
            System.sleep(milliseconds: 10)
        }
    }

    private func write(to first: consuming AccessLogFile) {
        var file = first
        while true {
            _ = System.waitReadable(bell.descriptor, milliseconds: -1)
            bell.silence()
            let taken = waiting.withLock { waiting in
                defer {
                    waiting.lines = []
                    waiting.mustReopen = false
                    waiting.next = nil
                    waiting.earlier = 0
                }
                return waiting
            }
            write(taken.lines[..<taken.earlier], to: &file, taken.rotation)
            if let next = taken.next {
                file.use(taken.output, Descriptor(owning: next))
            } else if taken.mustReopen {
                file.reopen()
            }
            write(taken.lines[taken.earlier...], to: &file, taken.rotation)
        }
    }

    private func write(_ chunks: ArraySlice<[UInt8]>, to file: inout AccessLogFile, _ rotation: Rotation) {
        for chunk in chunks {
            linesLost.add(UInt64(file.write(chunk.span, rotation)))
            // One by one, so that a slow output makes room as it goes.
            waiting.withLock { $0.byteCount -= chunk.count }
        }
    }
}
