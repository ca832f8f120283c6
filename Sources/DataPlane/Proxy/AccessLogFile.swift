import Bytes
import Kernel
import Telemetry

/// What the log's thread writes to: opened anew when asked to, rotated when it is full, and after a failure tried again
/// with every batch. Nothing that goes wrong here stops the thread; it costs lines, which are counted.
struct AccessLogFile: ~Copyable {
    /// Nanoseconds until the log is rotated again after a file could not be renamed or opened.
    private static let rotationPause: UInt64 = 10_000_000_000

    private var file: Descriptor
    private var output: AccessLogSink.Output
    private var identity: Holdings.FileIdentity?
    /// Bytes of a regular file; `nil` for what cannot be full: a terminal, a pipe, a device.
    private var size: Int64?
    /// The last write ended inside a line.
    private var isTorn = false
    /// Lines lost since writing began to fail; `nil` while it works.
    private var losing: Int?
    private var rotatingAgain: UInt64 = 0

    init(_ output: AccessLogSink.Output, _ file: consuming Descriptor) {
        self.output = output
        self.file = file
        look()
    }

    static func open(_ output: AccessLogSink.Output) throws(SystemError) -> Descriptor {
        switch output {
        case .standardOutput: try System.duplicate(1)
        case .standardError: try System.duplicate(2)
        case .file(let path): try System.openForAppending(path)
        case .none: try System.openForAppending("/dev/null")
        }
    }

    /// Goes on with another output, or with the same one opened anew.
    mutating func use(_ output: AccessLogSink.Output, _ file: consuming Descriptor) {
        self.output = output
        self.file = file
        look()
    }

    /// Opens the output anew: the file may have another name by now. The old one stays when that fails.
    mutating func reopen() {
        do {
            use(output, try Self.open(output))
        } catch {
            rotatingAgain = Clock.monotonic() &+ Self.rotationPause
            Log.write(.warning, "the access log cannot be opened anew; the old one is written on", ("why", "\(error)"))
        }
    }

    /// Writes whole lines. Answers how many were lost.
    mutating func write(_ lines: Span<UInt8>, _ rotation: AccessLogSink.Rotation) -> Int {
        rotateIfFull(lines.count, rotation)
        // Where a file failed another may be by now: a disk mounted, a pipe with a reader.
        if losing != nil, case .file = output, let again = try? Self.open(output) { use(output, again) }
        var done = 0
        do {
            if isTorn {
                // What was torn stays one line, and is none of ours to those who read lines.
                let end: [UInt8] = [UInt8(ascii: "\n")]
                _ = try write(end.span)
                isTorn = false
            }
            while done < lines.count { done += try write(lines.extracting(done..<lines.count)) }
        } catch {
            if done > 0 { isTorn = lines[done - 1] != UInt8(ascii: "\n") }
            let lost = lines.extracting(done..<lines.count).lineCount
            if losing == nil {
                Log.write(.error, "the access log cannot be written; lines are lost", ("why", "\(error)"))
            }
            losing = (losing ?? 0) + lost
            return lost
        }
        if let lost = losing {
            Log.write(.info, "the access log is written again", ("lines_lost", "\(lost)"))
            losing = nil
        }
        return 0
    }

    private mutating func write(_ bytes: Span<UInt8>) throws(SystemError) -> Int {
        while true {
            do {
                let count = try System.write(file.raw, bytes)
                if let size { self.size = size + Int64(count) }
                return count
            } catch {
                // Whoever shares our standard output may have made it one that does not wait.
                guard error.isWouldBlock else { throw error }
                _ = try ProcessWait.any([.init(file.raw, writes: true)], milliseconds: -1)
            }
        }
    }

    private mutating func look() {
        let facts = try? Holdings.facts(of: file.raw)
        if facts?.identity != identity { isTorn = false }
        identity = facts?.identity
        size = facts?.kind == .file ? facts?.size : nil
    }

    /// FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on; the one with the highest number is forgotten.
    private mutating func rotateIfFull(_ byteCount: Int, _ rotation: AccessLogSink.Rotation) {
        guard rotation.size > 0, case .file(let path) = output, let size, size > 0,
            size + Int64(byteCount) > Int64(rotation.size), Clock.monotonic() >= rotatingAgain
        else { return }
        do {
            // Another process that writes to it, an edge that takes over or leaves, may have been first.
            if try Holdings.facts(of: path).identity == identity {
                for number in stride(from: rotation.keep - 1, through: 1, by: -1) {
                    try? Holdings.rename("\(path).\(number)", to: "\(path).\(number + 1)")
                }
                try Holdings.rename(path, to: "\(path).1")
            }
        } catch {
            guard !error.isMissing else { return reopen() }
            rotatingAgain = Clock.monotonic() &+ Self.rotationPause
            return Log.write(.warning, "the access log cannot be rotated; it grows on", ("why", "\(error)"))
        }
        reopen()
    }
}

extension Span<UInt8> {
    /// Line ends among the bytes.
    var lineCount: Int {
        var count = 0
        for place in 0..<self.count where self[place] == UInt8(ascii: "\n") { count += 1 }
        return count
    }
}
