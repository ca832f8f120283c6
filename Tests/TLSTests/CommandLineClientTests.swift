import Bytes
import Glibc
import Testing

@testable import TLS

/// The program `openssl s_client`, over TCP on loopback: another build of the same library, and a real socket.
@Suite("Command line client", .timeLimit(.minutes(1)))
struct CommandLineClientTests {
    @Test("sees the certificate, the chain and the version, and exchanges a line", arguments: ["-tls1_2", "-tls1_3"])
    func exchange(_ version: String) throws {
        let authority = TestAuthority()
        let contexts = contexts([
            authority.input("other", for: ["other.test"]), authority.input("site", for: ["site.test"]),
        ])
        let listener = try Listener()
        defer { listener.close() }
        let program = Subprocess(
            "echo ping | timeout 20 openssl s_client -connect 127.0.0.1:\(listener.port) -servername site.test "
                + "\(version) -alpn http/1.1 -ign_eof 2>&1")
        let descriptor = listener.accept()
        defer { _ = close(descriptor) }
        let session = try #require(TLSSession.accept(contexts, descriptor: descriptor))
        defer { session.free() }
        while true {
            let progress = session.handshake()
            if progress == .done { break }
            try #require(progress == .wantsRead)
            wait(descriptor)
        }
        var pool = BufferPool()
        let buffer = pool.take(.small)
        defer { pool.give(buffer) }
        while buffer.count < 5 {
            if case .bytes = session.read(into: buffer) { continue }
            wait(descriptor)
        }
        #expect(buffer.readable.text == "ping\n")
        #expect(session.write(Array("pong\n".utf8).span) == .bytes(5))
        session.shutdown()
        _ = Glibc.shutdown(descriptor, CInt(SHUT_WR))
        let output = program.output()
        #expect(output.contains("pong"))
        #expect(output.contains("subject=CN = site"))
        #expect(output.contains("ALPN protocol: http/1.1"))
        #expect(output.contains(version == "-tls1_3" ? "TLSv1.3" : "TLSv1.2"))
    }

    private func wait(_ descriptor: CInt) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe Glibc.poll(&poll, 1, 10_000)
    }

    private struct Listener {
        let descriptor: CInt
        let port: UInt16

        init() throws {
            descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = UInt16(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var count = socklen_t(MemoryLayout<sockaddr_in>.size)
            let descriptor = descriptor
            let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    unsafe bind(descriptor, generic, count) == 0 && listen(descriptor, 1) == 0
                        && getsockname(descriptor, generic, &count) == 0
                }
            }
            try #require(bound)
            port = UInt16(bigEndian: address.sin_port)
        }

        func accept() -> CInt { Glibc.accept(descriptor, nil, nil) }
        func close() { _ = Glibc.close(descriptor) }
    }

    /// A shell command whose output is collected.
    @safe private struct Subprocess {
        private let pipe: UnsafeMutablePointer<FILE>

        init(_ command: String) { unsafe pipe = unsafe popen(command, "r")! }

        /// Everything it says until it ends.
        func output() -> String {
            var bytes: [UInt8] = []
            var block = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = unsafe fread(&block, 1, block.count, pipe)
                guard count > 0 else { break }
                bytes += block[..<count]
            }
            _ = unsafe pclose(pipe)
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
