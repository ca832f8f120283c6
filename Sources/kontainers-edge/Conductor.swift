import Contract
import Engine
import HealthChecking
import Kernel
import Passwords
import Proxy
import Routing
import Synchronization
import TLS
import Telemetry

/// The main thread of the edge: signals, the supervisor's channel, the Link. It compiles revisions and posts them to
/// the workers; it never touches a connection of theirs.
final class Conductor {
    /// What other threads tell the conductor.
    enum Notice: Sendable {
        /// Every worker serves this revision.
        case adopted(epoch: String, revision: UInt64, diagnoses: [EdgeDiagnosis], since: UInt64)
        case workerEnded
        /// What active checks have found out about endpoints.
        case health([HealthNews])
        case told(WorkerNotice, by: Int)
    }

    private enum Source: UInt64 { case signals, inbox, channel, link }

    private let options: Options
    private let poller: Poller
    private let signals: Signals
    private let inbox: Inbox<Notice>
    private let channel: PacketSocket?
    private let workers: [Worker]
    private let sockets: ListenerSockets
    private let state = EdgeState()
    private let log: AccessLogSink
    private let keeper: SnapshotKeeper?
    private var link: LinkClient?
    /// Held here until no worker uses them, so that taking a table of many rules apart holds up no request.
    private var revisions: [Revision] = []
    private var isReady = false
    private var runningWorkers: Int
    private var wakes = Wakes()
    private let report: TelemetryReport
    private let health: HealthDesk
    private let opinions = OpinionBook()
    private var workerOpinions = WorkerOpinions()

    init(_ options: Options) throws {
        self.options = options
        let descriptors = System.raiseDescriptorLimit()
        signals = try Signals([.terminate, .interrupt, .hangup])
        poller = try Poller()
        let inbox = try Inbox<Notice>()
        self.inbox = inbox
        var start = StartOrder(workers: options.workers ?? System.coreCount, machineKey: nil)
        channel = options.isSupervised ? PacketSocket(owning: Descriptor(owning: 3)) : nil
        if let channel { start = try StartOrder.receive(from: channel) }
        var first: Snapshot?
        if let path = options.snapshot { first = try SnapshotFile.load(path, machineKey: start.machineKey) }
        let lastGood = options.data.map { $0 + "/snapshot.json" }
        if first == nil, let lastGood { first = try? SnapshotFile.load(lastGood, machineKey: start.machineKey) }
        keeper =
            if let lastGood, let key = start.machineKey { try SnapshotKeeper(path: lastGood, machineKey: key) } else {
                nil
            }

        let settings = first?.settings ?? Settings()
        let log = try Self.openLog(settings.accessLog)
        self.log = log
        let census = Census()
        let board = VerdictBoard()
        // Alone, the edge has no key that outlives it: cookies are good until it ends.
        let signing = start.machineKey.map { KeyedDigest(secret: Sealing.derive("sticky cookies", key: $0)) }
        let digest = signing ?? KeyedDigest()
        workers = try (0..<start.workers).map { number in
            try Worker(log: log, settings: settings, census: census, board: board, signing: digest) {
                inbox.post(.told($0, by: number))
            }
        }
        runningWorkers = workers.count
        health = HealthDesk(workers: workers, board: board, descriptors: descriptors) { inbox.post(.health($0)) }
        report = TelemetryReport(workers.map(\.tally), log, health.tally)
        sockets = ListenerSockets(workers: workers)
        try startWorkers()
        try poller.addLevelTriggered(signals.descriptor, token: Source.signals.rawValue)
        try poller.addLevelTriggered(inbox.descriptor, token: Source.inbox.rawValue)
        if let channel { try poller.addLevelTriggered(channel.raw, token: Source.channel.rawValue) }
        if let path = options.link { link = LinkClient(path: path) }
        if let first {
            state.replace(with: first)
            publish()
            if channel == nil { try requireListeners() }
        }
        try dropPrivileges()
    }

    private static func openLog(_ setting: AccessLog) throws(StartFailure) -> AccessLogSink {
        do {
            return try AccessLogSink(output: .init(setting: setting.output), rotation: .init(setting))
        } catch {
            throw StartFailure(message: "accessLog.output \"\(setting.output)\" cannot be opened: \(error)")
        }
    }

