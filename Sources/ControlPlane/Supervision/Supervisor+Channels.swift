import Contract
import FoundationEssentials
import Kernel
import Logging

// What the children say, and what they are told.

extension Supervisor {
    /// Tells a new edge all it needs to serve: its workers, the key of its snapshot, every socket that is held.
    func welcomeEdge() {
        let key = Data(folder.machineKey).base64EncodedString()
        tellEdge(.start(workers: plan.workers, machineKey: key))
        for entry in book.entries { tellEdge(.sockets(entry.listener), sockets: entry.sockets) }
        tellEdge(.handedOver)
    }

    private func tellEdge(_ order: EdgeOrder, sockets: [Holdings.HeldSocket] = []) {
        guard !edge.say(order, sockets: sockets), let pid = edge.pid else { return }
        // Without a socket or an order it would serve something else than it should: a new one gets everything.
        logger.error("\(edge.name) (process \(pid)) does not take what it is told; it is replaced")
        ChildProcess.kill(pid)
    }

    private func tellEdge(_ change: ListenerBook.Change) {
        for name in change.forgotten { tellEdge(.close(name: name)) }
        for entry in change.added { tellEdge(.sockets(entry.listener), sockets: entry.sockets) }
    }

    func receiveFromEdge() {
        receive(from: edge) { (report: EdgeReport) in
            switch report {
            case .ready(let revision):
                edge.isReady = true
                logger.info("the edge serves", metadata: ["revision": "\(revision)", "workers": "\(plan.workers)"])
            }
        }
    }

    func receiveFromControl() {
        receive(from: control) { (request: ControlRequest) in
            switch request {
            case .ready:
                control.isReady = true
                logger.info("control is up")
            case .listen(let listeners):
                listen(listeners)
            }
        }
    }

    /// While stopping nothing is opened any more.
    private func listen(_ listeners: [Listener]) {
        guard stopping == nil else { return }
        let before = book.statuses
        let change = book.apply(listeners) { forgotten in
            tellEdge(ListenerBook.Change(forgotten: forgotten))
        }
        tellEdge(change)
        let statuses = book.statuses
        tellControl(.listening(statuses))
        for status in statuses where !before.contains(status) {
            if let failure = status.failure {
                logger.error("listener \(status.name): \(failure)")
            } else {
                logger.info("listener \(status.name) is open on \(status.address)")
            }
        }
        for status in before where !statuses.contains(where: { $0.name == status.name }) && status.failure == nil {
            logger.info("listener \(status.name) is closed; connections it accepted go on")
        }
        scheduleRetry()
    }

    /// Opens what could not be opened before, and tells both.
    func retryListeners() {
        let change = book.retry()
        guard !change.isEmpty else { return }
        tellEdge(change)
        tellControl(.listening(book.statuses))
        for entry in change.added { logger.info("listener \(entry.listener.name) is open now, on \(entry.bound)") }
    }

    private func tellControl(_ reply: ControlReply) {
        guard !control.say(reply), let pid = control.pid else { return }
        logger.error("\(control.name) (process \(pid)) does not take what it is told; it is replaced")
        ChildProcess.kill(pid)
    }

    /// Takes a child's packets, a bounded number: the other child and signals have their turn.
    private func receive<Message: Decodable>(from child: Child, _ take: (Message) -> Void) {
        for _ in 0..<Self.packetsPerTurn {
            guard let channel = child.channel else { return }
            switch channel.receive() {
            case .packet(let packet):
                if !packet.isCut, let message = try? JSONDecoder().decode(Message.self, from: Data(packet.bytes)) {
                    take(message)
                } else if !child.isGarbled {
                    child.isGarbled = true
                    logger.warning(
                        """
                        \(child.name) said something that makes no sense (\(packet.bytes.count) bytes); it is ignored: \
                        are both programs of one version?
                        """)
                }
            case .wouldBlock: return
            case .endOfStream, .failed:
                child.loseChannel(now: Clock.monotonic())
                return
            }
        }
    }
}
