import Contract
import Glibc
import Kernel

/// The listening sockets the supervisor holds: one a worker and listener. They outlive every edge, so that connections
/// wait in their backlogs, instead of being refused, while an edge that died is replaced.
struct ListenerBook {
    struct Entry {
        var listener: Listener
        /// The address bound, with the port the kernel chose.
        var bound: SocketAddress
        /// In the workers' order.
        var sockets: [Holdings.HeldSocket]
    }

    /// Milliseconds an edge gets to close sockets whose port another listener wants. The supervisor waits for it.
    static let letGoPatience = 300

    let workers: Int
    /// For messages that tell how to give the program a privilege.
    let program: String
    /// What is open, in the order it was asked for.
    private(set) var entries: [Entry] = []
    /// What was asked for and is not open, with the reason.
    private(set) var failures: [Failure] = []

    struct Failure {
        var listener: Listener
        var sentence: String
        /// Whether trying again may help.
        var isPassing: Bool
    }

    /// What changed, for the edge.
    struct Change {
        /// To be closed, before the new ones.
        var forgotten: [String] = []
        var added: [Entry] = []
        var isEmpty: Bool { forgotten.isEmpty && added.isEmpty }
    }

    /// Any listener may be asked for: which ports labels may have is control's to say, who reads the file.
    /// `letGo` is called, with what the edge must forget, when a new listener meets the port of one that is being
    /// closed: the edge holds the same sockets. `patience`: milliseconds to wait, in all, for addresses that are in
    /// use.
    mutating func apply(_ asked: [Listener], patience: Int = 0, letGo: ([String]) -> Void = { _ in }) -> Change {
        let plan = ListenerPlan(held: entries.map(\.listener), asked: asked)
        var held = Dictionary(entries.map { ($0.listener.name, $0) }, uniquingKeysWith: { first, _ in first })
        var change = Change(forgotten: plan.forgotten)
        entries = []
        failures = []
        // Sockets that no step takes over are closed here, before anything new is opened: it may want their port.
        var kept: [String: Entry] = [:]
        for step in plan.steps {
            switch step {
            case .keep(let listener): kept[listener.name] = held[listener.name]
            case .adopt(let listener, let name):
                kept[listener.name] = held[name]
                kept[listener.name]?.listener = listener
            case .open, .refuse: break
            }
        }
        let closedPorts = Set(held.values.map(\.bound.port)).subtracting(kept.values.map(\.bound.port))
        held = [:]
        var patience = patience
        for step in plan.steps {
            switch step {
            case .keep(let listener):
                if let entry = kept[listener.name] { entries.append(entry) }
            case .adopt(let listener, _):
                guard let entry = kept[listener.name] else { continue }
                entries.append(entry)
                change.added.append(entry)
            case .open(let listener):
                var result = Self.open(listener, workers: workers, patience: &patience)
                if case .failure(let error) = result, error.isAddressInUse,
                    closedPorts.contains(SocketAddress(text: listener.address)?.port ?? 0)
                {
                    letGo(change.forgotten)
                    change.forgotten = []
                    var patience = Self.letGoPatience
                    result = Self.open(listener, workers: workers, patience: &patience)
                }
                record(listener, result, into: &change)
            case .refuse(let listener, let sentence):
                failures.append(Failure(listener: listener, sentence: sentence, isPassing: false))
            }
        }
        return change
    }

    /// Tries again what could not be opened. Quiet: the reasons stay as they were.
    mutating func retry() -> Change {
        var change = Change()
        var left: [Failure] = []
        var patience = 0
        for failure in failures {
            if failure.isPassing,
                case .success(let entry) = Self.open(failure.listener, workers: workers, patience: &patience)
            {
                entries.append(entry)
                change.added.append(entry)
            } else {
                left.append(failure)
            }
        }
        failures = left
        return change
    }

    /// Closes everything: who connects from now on is refused at once instead of waiting in vain.
    mutating func closeAll() {
        entries = []
        failures = []
    }

    var hasPassingFailures: Bool { failures.contains(where: \.isPassing) }

    var statuses: [ListenerStatus] {
        entries.map { ListenerStatus(name: $0.listener.name, address: "\($0.bound)") }
            + failures.map { ListenerStatus(name: $0.listener.name, address: "", failure: $0.sentence) }
    }

    private mutating func record(
        _ listener: Listener, _ result: Result<Entry, SystemError>, into change: inout Change
    ) {
        switch result {
        case .success(let entry):
            entries.append(entry)
            change.added.append(entry)
        case .failure(let error):
            guard let address = SocketAddress(text: listener.address) else {
                let sentence = ListenFailure.badAddress(listener)
                failures.append(Failure(listener: listener, sentence: sentence, isPassing: false))
                return
            }
            let occupant = error.isAddressInUse ? PortOccupant.find(address, listener.transport) : nil
            let sentence = ListenFailure.sentence(
                listener, error, occupant: occupant, unprivilegedPort: ListenFailure.unprivilegedPort(),
                program: program)
            failures.append(Failure(listener: listener, sentence: sentence, isPassing: true))
        }
    }

    /// Opens one socket a worker. While the address is in use, tries again for `patience` milliseconds, and takes from
    /// it what that took.
    private static func open(_ listener: Listener, workers: Int, patience: inout Int) -> Result<Entry, SystemError> {
        guard let wanted = SocketAddress(text: listener.address) else {
            return .failure(SystemError(code: EINVAL, call: "parse"))
        }
        while true {
            do throws(SystemError) {
                // Sockets that share would share with a stranger of the same user too, and each would get a part of the
                // connections: nobody else may be there.
                if wanted.port != 0 { try Holdings.probe(wanted, listener.transport) }
                let first = try Holdings.bind(wanted, listener.transport)
                let bound = Socket.localAddress(first.raw) ?? wanted
                var sockets = [first]
                while sockets.count < workers { sockets.append(try Holdings.bind(bound, listener.transport)) }
                return .success(Entry(listener: listener, bound: bound, sockets: sockets))
            } catch {
                guard error.isAddressInUse, patience > 0 else { return .failure(error) }
            }
            usleep(10_000)
            patience -= 10
        }
    }
}
