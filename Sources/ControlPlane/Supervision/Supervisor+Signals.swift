import Kernel
import Logging

extension Supervisor {
    /// Answers the exit code when the process shall end now.
    func receive(_ signal: Signal) -> Int32? {
        switch signal {
        case .child:
            // One signal may stand for many children; as process 1, for orphans of others too.
            while let (pid, ending) = ChildProcess.reap() {
                if let child = [edge, control].first(where: { $0.pid == pid }) {
                    rest(child, ending: ending, Clock.monotonic())
                } else {
                    logger.debug("an orphan was reaped (process \(pid))")
                }
            }
            return nil
        case .hangup:
            logger.info("SIGHUP: control reads the configuration again, the edge opens its logs again")
            for child in [edge, control] {
                if let pid = child.pid { ChildProcess.signal(pid, .hangup) }
            }
            return nil
        case .terminate, .interrupt:
            return stop(signal)
        }
    }

    private func stop(_ signal: Signal) -> Int32? {
        guard stopping == nil else {
            logger.warning("asked to stop a second time: what is in flight is cut off")
            for child in [edge, control] {
                if let pid = child.pid { ChildProcess.kill(pid) }
            }
            folder.retire()
            return 128 + signal.rawValue
        }
        logger.info(
            "stopping: the edge finishes what it began, for at most \(plan.drain.text); once more stops at once")
        let now = Clock.monotonic()
        stopping = Stopping(
            edgeDeadline: now &+ UInt64(clamping: plan.drain.nanoseconds) &+ Self.endPatience,
            controlDeadline: now &+ Self.endPatience)
        // The edge closes its copies too: who comes now is refused, and may go elsewhere, instead of waiting in vain.
        book.closeAll()
        for child in [edge, control] {
            if let pid = child.pid {
                ChildProcess.signal(pid, .terminate)
            } else {
                child.state = .over
            }
        }
        return nil
    }
}
