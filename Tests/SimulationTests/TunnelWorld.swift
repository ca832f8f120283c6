import Contract
import Engine
import Glibc
import Kernel
import Routing
import TLS
import TestKit

@testable import Proxy

/// What a client of a tunnel does.
struct TunnelPlan {
    enum Manner: CaseIterable {
        /// Sends all it has, ends its side, and reads to the other's end.
        case whole
        /// The same, but ends only when it has everything back.
        case patient
        /// Goes in the middle.
        case leaves
        /// Says a part of its beginning, or nothing, and waits.
        case silent
    }

    /// How the connection begins, and so where it belongs.
    enum Beginning: Int, CaseIterable {
        case name, otherName, shell, anything
        /// Asks for TLS in PostgreSQL's words before it names anybody.
        case postgres
        /// Names somebody whom nobody serves, or is no ClientHello at all.
        case nobody, broken
    }

    var number: Int
    var manner: Manner
    var beginning: Beginning
    var size: Int

    var isServed: Bool { beginning != .nobody && beginning != .broken && manner != .leaves && manner != .silent }
}

/// An endpoint that sends back what it gets, every byte turned over, and ends when its client has.
final class TurningUpstream: Peer {
    private var isAsked = false
    private var back: [UInt8] = []
    private var sentBack = 0

    override var isOver: Bool { wire.isClosed }

    /// Takes, turns and gives a little. `false`: there was nothing to do.
    func turn() -> Bool {
        var moved = wire.receive(upTo: Int.random(in: 1...70_000, using: &random))
        if !isAsked, wire.received.count >= 8 {
            isAsked = true
            if Array(wire.received[..<8]) == TunnelWorld.question {
                wire.received.removeFirst(8)
                guard case .bytes(1) = wire.send([UInt8(ascii: "S")][...]) else { return true }
            }
        }
        if isAsked || wire.hasEnded {
            back += wire.received.map { ~$0 }
            wire.received = []
        }
        while sentBack < back.count {
            let end = min(back.count, sentBack + Int.random(in: 1...70_000, using: &random))
            switch wire.send(back[sentBack..<end]) {
            case .bytes(let count):
                sentBack += count
                moved = true
            case .full: return moved
            case .refused:
                wire.close()
                return true
            }
        }
        if wire.hasEnded, !wire.isClosed {
            wire.close()
            return true
        }
        return moved
    }
}

/// A client, which knows what must come back.
final class TunnelClient: Peer {
    let plan: TunnelPlan
    private let bytes: [UInt8]
    private var sent = 0
    private var hasFinished = false
    /// The byte that stands for an answer to PostgreSQL's question.
    private var awaitsYes: Bool

    init(_ plan: TunnelPlan, _ wire: Wire, _ random: SeededGenerator) {
        self.plan = plan
        var beginning = TunnelWorld.beginning(of: plan)
        awaitsYes = plan.beginning == .postgres
        if plan.manner == .silent { beginning = Array(beginning.prefix(plan.size % max(1, beginning.count))) }
        bytes = beginning + (plan.manner == .silent ? [] : Pattern.bytes(plan.number, .request, plan.size))
        super.init("client \(plan.number)", wire, random)
    }

    override var isOver: Bool { wire.isClosed }

    /// What must have come back of it.
    private var wanted: [UInt8] { bytes.dropFirst(plan.beginning == .postgres ? 8 : 0).map { ~$0 } }

    var complaint: String? {
        guard plan.isServed else { return nil }
        return wire.received == wanted
            ? nil : "\(name) (\(plan)) has \(wire.received.count) bytes of \(wanted.count) back"
    }