    /// A change of the access log's output takes effect with the revision that brings it.
    private func useLog() -> EdgeDiagnosis? {
        let setting = state.settings.accessLog
        let output = setting.output
        do {
            try log.use(.init(setting: output), rotation: .init(setting))
            return nil
        } catch {
            return EdgeDiagnosis(
                subject: .settings, name: "accessLog.output",
                message: "\"\(output)\" cannot be opened (\(error)); the log stays where it was")
        }
    }

    private func startWorkers() throws(SystemError) {
        for (number, worker) in workers.enumerated() {
            // The worker is touched by its thread alone from here on; the conductor keeps to its inbox and tally.
            let box = WorkerBox(worker)
            let inbox = self.inbox
            try NativeThread.start(named: "worker-\(number)") {
                do {
                    try box.worker.run()
                } catch {
                    preconditionFailure("a worker cannot wait for events: \(error)")
                }
                inbox.post(.workerEnded)
            }
        }
    }

    /// Alone, an edge that could open nothing serves nothing: better to say so and end.
    private func requireListeners() throws(StartFailure) {
        let faults = sockets.reconcile(state)
        for fault in faults { report(fault) }
        guard faults.count < max(1, state.listeners.count) || state.listeners.isEmpty else {
            throw StartFailure(message: faults.map(\.message).joined(separator: "; "))
        }
    }

    private func dropPrivileges() throws(StartFailure) {
        guard System.isRoot, options.user != "root" else { return }
        guard channel == nil || options.user != nil else { return }
        do {
            try System.become(user: options.user ?? "nobody")
        } catch {
            throw StartFailure(
                message:
                    "cannot become user \"\(options.user ?? "nobody")\": \(error); wanted the name or number of a user")
        }
    }

    // MARK: - The loop

    func run() throws {
        while true {
            let hasMore = (report.isUnderWay || opinions.hasNews) && link?.isConnected == true
            let count = try poller.wait(milliseconds: hasMore ? 10 : 200)
            for place in 0..<count {
                let (token, _) = poller.event(place)
                switch Source(rawValue: token) {
                case .signals: takeSignals()
                case .inbox: takeNotices()
                case .channel: takeOrders()
                case .link: takeLinkMessages()
                case nil: preconditionFailure("an event of nobody")
                }
            }
            if runningWorkers == 0 { return end() }
            forgetRevisions()
            tendLink()
        }
    }

    private func takeSignals() {
        while let signal = signals.next() {
            switch signal {
            case .terminate, .interrupt: drain()
            case .hangup: log.reopen()
            case .child: break
            }
        }
    }

    private func takeNotices() {
        for notice in inbox.takeAll() {
            switch notice {
            case .told(.wake(let rule), _): wakes.note(rule, now: Clock.monotonic())
            case .workerEnded: runningWorkers -= 1
            case .health(let news): opinions.note(news)
            case .told(.endpoint(let notice), let worker): workerOpinions.take(notice, of: worker, into: opinions)
            case .adopted(let epoch, let revision, let diagnoses, let since):
                Log.write(
                    .info, "serving", ("revision", "\(revision)"), ("rules", "\(state.ruleCount)"),
                    ("workers", "\(workers.count)"), ("took_us", "\((Clock.monotonic() &- since) / 1_000)"))
                report.follow(revisions.last { $0.table.epoch == epoch && $0.table.revision == revision }?.table)
                link?.send(.acknowledged(epoch: epoch, revision: revision, diagnoses: diagnoses))
                reportReady(revision)
            }
        }
        let rules = wakes.take()
        if !rules.isEmpty { link?.send(.wake(rules: rules)) }
    }

    private func reportReady(_ revision: UInt64) {
        guard !isReady else { return }
        isReady = true
        if let channel, let packet = try? Wire.encode(EdgeReport.ready(revision: revision)) { _ = channel.send(packet) }
    }

