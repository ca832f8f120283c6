import Bytes
import Compression
import Contract
import Engine
import Kernel
import Passwords
import Routing
import Synchronization
import TLS

@testable import Proxy

/// One worker on a thread of its own, with a plain listener, a secure one, one for connections of any kind, one for
/// datagrams, and a table.
final class TestProxy {
    let plain: SocketAddress
    let secure: SocketAddress
    let raw: SocketAddress
    let tally: Tally
    private let box: WorkerBox
    private let ended: Signal
    private let compiler = RouteCompiler(seed: 1)
    private let contexts: TLSContexts
    private var settings: Settings
    private let proxyProtocol: Contract.Listener.ProxyProtocol
    private let connectionTLS: [String: ConnectionTLS]
    private var table: RouteTable?
    private var number: UInt64 = 0
    /// Where access records go that no test reads.
    private static let nowhere = { () -> AccessLogSink in
        guard let sink = try? AccessLogSink(output: .none) else { preconditionFailure("no access log") }
        return sink
    }()

    /// - Parameter rules: `nil` leaves the worker without a table.
    init(
        _ rules: [Rule]?, settings: Settings = Settings(), certificate: CertificateInput? = nil,
        log: AccessLogSink? = nil, address: String = "127.0.0.1:0",
        proxyProtocol: Contract.Listener.ProxyProtocol = .off, connectionTLS: [String: ConnectionTLS] = [:],
        addressLimit: UInt64? = nil,
        signing: KeyedDigest = KeyedDigest(), notify: @escaping @Sendable (WorkerNotice) -> Void = { _ in }
    ) throws {
        self.settings = settings
        self.connectionTLS = connectionTLS
        self.proxyProtocol = proxyProtocol
        contexts =
            TLSContexts.build(
                certificates: certificate.map { [$0] } ?? [], assignments: [], policy: .intermediate, previous: nil
            ).0
        let worker = try Worker(log: log ?? Self.nowhere, settings: self.settings, signing: signing, notify: notify)
        let ended = try Signal()
        (box, tally, self.ended) = (WorkerBox(worker), worker.tally, ended)
        let wanted = SocketAddress(text: address) ?? SocketAddress(ipv4: 0x7f00_0001, port: 0)
        let sockets = (
            try Socket.listen(on: wanted).release(), try Socket.listen(on: wanted).release(),
            try Socket.listen(on: wanted).release()
        )
        plain = Socket.localAddress(sockets.0) ?? wanted
        secure = Socket.localAddress(sockets.1) ?? wanted
        raw = Socket.localAddress(sockets.2) ?? wanted
        let box = box
        try NativeThread.start(named: "worker") {
            do { try box.worker.run() } catch { preconditionFailure("\(error)") }
            ended.give()
        }
        if let rules { adopt(rules) }
        open("web", sockets.0, isSecure: false, port: plain.port)
        open("secure", sockets.1, isSecure: true, port: secure.port)
        open("raw", sockets.2, isSecure: false, isRaw: true, port: raw.port, addressLimit: addressLimit)
    }

    private func open(
        _ name: String, _ socket: CInt, isSecure: Bool, isRaw: Bool = false, port: UInt16, addressLimit: UInt64? = nil
    ) {
        let index = compiler.listenerIndex(of: name)
        box.worker.inbox.post(
            .open(
                WorkerListener(
                    socket: socket, index: index, name: name, isSecure: isSecure, isRaw: isRaw, port: Int(port),
                    proxyProtocol: proxyProtocol, addressLimit: addressLimit)))
    }

    /// Opens a listener of datagrams, and answers where it is bound.
    func openDatagrams(
        _ name: String = "dns", on address: String = "127.0.0.1:0",
        proxyProtocol: Contract.Listener.ProxyProtocol = .off, connectionLimit: UInt64? = nil
    ) throws -> SocketAddress {
        let wanted = SocketAddress(text: address) ?? SocketAddress(ipv4: 0x7f00_0001, port: 0)
        let socket = try Socket.bindDatagrams(to: wanted).release()
        let bound = Socket.localAddress(socket) ?? wanted
        box.worker.inbox.post(
            .open(
                WorkerListener(
                    socket: socket, index: compiler.listenerIndex(of: name), name: name, isSecure: false,
                    isDatagrams: true, port: Int(bound.port), proxyProtocol: proxyProtocol,
                    connectionLimit: connectionLimit)))
        return bound
    }

