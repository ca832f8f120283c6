import Contract
import Glibc
import Kernel
import KontainersConfiguration
public import Logging

/// Keeps control and the edge alive, and the listening sockets open across their lives.
///
/// One thread, one plain loop, no work of its own: what does little seldom fails, and this process must not. It parses
/// nothing that a stranger sent; what its children say is bounded and cannot stop it.
public final class Supervisor {
    /// How often listeners that could not be opened are tried again, in nanoseconds.
    static let retryInterval: UInt64 = 2_000_000_000
    /// After this long without control the announcement is made without it.
    static let announcementPatience: UInt64 = 10_000_000_000
    /// A child that closed its channel gets this long to end.
    static let channelPatience: UInt64 = 1_000_000_000
    /// What control gets to end after SIGTERM, and the edge beyond the time it drains.
    static let endPatience: UInt64 = 5_000_000_000
    /// Packets taken from one child before the other has its turn.
    static let packetsPerTurn = 64

    let plan: ServePlan
    let folder: DataFolder
    let logger: Logger
    private let signals: Signals
    private let null: Descriptor
    let edge: Child
    let control: Child
    var book: ListenerBook
    /// Set once SIGTERM or SIGINT came.
    var stopping: Stopping?
    private var retryAt: UInt64?
    private var announceAt: UInt64?

    struct Stopping {
        /// When a child that still runs is ended without asking (nanoseconds, monotonic).
        var edgeDeadline: UInt64
        var controlDeadline: UInt64
    }

    /// Call on the main thread, before any other thread was started: signals are blocked in this thread and those it
    /// starts, and children get their death signal when this thread ends.
    public init(_ plan: ServePlan, folder: DataFolder, logger: Logger) throws {
        self.plan = plan
        self.folder = folder
        self.logger = logger
        signals = try Signals([.terminate, .interrupt, .hangup, .child])
        null = try ChildProcess.openNull()
        edge = Child(.edge, plan.edgeStart(in: folder))
        control = Child(.control, plan.controlStart())
        book = ListenerBook(workers: plan.workers, program: plan.controlProgram)
    }

    /// Returns the process' exit code.
    public func run() throws -> Int32 {
        guard openFirstListeners() else { return 1 }
        announceAt = Clock.monotonic() &+ Self.announcementPatience
        while true {
            let now = Clock.monotonic()
            let next = advance(now)
            if stopping != nil, edge.pid == nil, control.pid == nil {
                folder.retire()
                logger.info("stopped")
                return 0
            }
            let answers = try ProcessWait.any(
                [
                    .init(signals.descriptor),
                    .init(edge.channel?.raw ?? -1, writes: edge.hasOutgoing),
                    .init(control.channel?.raw ?? -1, writes: control.hasOutgoing),
                ], milliseconds: Self.milliseconds(from: now, to: next))
            // Packets before signals: what a child said before it ended still counts.
            if answers[1].writable { edge.flush() }
            if answers[2].writable { control.flush() }
            if answers[1].readable { receiveFromEdge() }
            if answers[2].readable { receiveFromControl() }
            while let signal = signals.next() {
                if let code = receive(signal) { return code }
            }
        }
    }

    /// Serving must not wait for control, which may be slow or broken: the file's listeners are opened before anything
    /// runs.
    private func openFirstListeners() -> Bool {
        // An edge whose supervisor was killed is letting go of the same ports just now.
        let listeners = plan.configuration.listeners
        _ = book.apply(listeners, patience: 500)
        for failure in book.failures {
            logger.error("listener \(failure.listener.name): \(failure.sentence)")
        }
        scheduleRetry()
        guard book.entries.isEmpty else { return true }
        guard listeners.isEmpty else {
            logger.error("none of the \(listeners.count) listeners could be opened; nothing was started")
            folder.retire()
            return false
        }
        logger.warning("\(plan.configurationPath) has no listener: nothing is served until it has one")
        return true
    }

