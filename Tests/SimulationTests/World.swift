import Contract
import Glibc
import Engine
import Kernel
import Routing
import TLS
import TestKit

@testable import Proxy

/// One worker, its clients and upstreams, and who has the next turn: all on the thread of the test, all from one seed.
///
/// Time stands still but for a few microseconds a turn. When nobody has anything to do, it jumps to the next moment at
/// which somebody has.
final class World {
    let plan: WorldPlan
    let simulation: Simulation
    let worker: Worker
    var planner: Planner
    var random: SeededGenerator
    /// Every exchange that a client was given, by its number.
    private(set) var exchanges: [Int: ExchangePlan] = [:]
    private(set) var clients: [Client] = []
    private(set) var upstreams: [Upstream] = []
    /// Those who are not over yet.
    private var living: [Peer] = []
    private var planned: [ClientPlan] = []
    /// Connections that wait to be accepted.
    private var backlog: [CInt] = []
    private let bell: Bell
    private let configuration: Configuration

    var faults: [String] = []
    /// What upstreams got to see.
    var requestBytes = 0
    var requestsSeen = 0
    /// Changes of the configuration so far.
    private(set) var changeCount = 0
    /// Outages so far, and when the one under way ends.
    private(set) var outageCount = 0
    private var outageEnd: UInt64 = .max
    private(set) var turnCount = 0
    private(set) var peerTurnCount = 0
    /// Every decision and what came of it, folded into one number: two runs of a seed have the same.
    private(set) var fingerprint: UInt64 = 0xCBF2_9CE4_8422_2325
    /// Turns since something moved.
    private var idleTurns = 0
    private var rest: CInt = 0
    private var hasEnded = false
    private var drainDeadline: UInt64 = .max

    /// Seconds of simulated time that a run may take at most, whatever the peers do; and turns.
    static let timeLimit: UInt64 = 900
    static let turnLimit = 3_000_000
    /// Turns in which the worker has something to do, moves no byte, and nobody else does anything.
    static let spinLimit = 200
    static let start: UInt64 = 1_000_000_000_000

    private static let nowhere: AccessLogSink = {
        guard let sink = try? AccessLogSink(output: .none) else { preconditionFailure("no access log") }
        return sink
    }()

    init(_ plan: WorldPlan) throws {
        self.plan = plan
        planner = Planner(plan)
        random = SeededGenerator(seed: plan.seed &+ 0x5eed)
        configuration = Configuration(plan)
        bell = try Bell()
        simulation = Simulation(now: Self.start, wall: 1_700_000_000_000_000_000)
        worker = try Worker(log: Self.nowhere, settings: configuration.settings(.first), simulation: simulation)
        simulation.accept = { [unowned self] _ in accept() }
        simulation.connect = { [unowned self] in connect(to: $0) }
        planned = (1...plan.clientCount).map { planner.client($0) }
        for exchange in planned.flatMap(\.exchanges) { exchanges[exchange.number] = exchange }
        worker.inbox.post(.adopt(configuration.next(&random, .first)))
        let socket = try System.duplicate(bell.descriptor).release()
        worker.inbox.post(
            .open(
                WorkerListener(
                    socket: socket, index: configuration.listenerIndex, name: "web", isSecure: false, port: 80)))
    }

    // MARK: - Connections

    private func accept() -> Socket.Accepted {
        if plan.isShort, Int.random(in: 0..<8, using: &random) == 0 { return .exhausted }
        guard !backlog.isEmpty else {
            bell.silence()
            return .wouldBlock
        }
        let socket = backlog.removeFirst()
        return .connection(socket, SocketAddress(ipv4: 0x0a09_0001, port: 40_000))
    }

    private func room() -> CInt { plan.rooms[Int.random(in: 0..<plan.rooms.count, using: &random)] }