    func turn() -> Bool {
        guard !wire.isClosed else { return false }
        var moved = wire.receive(upTo: Int.random(in: 1...70_000, using: &random))
        if awaitsYes, wire.received.first == UInt8(ascii: "S") {
            wire.received.removeFirst()
            awaitsYes = false
        }
        if wire.hasEnded {
            wire.close()
            return true
        }
        if plan.manner == .leaves, sent > bytes.count / 2 {
            wire.close()
            return true
        }
        let limit = awaitsYes ? min(8, bytes.count) : bytes.count
        while sent < limit {
            let end = min(limit, sent + [1, 5, 300, 20_000][Int.random(in: 0..<4, using: &random)])
            guard case .bytes(let count) = wire.send(bytes[sent..<end]) else { return moved }
            sent += count
            moved = true
            if Bool.random(using: &random) { return true }
        }
        let mayFinish = plan.manner == .whole || plan.manner == .patient && wire.received.count == wanted.count
        if sent == bytes.count, mayFinish, !hasFinished {
            hasFinished = true
            wire.finish()
            return true
        }
        return moved
    }
}

/// One worker and its tunnels, on the thread of the test, all from one seed.
final class TunnelWorld {
    static let question: [UInt8] = [0, 0, 0, 8, 4, 0xD2, 0x16, 0x2F]
    private static let start: UInt64 = 1_000_000_000_000
    private static let turnLimit = 400_000

