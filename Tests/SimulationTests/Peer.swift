import Engine
import TestKit

/// What a peer does next.
enum Step {
    /// In pieces of whatever size the seed says.
    case send([UInt8])
    /// Neither reads nor writes for so many nanoseconds.
    case sleep(UInt64)
    /// Until so many responses are complete; or the connection has ended.
    case await(responses: Int)
    /// Until an interim response has come, or a final one.
    case awaitContinue
    /// Until this many bytes of the other side's tunnel are here, or its end.
    case awaitTunnel
    /// Reads nothing from here on.
    case goDeaf
    case hearAgain
    case finish
    case close
}

/// A client or an upstream: a wire, a script, and something that makes sense of what comes in. It acts when it is given
/// its turn, and only as far as the sockets go.
class Peer {
    let name: String
    let wire: Wire
    var steps: [Step] = []
    private var place = 0
    private var sent = 0
    private(set) var wakesAt: UInt64 = 0
    /// Reads nothing.
    var isDeaf = false
    var random: SeededGenerator

    init(_ name: String, _ wire: Wire, _ random: SeededGenerator) {
        self.name = name
        self.wire = wire
        self.random = random
    }

    /// Nothing more will come of it.
    var isOver: Bool { wire.isClosed || wire.hasEnded && isAtEnd }
    var isAtEnd: Bool { place >= steps.count }

    /// Makes sense of what is in the wire.
    func read(_ world: World) {}

    /// Whether a step that waits has what it waits for.
    func has(_ step: Step) -> Bool { true }

    /// Does a little. `false`: there was nothing to do.
    final func act(_ world: World) -> Bool {
        guard !wire.isClosed, world.simulation.now >= wakesAt else { return false }
        var moved = false
        if !isDeaf, wire.receive(upTo: piece(of: 1 << 20)) {
            moved = true
            read(world)
        }
        if perform(world) { moved = true }
        if wire.hasEnded, isAtEnd {
            ended(world)
            wire.close()
        }
        return moved
    }

    /// The other side has ended and the script too.
    func ended(_ world: World) {}

    private func perform(_ world: World) -> Bool {
        guard place < steps.count else { return false }
        switch steps[place] {
        case .send(let bytes):
            guard sent < bytes.count else { return go() }
            switch wire.send(bytes[sent..<sent + piece(of: bytes.count - sent)]) {
            case .bytes(let count): sent += count
            case .full: return false
            case .refused: sent = bytes.count
            }
            if sent == bytes.count { return go() }
        case .sleep(let nanoseconds):
            wakesAt = world.simulation.now + nanoseconds
            return go()
        case .await, .awaitContinue, .awaitTunnel:
            guard wire.hasEnded || has(steps[place]) else { return false }
            return go()
        case .goDeaf:
            isDeaf = true
            return go()
        case .hearAgain:
            isDeaf = false
            return go()
        case .finish:
            wire.finish()
            return go()
        case .close:
            wire.close()
            place = steps.count
        }
        return true
    }

    private func go() -> Bool {
        // What was sent need not be kept.
        steps[place] = .finish
        place += 1
        sent = 0
        return true
    }

    /// How much at once: now a byte, now all. Long things do not come in bytes.
    private func piece(of count: Int) -> Int {
        let most =
            switch Int.random(in: 0..<6, using: &random) {
            case 0: 1
            case 1: 40
            case 2: 1_500
            case 3: 16_384
            default: 262_144
            }
        return min(count, max(most, count / 400))
    }

    static let millisecond: UInt64 = 1_000_000
}