    private func connect(to address: SocketAddress) -> Socket.Connecting {
        let host = Host(rawValue: address.ipv4)
        let (near, far) = Wire.pair(room: room())
        let name = "upstream \(upstreams.count + 1)"
        func upstream(honest: Bool, junk: Int) {
            let peer = Upstream(name, near, honest: honest, junk: junk, SeededGenerator(seed: random.next()))
            upstreams.append(peer)
            living.append(peer)
        }
        switch host {
        case .honest1, .honest2, .honest3, .odd1, .odd2:
            let isHonest = host != .odd1 && host != .odd2
            guard Int.random(in: 0..<3, using: &random) > 0 else {
                upstream(honest: isHonest, junk: 0)
                return .connected(far)
            }
            upstream(honest: isHonest, junk: fill(far))
            return .inProgress(far)
        case .refusing:
            guard Bool.random(using: &random) else {
                Socket.close(far)
                return .failed(ECONNREFUSED)
            }
            // Closed with unread bytes, which is an error at the other end.
            _ = fill(far)
            near.close()
            return .inProgress(far)
        case .unreachable, nil:
            let peer = Upstream(name, near, honest: false, junk: fill(far), SeededGenerator(seed: 1))
            // Never takes the junk, so the connection is never made.
            peer.isDeaf = true
            peer.steps = [.sleep(3_000 * Peer.millisecond), .close]
            upstreams.append(peer)
            living.append(peer)
            return .inProgress(far)
        }
    }

    /// Fills a socket until it takes no more, and answers with how much.
    private func fill(_ socket: CInt) -> Int {
        var count = 0
        let junk = [UInt8](repeating: 0, count: 65_536)
        while case .bytes(let more) = Socket.send(socket, junk.span) { count += more }
        return count
    }

    private func admitClient() {
        guard !planned.isEmpty, clients.count(where: { !$0.isOver }) < plan.concurrency else { return }
        let (near, far) = Wire.pair(room: room())
        let client = Client(planned.removeFirst(), near, &planner)
        clients.append(client)
        living.append(client)
        backlog.append(far)
        bell.ring()
    }

    // MARK: - Turns

    private func mix(_ number: UInt64) { fingerprint = (fingerprint ^ number) &* 0x100_0000_01B3 }

    private func turnWorker() throws {
        let before = worker.bytesMoved
        turnCount += 1
        let goesOn = try worker.turn()
        rest = simulation.rest
        mix(UInt64(truncatingIfNeeded: rest) &+ worker.bytesMoved &<< 8)
        if !goesOn { return hasEnded = true }
        idleTurns = rest == 0 && worker.bytesMoved == before ? idleTurns + 1 : 0
        if idleTurns > Self.spinLimit {
            faults.append("the worker spins: \(idleTurns) turns without a byte")
            hasEnded = true
        }
    }

    private func turn(_ peer: Peer) -> Bool {
        peerTurnCount += 1
        let moved = peer.act(self)
        mix(UInt64(peer.wire.takenCount) &<< 32 &+ UInt64(peer.wire.givenCount) &+ (moved ? 1 : 0))
        if moved { idleTurns = 0 }
        if peer.isOver { living.removeAll { $0 === peer } }
        return moved
    }

    private func change() {
        guard outageEnd == .max else { return }
        changeCount += 1
        // The next outage begins when the one before is over, which a connect says.
        let isOutage = plan.hasOutages && worker.heldRoutes.isEmpty && Bool.random(using: &random)
        worker.inbox.post(.adopt(configuration.next(&random, isOutage ? .outage : .later)))
        guard isOutage else { return }
        outageCount += 1
        let longest = UInt64(Configuration.holdingTime) * 4 / 5
        outageEnd = simulation.now + UInt64.random(in: 0..<longest, using: &random) * Peer.millisecond
    }

    private func endOutage() {
        outageEnd = .max
        worker.inbox.post(.adopt(configuration.next(&random, .later)))
    }