    let worker: Worker
    private(set) var clients: [TunnelClient] = []
    private(set) var faults: [String] = []
    private(set) var fingerprint: UInt64 = 0xCBF2_9CE4_8422_2325
    private let simulation: Simulation
    private var random: SeededGenerator
    private var upstreams: [TurningUpstream] = []
    private var planned: [TunnelPlan]
    private var backlog: [CInt] = []
    private let bell: Bell
    private let compiler = RouteCompiler(seed: 1)
    private var revision: UInt64 = 0

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        bell = try Bell()
        simulation = Simulation(now: Self.start, wall: 1_700_000_000_000_000_000)
        worker = try Worker(log: try AccessLogSink(output: .none), settings: Self.settings, simulation: simulation)
        let count = Int.random(in: 10...40, using: &random)
        planned = []
        for number in 1...count {
            planned.append(
                TunnelPlan(
                    number: number, manner: TunnelPlan.Manner.allCases.randomElement(using: &random) ?? .whole,
                    beginning: TunnelPlan.Beginning.allCases.randomElement(using: &random) ?? .name,
                    size: [0, 3, 4_000, 70_000, 600_000].randomElement(using: &random) ?? 0))
        }
        simulation.accept = { [unowned self] _ in
            guard !backlog.isEmpty else {
                bell.silence()
                return .wouldBlock
            }
            return .connection(backlog.removeFirst(), SocketAddress(ipv4: 0x0a09_0001, port: 40_000))
        }
        simulation.connect = { [unowned self] in connect(to: $0) }
        adopt()
        let socket = try System.duplicate(bell.descriptor).release()
        let index = compiler.listenerIndex(of: "raw")
        worker.inbox.post(
            .open(WorkerListener(socket: socket, index: index, name: "raw", isSecure: false, isRaw: true, port: 5)))
    }

    private static var settings: Settings {
        var settings = Settings()
        settings.timeouts.preface = 1_000
        settings.timeouts.head = 2_000
        settings.timeouts.tunnelIdle = 5_000
        return settings
    }

    /// Another revision, whose endpoints of every rule stand in another order, some of them refusing.
    private func adopt() {
        func rule(_ name: String, _ hosts: [String], _ change: (inout TransportOptions) -> Void = { _ in }) -> Rule {
            var options = TransportOptions()
            change(&options)
            let endpoints = [Host.honest1, .honest2, .refusing].shuffled(using: &random).map(\.endpoint)
            return Rule(
                name: name, kind: .tcp, listeners: ["raw"], hosts: hosts, endpoints: endpoints, transport: options)
        }
        revision += 1
        compiler.replaceAll(rules: [
            rule("named", ["a.test"]), rule("wide", ["*.b.test"]), rule("shell", []) { $0.prefaces = [.ssh] },
            rule("rest", []) { $0.prefaces = [.other] },
        ])
        let contexts = TLSContexts.build(
            certificates: [], assignments: [], policy: .intermediate, previous: nil
        ).0
        worker.inbox.post(
            .adopt(
                Revision(
                    table: compiler.build(revision: revision, epoch: "e").0, contexts: contexts,
                    settings: Self.settings, securePort: 443, adopted: {})))
    }

    static func beginning(of plan: TunnelPlan) -> [UInt8] {
        switch plan.beginning {
        case .name: hello("a.test")
        case .otherName: hello("x\(plan.number).b.test")
        case .shell: Array("SSH-2.0-sim\r\n".utf8)
        case .anything: [1, 2, 3, 4, 5, 6, 7, 8]
        case .postgres: question + hello("a.test")
        case .nobody: hello("nobody.test")
        case .broken: [22, 3, 1, 0, 9, 1, 0, 0, 5, 9, 9, 9, 9, 9]
        }
    }

    private static func hello(_ name: String) -> [UInt8] {
        func sized(_ bytes: [UInt8], _ size: Int) -> [UInt8] {
            (0..<size).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
        }
        let names = [0, 0] + sized(sized([0] + sized(Array(name.utf8), 2), 2), 2)
        let body: [UInt8] =
            [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 0x01, 1, 0] + sized(names, 2)
        return [22, 3, 1] + sized([1] + sized(body, 3), 2)
    }

    private func room() -> CInt { [4_096, 16_384, 212_992].randomElement(using: &random) ?? 4_096 }

    private func connect(to address: SocketAddress) -> Socket.Connecting {
        guard Host(rawValue: address.ipv4) != .refusing else { return .failed(ECONNREFUSED) }
        let (near, far) = Wire.pair(room: room())
        upstreams.append(TurningUpstream("upstream", near, SeededGenerator(seed: random.next())))
        return .connected(far)
    }

    private func admitClient() {
        guard !planned.isEmpty, clients.count(where: { !$0.isOver }) < 6 else { return }
        let (near, far) = Wire.pair(room: room())
        clients.append(TunnelClient(planned.removeFirst(), near, SeededGenerator(seed: random.next())))
        backlog.append(far)
        bell.ring()
    }

    private func mix(_ number: UInt64) { fingerprint = (fingerprint ^ number) &* 0x100_0000_01B3 }

    /// Runs until everybody is done.
    func run() throws {
        var quiet = 0
        for _ in 0..<Self.turnLimit {
            admitClient()
            simulation.now += UInt64.random(in: 0..<60_000, using: &random)
            if Int.random(in: 0..<500, using: &random) == 0 { adopt() }
            let before = worker.bytesMoved
            _ = try worker.turn()
            var moved = worker.bytesMoved != before || simulation.rest == 0
            for client in clients where client.turn() { moved = true }
            for upstream in upstreams where upstream.turn() { moved = true }
            upstreams.removeAll(where: \.isOver)
            mix(worker.bytesMoved)
            quiet = moved ? 0 : quiet + 1
            guard quiet > 3 else { continue }
            if planned.isEmpty, clients.allSatisfy(\.isOver), upstreams.isEmpty, worker.clientCount == 0 { break }
            // Nobody has anything to do before the next deadline.
            simulation.now += UInt64(max(10, simulation.rest)) * 1_000_000
            quiet = 0
        }
        faults += clients.compactMap(\.complaint)
        for client in clients where !client.isOver { faults.append("\(client.name) (\(client.plan)) waits for ever") }
        let books = Books(worker)
        // The text of request IDs, the second in the log, lines that wait and what passes through tunnels are all that
        // it keeps.
        let isClean =
            books.clients == 0 && books.exchanges == 0 && worker.tunnels.count == 0 && books.tableHolds == 0
            && books.inFlight == 0 && books.miscounted == 0 && books.tables == 1 && worker.serverNames.isEmpty
            && worker.heldRules.count == 0 && books.connections == 2 && books.buffers <= 4
        if !isClean {
            faults.append(
                "left over: \(books), \(worker.tunnels.count) tunnels, \(worker.heldRules.count) rules, "
                    + "\(worker.serverNames.count) names")
        }
    }
}
