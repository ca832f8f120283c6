public import Balancing
import Engine
import Routing
import Synchronization

/// Which endpoints active checks find down, by identity. One for all workers of a process; whoever checks writes it
/// before it posts the same to the workers.
///
/// Messages alone would not do: an endpoint that a worker does not know yet, or knows under another number, has nobody
/// there to take one. A worker that adopts a revision therefore looks here, and no endpoint that is known to be down
/// gets an exchange for having come with a new revision.
public final class VerdictBoard: Sendable {
    private let down = Mutex<Set<UInt64>>([])

    public init() {}

    /// From any thread, before the workers are told.
    public func note(_ verdicts: [EndpointVerdict]) {
        down.withLock { down in
            for verdict in verdicts {
                if verdict.isDown { down.insert(verdict.identity) } else { down.remove(verdict.identity) }
            }
        }
    }

    var standing: Set<UInt64> { down.withLock { $0 } }
}

extension Worker {
    /// What the health checker has found out. Behind it pools choose anew.
    func take(_ verdicts: [EndpointVerdict]) {
        var isElsewhere = false
        for verdict in verdicts {
            let number = Int(verdict.number)
            if number < watches.count, watches[number].identity == verdict.identity {
                setUnhealthy(verdict.number, verdict.isDown)
            } else {
                isElsewhere = true
            }
        }
        // Of another revision than this worker's, or of one that it has yet to adopt.
        if isElsewhere { readVerdicts() }
    }

    /// Brings every endpoint in line with the board.
    func readVerdicts() {
        let standing = board.standing
        for number in watches.indices {
            setUnhealthy(UInt32(number), standing.contains(watches[number].identity))
        }
    }

    private func setUnhealthy(_ number: UInt32, _ isDown: Bool) {
        if isDown { return bar(number, .unhealthy) }
        if heldCount > 0, loads[Int(number)].bars.contains(.unhealthy) {
            recovered.insert(number)
            nextTend = min(nextTend, loop.now)
        }
        unbar(number, .unhealthy)
    }
}