    /// Runs until everybody is done, or something is wrong.
    func run() throws {
        var quiet = 0
        while !hasEnded, faults.isEmpty {
            admitClient()
            simulation.now += UInt64.random(in: 0..<60_000, using: &random)
            simulation.wall += 20_000
            if plan.changeEvery > 0, Int.random(in: 0..<plan.changeEvery, using: &random) == 0 { change() }
            if simulation.now >= outageEnd { endOutage() }
            if plan.drainsEarly, planned.count < plan.clientCount / 3 { drain(seconds: 5) }
            let choice = Int.random(in: 0..<living.count + 1 + living.count / 2, using: &random)
            if choice < living.count {
                quiet = turn(living[choice]) ? 0 : quiet + 1
            } else {
                try turnWorker()
                quiet = rest == 0 ? 0 : quiet + 1
            }
            if quiet > 3 * (living.count + 2), try isQuiet() {
                quiet = 0
                guard try jump() else { break }
            }
            if simulation.now > Self.start + Self.timeLimit * 1_000_000_000
                || turnCount + peerTurnCount > Self.turnLimit
            {
                faults.append(
                    "no end after \((simulation.now - Self.start) / 1_000_000_000) s, \(turnCount) turns: \(story)")
            }
        }
    }

    /// Asks everybody once more.
    private func isQuiet() throws -> Bool {
        for peer in living where turn(peer) { return false }
        try turnWorker()
        return rest != 0 && !hasEnded
    }

    /// To the next moment at which somebody has something to do. `false`: there is none.
    private func jump() throws -> Bool {
        var next = living.map(\.wakesAt).filter { $0 > simulation.now }.min() ?? .max
        next = min(next, outageEnd)
        if rest > 0 { next = min(next, simulation.now + UInt64(rest) * Peer.millisecond) }
        guard next != .max else {
            guard let stuck = living.first else { return false }
            if try !lingers() { return true }
            faults.append("\(stuck.name) waits for ever: \(story)")
            return false
        }
        simulation.wall += next - simulation.now
        simulation.now = next
        mix(next)
        return true
    }

    /// Whether nobody moves though real time passes. A process that another test forked holds every descriptor until it
    /// runs its program: until then a close is not seen at the other end.
    private func lingers() throws -> Bool {
        for _ in 0..<100 {
            System.sleep(milliseconds: 10)
            if try !isQuiet() { return false }
        }
        return true
    }

    func drain(seconds: UInt64) {
        guard drainDeadline == .max else { return }
        drainDeadline = simulation.now + seconds * 1_000_000_000
        worker.inbox.post(.drain(deadline: drainDeadline))
        planned = []
    }

    /// Lets the worker end, which it must do in time, and lets the others see it.
    func finish() throws {
        drain(seconds: 5)
        while !hasEnded, faults.isEmpty {
            try turnWorker()
            for peer in living { _ = turn(peer) }
            if rest > 0 { simulation.now += UInt64(rest) * Peer.millisecond }
            if simulation.now > drainDeadline + 1_000_000_000 { faults.append("the worker does not drain") }
        }
        for socket in backlog { Socket.close(socket) }
        backlog = []
        for peer in clients + upstreams where !peer.wire.isForsaken {
            faults.append("\(peer.name): the worker left its end of the connection open")
        }
    }

    var story: String {
        living.map { "\($0.name) at \($0.wire.takenCount)/\($0.wire.givenCount)" }.joined(separator: ", ")
            + "; worker rests \(rest), \(Books(worker))"
    }
}

/// Addresses of upstreams, and what becomes of a connect to them.
enum Host: UInt32, CaseIterable {
    case honest1 = 0x0a00_0001
    case honest2 = 0x0a00_0002
    case honest3 = 0x0a00_0003
    case unreachable = 0x0a00_0008
    case refusing = 0x0a00_0009
    case odd1 = 0x0a00_0101
    case odd2 = 0x0a00_0102

    var endpoint: Endpoint {
        Endpoint(address: "10.0.\(rawValue >> 8 & 255).\(rawValue & 255):80")
    }
}