    /// Does what is due, and answers when something will be due next.
    private func advance(_ now: UInt64) -> UInt64? {
        for child in [edge, control] { advance(child, now) }
        if stopping == nil, let at = retryAt, at <= now {
            retryListeners()
            scheduleRetry()
        }
        if let at = announceAt, stopping == nil, (edge.isReady && control.isReady) || at <= now {
            announceAt = nil
            announce()
        }
        var next: [UInt64?] = stopping == nil ? [retryAt, announceAt] : []
        for child in [edge, control] {
            if case .resting(let until) = child.state { next.append(until) }
            next.append(child.lostChannelAt.map { $0 &+ Self.channelPatience })
        }
        if let stopping {
            if edge.pid != nil { next.append(stopping.edgeDeadline) }
            if control.pid != nil { next.append(stopping.controlDeadline) }
        }
        return next.compactMap(\.self).min()
    }

    private func advance(_ child: Child, _ now: UInt64) {
        if case .resting(let until) = child.state, until <= now { launch(child, now) }
        guard let pid = child.pid else { return }
        if let lost = child.lostChannelAt, lost &+ Self.channelPatience <= now, stopping == nil {
            logger.error("\(child.name) (process \(pid)) left its supervisor and did not end; it is ended now")
            ChildProcess.kill(pid)
            child.lostChannelAt = nil
        }
        if let stopping, (child === edge ? stopping.edgeDeadline : stopping.controlDeadline) <= now {
            logger.warning("\(child.name) (process \(pid)) did not end in time; it is ended now")
            ChildProcess.kill(pid)
            let never = UInt64.max
            if child === edge {
                self.stopping?.edgeDeadline = never
            } else {
                self.stopping?.controlDeadline = never
            }
        }
    }

    private func launch(_ child: Child, _ now: UInt64) {
        do {
            let extra = child === control ? [folder.link.raw] : []
            try child.launch(null: null.raw, extra: extra, now: now)
            logger.debug("\(child.name) started (process \(child.pid ?? 0))")
        } catch {
            logger.error("\(child.name) was not started: \(error)")
            child.state = .running(pid: 0, since: now)
            rest(child, ending: nil, now)
            return
        }
        if child === edge { welcomeEdge() }
    }

    /// Notes that a child is no more, and when it is started again.
    func rest(_ child: Child, ending: Ending?, _ now: UInt64) {
        let (life, rest) = child.ended(now: now)
        guard stopping == nil else {
            child.state = .over
            if let ending, ending != .exited(code: 0) { logger.warning("\(child.name) \(ending)") }
            return
        }
        let again = rest == .zero ? "it is started again at once" : "it is started again in \(rest.text)"
        let how = ending.map { "\($0)" } ?? "could not be started"
        if child.backoff.isLooping {
            let meaning =
                child === edge
                ? "nothing is served meanwhile; connections wait"
                : "the edge serves what it has; changes wait"
            logger.error(
                """
                \(child.name) does not stay up: it ended \(child.backoff.endings) times in a row (last time it \(how) \
                after \(life.text); what it said is above); \(meaning); \(again)
                """)
        } else {
            logger.warning("\(child.name) \(how) after \(life.text); \(again)")
        }
    }

    /// What failed for a reason that may pass is tried again after a while.
    func scheduleRetry() {
        retryAt = book.hasPassingFailures ? Clock.monotonic() &+ Self.retryInterval : nil
    }

    private func announce() {
        let text = Announcement(
            configuration: plan.configuration, configurationPath: plan.configurationPath, statuses: book.statuses,
            absentDockerSockets: plan.dockerSockets.filter { (try? Holdings.facts(of: $0)) == nil },
            supervisorUser: Identity.current.userName,
            controlUser: (plan.controlIdentity ?? .current).userName,
            edgeUser: (plan.edgeIdentity ?? .current).userName, isRoot: System.isRoot,
            waitsFor: [edge, control].filter { !$0.isReady }.map(\.name)
        ).text
        // A closed standard output is no reason to stop.
        try? System.writeAll(1, Array(text.utf8).span)
    }

    private static func milliseconds(from now: UInt64, to next: UInt64?) -> CInt {
        guard let next else { return -1 }
        guard next > now else { return 0 }
        // Rounded up: waking before the time would only mean waiting again.
        return CInt(clamping: (next - now + 999_999) / 1_000_000)
    }
}