    func closeListener(_ name: String) { box.worker.inbox.post(.close(listener: compiler.listenerIndex(of: name))) }

    /// Serves these rules from now on; returns when the worker does.
    func adopt(_ rules: [Rule]) {
        compiler.replaceAll(rules: rules)
        number += 1
        table = compiler.build(revision: number, epoch: "test").0
        look { _ in }
    }

    /// Serves with these settings from now on; returns when the worker does.
    func use(_ settings: Settings) {
        self.settings = settings
        look { _ in }
    }

    /// Asks on the worker's own thread: the news that a revision was adopted is told there.
    @discardableResult
    func look<Answer: Sendable>(_ question: @escaping @Sendable (Worker) -> Answer) -> Answer {
        guard let table, let told = try? Signal() else { preconditionFailure("no table") }
        let place = Place<Answer>()
        let box = box
        let byRoute = table.routeNames.compactMap { number, name in connectionTLS[name].map { (number, $0) } }
        let revision = Revision(
            table: table, contexts: contexts, connectionTLS: Dictionary(uniqueKeysWithValues: byRoute),
            settings: settings, securePort: Int(secure.port),
            // The worker keeps the revision, so the revision may not keep the worker.
            adopted: { [weak box] in
                place.answer.withLock { $0 = box.map { question($0.worker) } }
                told.give()
            })
        box.worker.inbox.post(.adopt(revision))
        precondition(told.wait(Peer.patience), "the worker does not answer")
        return place.answer.withLock { $0 }!
    }

    var books: Books { look { Books($0) } }

    /// Some client's connection holds bytes, or its exchange is under way.
    var hasReadOfClients: Bool {
        look { worker in
            (0..<worker.connections.extent).contains {
                worker.connections.isTaken($0) && worker.connections[$0].role == .client
                    && (worker.connections[$0].input != nil || worker.connections[$0].phase == .exchanging)
            }
        }
    }

    /// Waits until nothing is in use but what the worker keeps: no client, no exchange, every buffer given back.
    func settle(_ limit: CInt = Peer.patience) throws {
        guard table != nil else { return }
        try waitUntil("every slot and buffer is given back", limit) {
            books.isSettled
        } orTell: {
            "\(books)"
        }
    }

    /// Drains; the worker ends when nothing is in flight, or at the limit.
    func drain(within milliseconds: CInt) {
        box.worker.inbox.post(.drain(deadline: Clock.monotonic() &+ UInt64(milliseconds) * 1_000_000))
    }

    /// Whether the worker ended in time.
    func hasEnded(within milliseconds: CInt) -> Bool { ended.wait(milliseconds) }

    /// After the worker has ended.
    var lastBooks: Books { Books(box.worker) }
}

extension TestProxy {
    func client() throws -> Peer { try Peer(to: plain) }

    /// One request on a connection of its own.
    func ask(_ request: String, toHead: Bool = false) throws -> Message {
        let client = try client()
        try client.send(request)
        return try client.response(toHead: toHead)
    }

    func get(_ path: String = "/", host: String = "site.test", _ fields: String = "") throws -> Message {
        try ask("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(fields)\r\n")
    }
}

/// Runs `body` with a proxy; afterwards everything must have been given back, and a drain must end at once.
func proxying(
    _ rules: [Rule]?, settings: Settings = Settings(), certificate: CertificateInput? = nil,
    log: AccessLogSink? = nil, address: String = "127.0.0.1:0",
    proxyProtocol: Contract.Listener.ProxyProtocol = .off, connectionTLS: [String: ConnectionTLS] = [:],
    addressLimit: UInt64? = nil,
    signing: KeyedDigest = KeyedDigest(), notify: @escaping @Sendable (WorkerNotice) -> Void = { _ in },
    _ body: (TestProxy) throws -> Void
) throws {
    let proxy = try TestProxy(
        rules, settings: settings, certificate: certificate, log: log, address: address, proxyProtocol: proxyProtocol,
        connectionTLS: connectionTLS, addressLimit: addressLimit, signing: signing, notify: notify)
    do {
        try body(proxy)
        try proxy.settle()
    } catch {
        proxy.drain(within: 0)
        _ = proxy.hasEnded(within: 2_000)
        throw error
    }
    proxy.drain(within: 1_000)
    guard proxy.hasEnded(within: Peer.patience) else { throw PeerFault.late("the worker's end") }
    guard proxy.lastBooks.connections == 1 else { throw PeerFault.malformed("left over: \(proxy.lastBooks)") }
}

