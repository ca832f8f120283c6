/// What is known of an engine's containers, kept exact while answers and events cross on their way. No I/O in here.
///
/// An answer of the engine is older than events that arrived after its question was asked. Each event therefore takes a
/// number, and an answer about a container that an event touched since the question is dropped: that container is on
/// the list of those to ask about anyway.
struct ContainerLedger {
    /// What is to be asked of the engine next.
    struct Questions: Equatable {
        var list = false
        var networks = false
        var containers: Set<String> = []

        var isEmpty: Bool { !list && !networks && containers.isEmpty }
    }

    private(set) var records: [String: ContainerRecord] = [:]
    private(set) var questions = Questions(list: true, networks: true)
    private var drivers: [String: String] = [:]
    /// The number of the last event about each container that was touched since the questions were taken.
    private var touched: [String: UInt64] = [:]
    private var serial: UInt64 = 0
    /// Containers that were sent a signal to stop, until when that is believed of them while they still run.
    private var stopping: [String: ContinuousClock.Instant] = [:]

    /// Containers that are stopped because nobody asks for them: what is heard of it is no person's doing.
    private var ownStops: Set<String> = []

    /// How long a container that was told to stop, and did not, stays without new requests: as long as its engine lets
    /// it live on, and a little; and no shorter than somebody may have asked the engine to wait instead.
    static func stopBelief(_ record: ContainerRecord?) -> Duration {
        switch record?.stopTimeout {
        case nil: leastBelief
        case .some(let seconds) where seconds < 0: longestBelief
        case .some(let seconds): min(max(.seconds(seconds) + .seconds(5), leastBelief), longestBelief)
        }
    }

    static let leastBelief = Duration.seconds(30)
    static let longestBelief = Duration.seconds(3_600)

