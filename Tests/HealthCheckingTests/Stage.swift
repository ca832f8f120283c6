import Balancing
import Contract
import Engine
import Glibc
import Kernel
import Routing

@testable import HealthChecking

/// A checker whose clock and endpoints the test plays: connections are pairs of sockets, so that a step leaves nothing
/// to wait for.
final class Stage {
    /// What an endpoint does with a connection, and with each request on it.
    struct Endpoint {
        /// `nil`: refuses.
        var answer: ((String) -> Answer)?
        var connects = 0
        var requests: [String] = []
        /// `errno` in place of a connection.
        var error: CInt = ECONNREFUSED
    }

    enum Answer {
        case bytes([UInt8])
        /// The same, and then the end.
        case last([UInt8])
        case silence
        case reset
        /// One byte for each step.
        case trickle([UInt8])
    }

    static let second: UInt64 = 1_000_000_000

    let simulation: Simulation
    let checker: HealthChecker
    private(set) var news: [HealthNews] = []
    private let compiler = RouteCompiler(seed: 1)
    private var revision: UInt64 = 0
    private let book = Book()

    /// What the checker's closures reach.
    final class Book {
        var endpoints: [String: Endpoint] = [:]
        var open: [(address: String, socket: CInt, received: [UInt8], trickle: [UInt8], isOver: Bool)] = []
        var news: [HealthNews] = []
    }

    init(idleLimit: Int = 10_000) throws {
        let book = self.book
        simulation = Simulation(
            now: Self.second, wall: 0,
            connect: { address in
                let text = address.description
                book.endpoints[text, default: Endpoint()].connects += 1
                guard book.endpoints[text]?.answer != nil else {
                    return .failed(book.endpoints[text]?.error ?? ECONNREFUSED)
                }
                var ends: [CInt] = [-1, -1]
                let kind = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
                guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return .failed(errno) }
                book.open.append((text, ends[0], [], [], false))
                return .connected(ends[1])
            })
        checker = try HealthChecker(idleLimit: idleLimit, simulation: simulation) { book.news += $0 }
    }

    deinit { for connection in book.open where connection.socket >= 0 { Socket.close(connection.socket) } }

    subscript(_ address: String) -> Endpoint {
        get { book.endpoints[address] ?? Endpoint() }
        set { book.endpoints[address] = newValue }
    }

    func answers(_ address: String, _ text: String) { self[address].answer = { _ in .bytes(Array(text.utf8)) } }
    func refuses(_ address: String) { self[address].answer = nil }

    /// Endpoints have these addresses, in pools with these checks.
    func follow(_ pools: [(HealthCheck?, [String])]) throws {
        revision += 1
        compiler.replaceAll(
            rules: pools.enumerated().map { number, pool in
                var options = PoolOptions()
                options.healthCheck = pool.0
                return Rule(
                    name: "rule\(number)", hosts: ["host\(number).test"],
                    endpoints: pool.1.map { Contract.Endpoint(address: $0) }, pool: options)
            })
        checker.inbox.post(.follow(compiler.build(revision: revision, epoch: "e").0))
        try settle()
    }

    /// Steps of the checker and its endpoints, until nothing moves.
    func settle() throws {
        var quiet = 0
        while quiet < 2 {
            _ = try checker.turn()
            quiet = play() ? 0 : quiet + 1
        }
        news += book.news
        book.news = []
    }

    /// Lets time pass, in steps of a tick.
    func pass(milliseconds: UInt64) throws {
        let end = simulation.now + milliseconds * 1_000_000
        while simulation.now < end {
            simulation.now = min(end, simulation.now + 1 << TimerWheel.tickShift)
            try settle()
        }
    }

    func takeNews() -> [HealthNews] {
        defer { news = [] }
        return news
    }

    var openCount: Int { book.open.count { $0.socket >= 0 } }

    /// What the endpoints do now; `false`: nothing.
    private func play() -> Bool {
        var moved = false
        for index in book.open.indices where book.open[index].socket >= 0 {
            let connection = book.open[index]
            if let byte = connection.trickle.first {
                _ = Socket.send(connection.socket, [byte].span)
                book.open[index].trickle.removeFirst()
            }
            var bytes: [UInt8] = []
            switch Socket.receive(connection.socket, appendingTo: &bytes, upTo: 65_536) {
            case .bytes: break
            case .wouldBlock: continue
            case .endOfStream, .failed:
                close(index)
                moved = true
                continue
            }
            moved = true
            book.open[index].received += bytes
            let text = String(decoding: book.open[index].received, as: UTF8.self)
            guard text.hasSuffix("\r\n\r\n") else { continue }
            book.open[index].received = []
            book.endpoints[connection.address]?.requests.append(text)
            switch book.endpoints[connection.address]?.answer?(text) ?? .reset {
            case .bytes(let answer): _ = Socket.send(connection.socket, answer.span)
            case .last(let answer):
                if !answer.isEmpty { _ = Socket.send(connection.socket, answer.span) }
                close(index)
            case .silence: break
            case .reset: close(index)
            case .trickle(let answer): book.open[index].trickle = answer
            }
        }
        return moved
    }

    private func close(_ index: Int) {
        Socket.close(book.open[index].socket)
        book.open[index].socket = -1
    }

    /// The endpoint gives up the connections it has.
    func hangUp(_ address: String) {
        for index in book.open.indices where book.open[index].address == address && book.open[index].socket >= 0 {
            close(index)
        }
    }
}

let content = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func check(_ change: (inout HealthCheck) -> Void = { _ in }) -> HealthCheck {
    var check = HealthCheck()
    (check.interval, check.timeout, check.jitter) = (1_000, 500, 0)
    change(&check)
    return check
}
