import Balancing
import Engine
import HealthChecking
import Kernel
import Proxy
import Routing
import Telemetry

/// The health checker's thread, and the way of what it finds out: onto the board, to every worker, to the conductor.
/// On the conductor's thread, but for what the checker reports.
final class HealthDesk {
    let tally = HealthTally()
    private let workers: [Inbox<WorkerMessage>]
    private let board: VerdictBoard
    /// Connections that checks may keep open: half of all that the process may have.
    private let idleLimit: Int
    private let report: @Sendable ([HealthNews]) -> Void
    private var checker: Inbox<HealthMessage>?
    private var hasStopped = false

    init(
        workers: [Worker], board: VerdictBoard, descriptors: Int, report: @escaping @Sendable ([HealthNews]) -> Void
    ) {
        self.workers = workers.map(\.inbox)
        self.board = board
        idleLimit = descriptors / 2
        self.report = report
    }

    /// Checks the endpoints of this table from now on. The thread starts with the first that wants any checked.
    func follow(_ table: RouteTable) {
        guard !hasStopped, checker != nil || table.wantsChecks else { return }
        if checker == nil { start() }
        checker?.post(.follow(table))
    }

    func stop() {
        hasStopped = true
        checker?.post(.stop)
        checker = nil
    }

    private func start() {
        let (workers, board, report) = (workers, board, report)
        do {
            let made = try HealthChecker(idleLimit: idleLimit, tally: tally) { news in
                let verdicts = news.map(\.verdict)
                board.note(verdicts)
                for worker in workers { worker.post(.verdicts(verdicts)) }
                report(news)
            }
            let box = CheckerBox(made)
            try NativeThread.start(named: "health") {
                // It only asks: should it fail, traffic goes on with the verdicts there are.
                do { try box.checker.run() } catch {
                    Log.write(.error, "health checks have ended", ("why", "\(error)"))
                }
            }
            checker = made.inbox
        } catch {
            Log.write(.error, "endpoints cannot be checked; the next revision tries again", ("why", "\(error)"))
        }
    }
}
