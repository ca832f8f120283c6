import Contract
import Docker
import KontainersConfiguration

/// A container that may be stopped while nobody asks for it, and started by a request.
struct Sleeper: Equatable, Sendable {
    /// Which container of which engine.
    struct Key: Hashable, Sendable {
        /// The engine's address as it is configured.
        var engine: String
        var id: String
    }

    enum Condition: Equatable, Sendable {
        case running
        /// It was told to stop and still runs.
        case stopping
        /// A start is all that it needs.
        case asleep
        /// A person stopped it, or its engine is at work on it: not ours to touch.
        case away
    }

    let key: Key
    let name: String
    /// Its rules that let it sleep, as they are published. Sorted.
    let rules: [String]
    /// Milliseconds without a request of any of its rules after which it is stopped; `nil`: never, because something
    /// else needs it.
    let after: Int?
    let condition: Condition
    let place: Place
}

/// All sleepers, and what their rules have.
struct SleepPlan: Equatable, Sendable {
    /// Sorted by name, then engine and id.
    var sleepers: [Sleeper] = []
    /// The rules of sleepers that have an endpoint.
    var served: Set<String> = []
    /// Milliseconds that a request of a rule waits for a start, by rule.
    var patience: [String: Int] = [:]
}

extension Sleeper.Condition {
    init(_ record: ContainerRecord) {
        switch record.state {
        case .running: self = record.isStopping ? .stopping : .running
        case .exited, .created: self = record.wasStoppedByHand == true ? .away : .asleep
        case .paused, .restarting, .removing, .dead: self = .away
        }
    }
}

extension DesiredState {
    /// What a request is told to wait for, when all of a rule's containers sleep.
    static let asleepNote = "asleep: starts with the next request"

    /// The containers with labels for sleep, each with its rules as they were published.
    func sleepPlan(_ sources: Sources, _ outcome: inout Outcome) -> SleepPlan {
        var plan = SleepPlan()
        guard hasSleepers else { return plan }
        let rules = Dictionary(
            outcome.content.rules.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for engine in sources.engines {
            let readings = (readings[engine.endpoint] ?? [:]).values.filter(\.sleeps)
            guard !readings.isEmpty else { continue }
            // Who shares another's network falls silent with it.
            let shared = Set(
                engine.containers.filter { $0.state == .running && $0.networkMode.hasPrefix("container:") }
                    .map { String($0.networkMode.dropFirst("container:".count)) })
            for reading in readings {
                let record = reading.record
                var after: Int? = 0
                var names: [String] = []
                for share in reading.shares {
                    guard let sleep = share.declaration.sleep else {
                        after = nil
                        outcome.diagnoses.append(Self.neverSleeps(reading, because: share.declaration))
                        continue
                    }
                    guard let name = poolNames[share.pool], let rule = rules[name] else {
                        after = nil
                        continue
                    }
                    after = after.map { max($0, sleep.after) }
                    names.append(name)
                    if !rule.endpoints.isEmpty { plan.served.insert(name) }
                    plan.patience[name] = max(plan.patience[name] ?? 0, sleep.wake)
                }
                if shared.contains(record.id) || sources.file.rules.contains(where: { $0.names(record) }) {
                    after = nil
                }
                plan.sleepers.append(
                    Sleeper(
                        key: .init(engine: engine.endpoint, id: record.id), name: record.name, rules: names.sorted(),
                        after: after, condition: .init(record),
                        place: .label(container: record.name, key: "kontainers.sleep.after")))
            }
        }
        plan.sleepers.sort { ($0.name, $0.key.engine, $0.key.id) < ($1.name, $1.key.engine, $1.key.id) }
        return plan
    }

    private static func neverSleeps(_ reading: ContainerReading, because other: RuleDeclaration) -> Diagnosis {
        Diagnosis(
            code: "never-sleeps", severity: .warning, place: other.place, subject: reading.record.name,
            found:
                "found rule \"\(other.name)\" without \"sleep.after\", and another rule of the same container with it",
            wanted: "wanted it on all rules of the container; until then the container is not stopped")
    }
}

extension RuleDeclaration {
    fileprivate func names(_ record: ContainerRecord) -> Bool {
        guard case .container(let wanted, _, _) = target else { return false }
        return record.name == wanted || record.id == wanted || wanted.count >= 12 && record.id.hasPrefix(wanted)
    }
}