    /// - Parameter lastKnown: what was known in another life.
    init(lastKnown: [ContainerRecord] = []) {
        records = Dictionary(lastKnown.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// For the world: sorted, so that equal states are equal values.
    var containers: [ContainerRecord] {
        records.values.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
    }

    /// What the engine tells of this container's stop is our own doing, until it starts again.
    mutating func willStop(_ id: String) { ownStops.insert(id) }

    /// The engine did not do it.
    mutating func didNotStop(_ id: String) { ownStops.remove(id) }

    /// Asks for everything at the next turn.
    mutating func wantAll() {
        questions.list = true
        questions.networks = true
    }

    /// The next time at which ``expire(now:)`` has something to do.
    var nextExpiry: ContinuousClock.Instant? { stopping.values.min() }

    /// Forgets the signals that did not stop their containers. Whether anything changed.
    mutating func expire(now: ContinuousClock.Instant) -> Bool {
        var changed = false
        for (id, until) in stopping where until <= now {
            stopping[id] = nil
            questions.containers.insert(id)
            ownStops.remove(id)
            if records[id]?.isStopping == true {
                records[id]?.isStopping = false
                records[id]?.wasStoppedByHand = nil
                changed = true
            }
        }
        return changed
    }

    /// Takes in what the engine says has happened. Whether what is known changed.
    mutating func apply(_ event: EngineEvent, now: ContinuousClock.Instant) -> Bool {
        switch event.meaning {
        case .left(let id, let state):
            touch(id)
            stopping[id] = nil
            let byHand = event.action == "stop" && !ownStops.contains(id)
            return update(id) {
                $0.state = state
                $0.isStopping = false
                if byHand { $0.wasStoppedByHand = true }
            }
        case .signalled(let id, let signal):
            // HUP or USR1 usually ask for something else; but some images name such a one as theirs to stop by.
            guard signal.map({ StopSignal.usual.contains($0) || records[id]?.stopSignal == $0 }) ?? true else {
                return false
            }
            touch(id)
            stopping[id] = now + Self.stopBelief(records[id])
            let byHand = !ownStops.contains(id)
            return update(id) {
                $0.isStopping = true
                if byHand { $0.wasStoppedByHand = true }
            }
        case .gone(let id):
            touch(id)
            questions.containers.remove(id)
            stopping[id] = nil
            ownStops.remove(id)
            return records.removeValue(forKey: id) != nil
        case .health(let id, let health):
            touch(id)
            return update(id) { $0.health = health }
        case .touched(let id):
            if event.action == "start" || event.action == "restart" {
                stopping[id] = nil
                ownStops.remove(id)
                _ = update(id) { $0.wasStoppedByHand = nil }
            }
            touch(id)
            return false
        case .networks:
            questions.networks = true
            return false
        case .nothing:
            return false
        }
    }

    /// Hands over what is to be asked now, with the number that the answers are to come back with.
    /// - Parameter underWay: containers that are being asked about already; they stay on the list.
    mutating func takeQuestions(underWay: Set<String> = []) -> (questions: Questions, asked: UInt64) {
        // With no answer on its way, no event can be newer than its question.
        if underWay.isEmpty { touched = [:] }
        var taken = questions
        taken.containers.subtract(underWay)
        questions = Questions(containers: questions.containers.intersection(underWay))
        return (taken, serial)
    }

    /// Asks for a container once more: the answer failed.
    mutating func ask(again id: String) { questions.containers.insert(id) }

    /// The answer of an inspection: `nil` when the engine knows no such container. Whether what is known changed.
    mutating func apply(inspected: ContainerRecord?, id: String, asked: UInt64) -> Bool {
        guard touched[id] ?? 0 <= asked else { return false }
        guard var record = inspected else {
            stopping[id] = nil
            return records.removeValue(forKey: id) != nil
        }
        complete(&record)
        if record.state != .running { stopping[id] = nil }
        record.isStopping = stopping[id] != nil
        if record.state != .running || record.isStopping {
            record.wasStoppedByHand = records[record.id]?.wasStoppedByHand
        }
        guard records[record.id] != record else { return false }
        records[record.id] = record
        return true
    }

    /// The answer of a list. Returns whether what is known changed, and whom to inspect now: all that may carry rules
    /// and differ from what is known. (A list may lag behind the events by a moment, an inspection does not.)
    mutating func apply(list: [ContainerRecord], asked: UInt64) -> (changed: Bool, inspect: [String]) {
        var changed = false
        var inspect: [String] = []
        var listed: Set<String> = []
        for var record in list {
            listed.insert(record.id)
            guard touched[record.id] ?? 0 <= asked else { continue }
            let known = records[record.id]
            if record.isOfInterest {
                complete(&record)
                if known.map({ !Self.agrees($0, with: record) }) ?? true { inspect.append(record.id) }
            } else if known != record {
                records[record.id] = record
                changed = true
            }
        }
        for id in records.keys where !listed.contains(id) && touched[id] ?? 0 <= asked {
            records[id] = nil
            stopping[id] = nil
            ownStops.remove(id)
            changed = true
        }
        return (changed, inspect)
    }

    /// The answer to the question for networks. Whether what is known changed.
    mutating func apply(networks: [NetworkRecord]) -> Bool {
        drivers = Dictionary(networks.map { ($0.id, $0.driver) }, uniquingKeysWith: { first, _ in first })
        var changed = false
        for (id, record) in records where record.isOfInterest {
            var completed = record
            complete(&completed, asksBack: false)
            guard completed != record else { continue }
            records[id] = completed
            changed = true
        }
        return changed
    }

    /// Adds the drivers, which only the list of networks tells.
    private mutating func complete(_ record: inout ContainerRecord, asksBack: Bool = true) {
        for index in record.networks.indices {
            let id = record.networks[index].networkID
            record.networks[index].driver = drivers[id]
            if asksBack, !id.isEmpty, drivers[id] == nil { questions.networks = true }
        }
    }

    private mutating func touch(_ id: String) {
        serial += 1
        touched[id] = serial
        questions.containers.insert(id)
    }

    private mutating func update(_ id: String, _ change: (inout ContainerRecord) -> Void) -> Bool {
        guard var record = records[id] else { return false }
        change(&record)
        guard record != records[id] else { return false }
        records[id] = record
        return true
    }

    /// Whether a list's summary says nothing new. It tells neither the image as it was asked for nor, for a container
    /// that does not run, the ports.
    private static func agrees(_ known: ContainerRecord, with summary: ContainerRecord) -> Bool {
        known.name == summary.name && known.state == summary.state && known.health == summary.health
            && known.labels == summary.labels
            && (summary.state != .running || known.networks == summary.networks)
    }
}
