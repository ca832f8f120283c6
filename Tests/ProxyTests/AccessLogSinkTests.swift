import Foundation
import Glibc
import Kernel
import Telemetry
import TestKit
import Testing

@testable import Proxy

@Suite("The access log's output", .timeLimit(.minutes(5)))
struct AccessLogSinkTests {
    private let folder: TemporaryFolder
    private var path: String { folder("access.log") }

    init() throws { folder = try TemporaryFolder("sink") }

    private func text(_ name: String = "access.log") throws -> String { try System.readFile(folder(name)).text }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    private func hand(_ text: String, to sink: AccessLogSink) {
        let bytes = Array(text.utf8)
        #expect(sink.hand(over: bytes.span) == 0)
    }

    @Test("a file is rotated before it outgrows the limit; as many old ones are kept as wanted, every line in one")
    func rotation() throws {
        let sink = try AccessLogSink(output: .file(path), rotation: .init(size: 100, keep: 3))
        for number in 10..<60 { hand("line \(number) of ten\n", to: sink) }
        sink.flush()
        #expect(try names() == ["access.log", "access.log.1", "access.log.2", "access.log.3"])
        // 17 bytes a line, so five to a file.
        let kept = try ["access.log.3", "access.log.2", "access.log.1", "access.log"].map { try text($0) }
        #expect(kept.joined() == (40..<60).map { "line \($0) of ten\n" }.joined())
        #expect(kept.allSatisfy { $0.utf8.count <= 100 })
        #expect(sink.linesLost.current == 0)
    }

    @Test("at the limit exactly nothing is rotated; what was in the file before counts; a larger batch goes in whole")
    func rotationLimit() throws {
        try folder.write("access.log", "0123456789\n")
        let sink = try AccessLogSink(output: .file(path), rotation: .init(size: 21, keep: 1))
        hand("abcdefghi\n", to: sink)
        sink.flush()
        #expect(try names() == ["access.log"])
        hand(String(repeating: "x", count: 99) + "\n", to: sink)
        sink.flush()
        #expect(try text("access.log.1") == "0123456789\nabcdefghi\n")
        #expect(try text().utf8.count == 100)
        // A change of the limit holds from the next batch on.
        try sink.use(.file(path))
        for _ in 0..<10 { hand("more\n", to: sink) }
        sink.flush()
        #expect(try text().utf8.count == 150)
    }

    @Test("a file that another process has rotated is opened anew, not rotated again")
    func rotatedByOthers() throws {
        let sink = try AccessLogSink(output: .file(path), rotation: .init(size: 10, keep: 3))
        hand("one\n", to: sink)
        sink.flush()
        try Holdings.rename(path, to: folder("access.log.1"))
        try folder.write("access.log", "two\n")
        hand("three and more\n", to: sink)
        sink.flush()
        #expect(try names() == ["access.log", "access.log.1"])
        #expect(try text("access.log.1") == "one\n")
        #expect(try text() == "two\nthree and more\n")
    }

    @Test("where a file cannot be renamed it grows on, and nothing is lost")
    func unrotatable() throws {
        // A folder in the place of the first old file.
        try FileManager.default.createDirectory(
            atPath: folder("access.log.1/inside"), withIntermediateDirectories: true)
        let sink = try AccessLogSink(output: .file(path), rotation: .init(size: 10, keep: 1))
        for _ in 0..<5 { hand("123456789\n", to: sink) }
        sink.flush()
        #expect(try text() == String(repeating: "123456789\n", count: 5))
        #expect(sink.linesLost.current == 0)
    }

    @Test("a file that was renamed is written until the log is opened anew; then lines go to a new one")
    func reopening() throws {
        let sink = try AccessLogSink(output: .file(path))
        hand("one\n", to: sink)
        sink.flush()
        try Holdings.rename(path, to: folder("old"))
        hand("two\n", to: sink)
        sink.reopen()
        hand("three\n", to: sink)
        sink.flush()
        #expect(try text("old") == "one\ntwo\n")
        #expect(try text() == "three\n")
        // Where it cannot be opened anew the old one stays.
        try Holdings.rename(path, to: folder("old"))
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        sink.reopen()
        hand("four\n", to: sink)
        sink.flush()
        #expect(try text("old") == "three\nfour\n")
        #expect(sink.linesLost.current == 0)
    }

    @Test("lines for a full disk are counted as lost, and the next output gets the next ones")
    func full() throws {
        let sink = try AccessLogSink(output: .file("/dev/full"), rotation: .init(size: 1, keep: 1))
        for _ in 0..<3 { hand("one\ntwo\n", to: sink) }
        sink.flush()
        #expect(sink.linesLost.current == 6)
        #expect(throws: SystemError.self) { try sink.use(.file(folder("absent/access.log"))) }
        try sink.use(.file(path))
        hand("three\n", to: sink)
        sink.flush()
        #expect(try text() == "three\n")
        #expect(sink.linesLost.current == 6)
    }

    @Test("a pipe without a reader costs lines; with the next reader whole lines come again")
    func brokenPipe() throws {
        _ = signal(SIGPIPE, SIG_IGN)
        let pipe = folder("pipe")
        #expect(unsafe mkfifo(pipe, 0o600) == 0)
        // Nobody reads it: refused instead of waited for.
        #expect(throws: SystemError.self) { try AccessLogSink(output: .file(pipe)) }
        var reader = try PipeReader(pipe)
        let sink = try AccessLogSink(output: .file(pipe))
        // More than a pipe holds, so that the writer is in the middle of it when the reader goes.
        let line = String(repeating: "x", count: 99) + "\n"
        hand(String(repeating: line, count: 4_000), to: sink)
        try waitUntil("the pipe is full") { reader.waitingCount > 60_000 }
        reader.close()
        try waitUntil("the loss is counted") { sink.linesLost.current > 0 }
        let lost = sink.linesLost.current
        #expect((1_000..<4_000).contains(lost))
        hand("nobody reads this\n", to: sink)
        try waitUntil("one more is lost") { sink.linesLost.current == lost + 1 }
        reader = try PipeReader(pipe)
        hand("after\n", to: sink)
        var seen: [UInt8] = []
        try waitUntil("the line after") {
            try reader.read(into: &seen)
            return seen.text.hasSuffix("after\n")
        }
        reader.close()
        // Of what was in the pipe when its reader went, at most one line is torn; it ends before the next begins.
        let lines = seen.text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.suffix(2) == ["after", ""])
        #expect(lines.dropLast(3).allSatisfy { $0.utf8.count == 99 })
        #expect(sink.linesLost.current == lost + 1)
    }
}

/// The reading end of a named pipe; opening it waits for nobody.
private struct PipeReader {
    private let descriptor: CInt

    init(_ path: String) throws {
        descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw PeerFault.failed(errno) }
    }

    var waitingCount: Int {
        var count: CInt = 0
        return unsafe ioctl(descriptor, UInt(FIONREAD), &count) == 0 ? Int(count) : 0
    }

    func read(into bytes: inout [UInt8]) throws {
        if waitingCount > 0 { try System.read(descriptor, appendingTo: &bytes, upTo: waitingCount) }
    }

    func close() { Socket.close(descriptor) }
}
