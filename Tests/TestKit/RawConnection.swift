import Glibc
import Synchronization

/// A TCP connection whose every byte the test decides. Blocking, with a deadline on each step; not for several threads.
public final class RawConnection {
    public enum Failure: Error, Equatable {
        case refused
        /// The peer reset the connection.
        case reset
        case timedOut
        /// The peer closed before the answer was whole; what came until then.
        case closedEarly(String)
        case malformed(String)
        case system(Int32)
    }

    private let socket: CInt
    /// Received and not yet read.
    private var pending: [UInt8] = []

    public init(port: Int, host: String = "127.0.0.1", within limit: Duration = .seconds(5)) throws {
        let raw = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw Failure.system(errno) }
        socket = raw
        setTimeout(SO_SNDTIMEO, limit)
        var one: CInt = 1
        _ = unsafe setsockopt(raw, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        guard unsafe inet_pton(AF_INET, host, &address.sin_addr) == 1 else { throw Failure.malformed(host) }
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Self.failure(errno) }
    }

    deinit { close(socket) }

    public func send(_ text: String) throws { try send(Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(socket, $0.baseAddress! + sent, bytes.count - sent, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Self.failure(errno) }
            sent += count
        }
    }

    /// Tells the peer that nothing more comes; reading goes on.
    public func finishSending() { _ = shutdown(socket, CInt(SHUT_WR)) }

    /// The next bytes; empty at the end of the stream.
    public func receive(within limit: Duration = .seconds(5)) throws -> [UInt8] {
        if !pending.isEmpty {
            defer { pending = [] }
            return pending
        }
        setTimeout(SO_RCVTIMEO, limit)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
        guard count >= 0 else { throw Self.failure(errno) }
        return Array(buffer.prefix(count))
    }

    /// Everything until the peer closes.
    public func receiveToEnd(within limit: Duration = .seconds(5)) throws -> [UInt8] {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        var all: [UInt8] = []
        while true {
            let left = deadline - clock.now
            guard left > .zero else { throw Failure.timedOut }
            let more = try receive(within: left)
            if more.isEmpty { return all }
            all += more
        }
    }

    /// Reads one whole response; what follows it stays for the next call.
    /// - Parameter toHead: no body follows, whatever the fields say.
    public func answer(within limit: Duration = .seconds(5), toHead: Bool = false) throws -> Answer {
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        var bytes: [UInt8] = []
        while true {
            if let (answer, used) = try Answer.parse(bytes, atEnd: false, toHead: toHead) {
                pending = Array(bytes[used...])
                return answer
            }
            let left = deadline - clock.now
            guard left > .zero else { throw Failure.timedOut }
            let more = try receive(within: left)
            if more.isEmpty {
                guard let (answer, _) = try Answer.parse(bytes, atEnd: true, toHead: toHead) else {
                    throw Failure.closedEarly(String(decoding: bytes, as: UTF8.self))
                }
                return answer
            }
            bytes += more
        }
    }

    private func setTimeout(_ option: CInt, _ limit: Duration) {
        let (seconds, attoseconds) = limit.components
        // A zero would mean "for ever".
        var time = timeval(tv_sec: Int(seconds), tv_usec: max(1, Int(attoseconds / 1_000_000_000_000)))
        _ = unsafe setsockopt(socket, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func failure(_ code: Int32) -> Failure {
        switch code {
        case ECONNREFUSED: .refused
        case ECONNRESET, EPIPE: .reset
        case EAGAIN, ETIMEDOUT, EINPROGRESS: .timedOut
        default: .system(code)
        }
    }
}

/// A port of the loopback address that nobody has now, and that this process was not given before: the kernel may name
/// one again as soon as it is let go, and two servers of one test would get it.
public func freePort() throws -> Int {
    while true {
        let port = try vacantPort()
        if givenPorts.withLock({ $0.insert(port).inserted }) { return port }
    }
}

private let givenPorts = Mutex<Set<Int>>([])

private func vacantPort() throws -> Int {
    let raw = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard raw >= 0 else { throw RawConnection.Failure.system(errno) }
    defer { close(raw) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = unsafe withUnsafeMutablePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe bind(raw, $0, size) == 0 ? unsafe getsockname(raw, $0, &size) : -1
        }
    }
    guard result == 0 else { throw RawConnection.Failure.system(errno) }
    return Int(UInt16(bigEndian: address.sin_port))
}