    private func drain() {
        let limit = UInt64(max(0, state.settings.timeouts.drain)) * 1_000_000
        Log.write(.info, "draining", ("limit_ms", "\(state.settings.timeouts.drain)"))
        for worker in workers { worker.inbox.post(.drain(deadline: Clock.monotonic() &+ limit)) }
        health.stop()
    }

    private func end() {
        log.flush()
        keeper?.finish()
        Log.write(.info, "ended")
    }

    // MARK: - Revisions

    /// Compiles what `state` says and gives it to every worker.
    private func publish() {
        let since = Clock.monotonic()
        let (epoch, revision) = (state.epoch, state.revision)
        let remaining = Remaining(workers.count)
        let found = Diagnoses()
        let inbox = self.inbox
        let (compiled, diagnoses) = state.compile {
            if remaining.countDown() {
                inbox.post(.adopted(epoch: epoch, revision: revision, diagnoses: found.all, since: since))
            }
        }
        revisions.append(compiled)
        var all = diagnoses
        if let fault = useLog() { all.append(fault) }
        for worker in workers { worker.inbox.post(.adopt(compiled)) }
        health.follow(compiled.table)
        sockets.beginServing(state)
        if channel == nil, isReady || options.snapshot == nil { all += sockets.reconcile(state) }
        found.set(all)
        for diagnosis in all { report(diagnosis) }
        keeper?.keep(state.snapshot())
    }

    private func forgetRevisions() {
        for place in revisions.indices.dropLast().reversed() where isKnownUniquelyReferenced(&revisions[place]) {
            revisions.remove(at: place)
        }
    }

    private func report(_ diagnosis: EdgeDiagnosis) {
        Log.write(
            .warning, "cannot serve as asked", ("what", diagnosis.subject.rawValue), ("name", diagnosis.name),
            ("why", diagnosis.message))
    }

    // MARK: - The supervisor

    private func takeOrders() {
        guard let channel else { return }
        while true {
            switch channel.receive(descriptorsLimit: PacketSocket.descriptorsLimit) {
            case .packet(let packet): obey(packet)
            case .wouldBlock: return
            case .endOfStream, .failed:
                // The supervisor is gone: what is open stays open, until somebody ends us.
                poller.remove(channel.raw)
                Log.write(.warning, "the supervisor is gone; serving on")
                return
            }
        }
    }

    private func obey(_ packet: PacketSocket.Packet) {
        guard let order = try? Wire.decode(EdgeOrder.self, from: packet.bytes) else {
            packet.descriptors.forEach { Socket.close($0) }
            return Log.write(.warning, "an order of the supervisor was not understood")
        }
        switch order {
        case .sockets(let listener): sockets.give(listener, packet.descriptors, state)
        case .close(let name): sockets.close(name, state)
        case .drain: drain()
        case .start, .handedOver: break
        }
    }

    // MARK: - The Link

    /// Connects when there is no Link, and says how things stand.
    private func tendLink() {
        guard let link else { return }
        let now = Clock.monotonic()
        if !link.isConnected {
            guard link.connect(now: now) else { return }
            // Level-triggered and registered once for each connection; closing it takes it out.
            guard (try? poller.addLevelTriggered(link.descriptor, token: Source.link.rawValue)) != nil else {
                return link.close()
            }
            link.send(
                .hello(
                    version: LinkVersion.current, pid: System.processID, workers: workers.count, epoch: state.epoch,
                    revision: state.revision))
            report.restart()
            opinions.restart()
        }
        link.flush()
        // What was said first is heard first: the Link is for revisions before it is for numbers.
        while link.isHeard, let message = opinions.next() { link.send(message) }
        if link.isHeard, let message = report.next(now: now, state) { link.send(message) }
    }

    private func takeLinkMessages() {
        guard let link else { return }
        for message in link.receive() {
            switch message {
            case .welcome(let version):
                if version != LinkVersion.current {
                    Log.write(.error, "control speaks another version of the Link", ("found", "\(version)"))
                    return link.close()
                }
            case .snapshot(let snapshot):
                state.replace(with: snapshot)
                publish()
            case .delta(let delta):
                if state.apply(delta) {
                    publish()
                } else {
                    link.send(.gap(epoch: state.epoch, revision: state.revision))
                }
            }
        }
    }
}
