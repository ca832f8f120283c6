import Contract
import FoundationEssentials
import Kernel

/// One of the two programs the supervisor keeps alive, with its channel: what is known of it, and what waits to be said
/// to it.
final class Child {
    enum Role: String { case control, edge }

    enum State: Equatable {
        /// Not running; to be started at this time (nanoseconds, monotonic).
        case resting(until: UInt64)
        case running(pid: CInt, since: UInt64)
        /// Will not be started again.
        case over
    }

    let role: Role
    let start: ProgramStart
    var state: State = .resting(until: 0)
    var backoff = Backoff()
    /// It said so, in this life.
    var isReady = false
    /// Something it said made no sense; told once a life.
    var isGarbled = false
    /// Our end, while the other is open.
    private(set) var channel: PacketSocket?
    /// When the channel ended while the process did not (nanoseconds, monotonic).
    var lostChannelAt: UInt64?
    private var outbox: [Outgoing] = []

    private struct Outgoing {
        var bytes: [UInt8]
        /// Kept open until they are on their way.
        var sockets: [Holdings.HeldSocket]
    }

    /// Packets that wait for a child that does not read. Beyond it the child is taken for stuck.
    static let outboxLimit = 16_384

    init(_ role: Role, _ start: ProgramStart) {
        self.role = role
        self.start = start
    }

    /// For messages: the program's name.
    var name: String {
        switch role {
        case .control: "kontainers control"
        case .edge: "kontainers-edge"
        }
    }

    var pid: CInt? {
        if case .running(let pid, _) = state { return pid }
        return nil
    }

    var hasOutgoing: Bool { !outbox.isEmpty && channel != nil }

    /// Starts the program with the channel as descriptor 3 and `extra` from 4 on.
    func launch(null: CInt, extra: [CInt], now: UInt64) throws {
        let (ours, theirs) = try PacketSocket.pair()
        let pid = try ChildProcess.spawn(start, descriptors: [null, 1, 2, theirs.raw] + extra)
        withExtendedLifetime(theirs) {}
        state = .running(pid: pid, since: now)
        channel = ours
        lostChannelAt = nil
        isReady = false
        isGarbled = false
        outbox = []
    }

    /// Puts a message last in line and sends what can be sent. False when the child does not keep up.
    func say(_ message: some Encodable, sockets: [Holdings.HeldSocket] = []) -> Bool {
        guard channel != nil else { return true }
        guard outbox.count < Self.outboxLimit, let payload = try? JSONEncoder().encode(message),
            payload.count <= PacketSocket.payloadLimit
        else { return false }
        outbox.append(Outgoing(bytes: Array(payload), sockets: sockets))
        flush()
        return true
    }

    /// Sends what the channel takes.
    func flush() {
        guard let channel else { return }
        var sent = 0
        sending: for outgoing in outbox {
            switch channel.send(outgoing.bytes, descriptors: outgoing.sockets.map(\.raw)) {
            case .sent: sent += 1
            case .wouldBlock: break sending
            // The other end is gone; its process is ending, or is about to be ended.
            case .failed:
                outbox = []
                return
            }
        }
        outbox.removeFirst(sent)
    }

    /// Nothing more comes through the channel.
    func loseChannel(now: UInt64) {
        channel = nil
        outbox = []
        lostChannelAt = now
    }

    /// The process ended: answers how long it lived and how long it rests.
    func ended(now: UInt64) -> (life: Duration, rest: Duration) {
        guard case .running(_, let since) = state else { return (.zero, .zero) }
        let life = Duration.nanoseconds(Int64(clamping: now &- since))
        let rest = backoff.ended(after: life)
        state = .resting(until: now &+ UInt64(clamping: rest.nanoseconds))
        channel = nil
        lostChannelAt = nil
        isReady = false
        outbox = []
        return (life, rest)
    }
}

extension Duration {
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }

    /// `12 s`, `350 ms`
    var text: String {
        nanoseconds >= 10_000_000_000 ? "\(components.seconds) s" : "\(nanoseconds / 1_000_000) ms"
    }
}