/// One rule for `site.test` with these upstreams.
func site(_ upstreams: ScriptedUpstream...) -> [Rule] {
    [Rule(name: "site", hosts: ["site.test"], endpoints: upstreams.map(\.endpoint))]
}

/// Milliseconds instead of seconds.
func quick(_ change: (inout Settings) -> Void) -> Settings {
    var settings = Settings()
    change(&settings)
    return settings
}

/// Asks again until it is so.
func waitUntil(
    _ what: String, _ limit: CInt = Peer.patience, _ isSo: () throws -> Bool, orTell last: () -> String = { "" }
) throws {
    let deadline = Deadline(limit)
    while try !isSo() {
        guard deadline.left > 0 else { throw PeerFault.late("\(what); \(last())") }
        pause()
    }
}

/// Leaves the processor to others for a moment, between two looks at what is waited for.
func pause() {
    guard let never = try? Bell() else { return }
    _ = System.waitReadable(never.descriptor, milliseconds: 1)
}

/// What a worker has in use.
struct Books: Sendable, CustomStringConvertible {
    /// Whose buffers are in use.
    var holders: [String]
    var sessions: Int
    var clients, connections, exchanges, tunnels, pooled, listeners, tables, tableHolds, inFlight: Int
    var lent, kept, deflating, heldRules, names: Int

    init(_ worker: Worker) {
        holders = (0..<worker.connections.extent).filter { worker.connections.isTaken($0) }.flatMap { index in
            let connection = worker.connections[index]
            return (connection.input == nil ? [] : ["\(connection.role) in"])
                + (connection.output == nil ? [] : ["\(connection.role) out"])
        }
        sessions = worker.book.count
        clients = worker.clientCount
        connections = worker.connections.count
        exchanges = worker.exchanges.count
        tunnels = worker.tunnels.count
        heldRules = worker.heldRules.count
        names = worker.serverNames.count
        pooled = (0..<worker.connections.extent).count {
            worker.connections.isTaken($0) && worker.connections[$0].phase == .pooled
        }
        listeners = worker.listeners.count { $0.isOpen } + worker.datagramListeners.count { $0.isOpen }
        tables = worker.tables.count { $0.revision != nil }
        tableHolds = worker.tables.reduce(0) { $0 + $1.exchangeCount }
        inFlight = worker.exchangesAtEndpoints
        lent = worker.buffers.lentCount
        deflating = worker.deflaters.lentCount
        // The text of request IDs; the second in the log; lines that wait to be written; what passes through tunnels;
        // records of exchanges.
        kept = 1 + (worker.logTime == nil ? 0 : 1) + (worker.logBuffer == nil ? 0 : 1)
        kept += worker.sharedPiece == nil ? 0 : 1
        kept += (0..<worker.exchanges.extent).count {
            worker.exchanges.isTaken($0) && worker.exchanges[$0].record != nil
        }
    }

    /// Buffers that connections and exchanges hold.
    var used: Int { lent - kept }

    var isSettled: Bool {
        clients == 0 && sessions == 0 && exchanges == 0 && tunnels == 0 && heldRules == 0 && names == 0
            && tableHolds == 0 && inFlight == 0 && lent == kept && deflating == 0
            && connections == 1 + listeners + pooled && tables == 1
    }

    var description: String {
        "clients \(clients), sessions \(sessions), connections \(connections), exchanges \(exchanges), "
            + "tunnels \(tunnels) with \(heldRules) rules and \(names) names, pooled \(pooled), listeners "
            + "\(listeners), tables \(tables) held \(tableHolds), in flight \(inFlight), buffers \(lent) kept "
            + "\(kept) held by \(holders)"
    }
}

/// Handed to the worker's thread once; the test looks into it only there, or after its end.
final class WorkerBox: @unchecked Sendable {
    let worker: Worker
    init(_ worker: Worker) { self.worker = worker }
}

private final class Place<Answer: Sendable>: Sendable {
    let answer = Mutex<Answer?>(nil)
}

/// Given once by one thread, awaited by another.
final class Signal: Sendable {
    private let bell: Bell
    init() throws { bell = try Bell() }
    func give() { bell.ring() }
    func wait(_ milliseconds: CInt) -> Bool {
        guard System.waitReadable(bell.descriptor, milliseconds: milliseconds) else {
            return false
        }
        // Reading orders what was done before the signal for ThreadSanitizer too; others may wait for it as well.
        bell.silence()
        bell.ring()
        return true
    }
}
