import Contract
import KontainersConfiguration
import Telemetry

/// When which container is stopped or started: all that is known of sleepers, and what follows from it. No I/O in here.
///
/// Whatever is in doubt counts as a request: a container that sleeps too late costs memory, one that sleeps too early
/// costs a request its time.
struct SleepBook {
    enum Act: Hashable, Sendable { case stop, start }

    /// Something to be done, which is under way until ``ended(_:_:now:)`` says how it went.
    struct Order: Equatable, Sendable {
        var act: Act
        var key: Sleeper.Key
        var name: String
    }

    enum Ending: Equatable, Sendable {
        case done
        /// There is no such container any more.
        case gone
        case failed(String)
    }

    /// What one rule's requests have come to, summed over the edges.
    struct Numbers: Equatable, Sendable {
        var ended: UInt64 = 0
        var inFlight: UInt64 = 0
    }

    /// What the edges said of the rules.
    struct Hearing: Equatable, Sendable {
        /// Process ids. Other edges have counted other things.
        var edges: Set<Int32>
        var rules: [String: Numbers]
        /// Whether some counts found no room: a rule without numbers may then have had requests.
        var isPartial = false
    }

    struct Counts: Equatable, Sendable {
        var asleep = 0
        var sleeps: UInt64 = 0
        var wakes: UInt64 = 0
        var stopFailures: UInt64 = 0
        var startFailures: UInt64 = 0
        /// From a request's wish to an endpoint.
        var wakeTimes = Histogram()
    }

    private struct Entry {
        var sleeper: Sleeper
        var activeSince: ContinuousClock.Instant
        var underWay: Act?
        /// When our start of it succeeded, while it has yet to prove itself.
        var startedAt: ContinuousClock.Instant?
        var hasRun = false
        var failures = 0
        var retryAt: ContinuousClock.Instant?
        var failure: (act: Act, reason: String)?
    }

    private struct Wish {
        var since: ContinuousClock.Instant
        var until: ContinuousClock.Instant
        var hasStarted = false
    }

    /// A container that ran so long after its start is a good one.
    static let steady = Duration.seconds(10)
    /// How long after a start that succeeded the engine may take to tell of it.
    static let tidings = Duration.seconds(2)
    /// Stops and starts under way at once.
    static let actsAtOnce = 8
    /// Rules that requests wait for at once; beyond it a wish is passed over.
    private static let wishLimit = 100_000

    private var entries: [Sleeper.Key: Entry] = [:]
    private var order: [Sleeper.Key] = []
    private var plan = SleepPlan()
    private var wishes: [String: Wish] = [:]
    private var active: [String: ContinuousClock.Instant] = [:]
    private var heard: Hearing?
    private(set) var counts = Counts()

    var isEmpty: Bool { entries.isEmpty }
    var rules: Set<String> { Set(plan.patience.keys) }

    // MARK: - News

    /// The containers as they now are.
    mutating func know(_ plan: SleepPlan, now: ContinuousClock.Instant) {
        self.plan = plan
        var known: [Sleeper.Key: Entry] = [:]
        for sleeper in plan.sleepers {
            var entry = entries[sleeper.key] ?? Entry(sleeper: sleeper, activeSince: now)
            // A start, whoever it was, is a sign of life.
            if sleeper.condition == .running, entry.sleeper.condition != .running { entry.activeSince = now }
            entry.sleeper = sleeper
            known[sleeper.key] = entry
        }
        entries = known
        order = plan.sleepers.map(\.key)
        active = active.filter { plan.patience[$0.key] != nil }
        for name in plan.patience.keys where active[name] == nil { active[name] = now }
        wishes = wishes.filter { plan.patience[$0.key] != nil }
        for (name, wish) in wishes where wish.hasStarted && plan.served.contains(name) {
            wishes[name] = nil
            counts.wakeTimes.record(Self.nanoseconds(wish.since.duration(to: now)))
        }
        counts.asleep = plan.sleepers.count { $0.condition == .asleep }
        settle(now)
    }

    /// What the edges have counted; `nil` when they cannot be heard, and then nobody can be said to be idle.
    mutating func hear(_ hearing: Hearing?, now: ContinuousClock.Instant) {
        defer { heard = hearing }
        guard let hearing, let before = heard, before.edges == hearing.edges else {
            for name in active.keys { active[name] = now }
            return
        }
        for name in plan.patience.keys {
            let numbers = hearing.rules[name]
            guard numbers != before.rules[name] || numbers?.inFlight ?? 0 > 0 || numbers == nil && hearing.isPartial
            else { continue }
            active[name] = now
        }
    }

    /// Requests wait for these rules.
    mutating func wake(_ names: [String], now: ContinuousClock.Instant) {
        for name in names {
            guard let patience = plan.patience[name] else { continue }
            active[name] = now
            guard wishes.count < Self.wishLimit || wishes[name] != nil else { return }
            wishes[name, default: Wish(since: now, until: now)].until = now + .milliseconds(patience)
        }
    }

    /// How something that was ordered went.
    mutating func ended(_ order: Order, _ ending: Ending, now: ContinuousClock.Instant) {
        switch (order.act, ending) {
        case (.stop, .done): counts.sleeps &+= 1
        case (.start, .done): counts.wakes &+= 1
        case (_, .gone): break
        case (.stop, .failed): counts.stopFailures &+= 1
        case (.start, .failed): counts.startFailures &+= 1
        }
        guard var entry = entries[order.key] else { return }
        entry.underWay = nil
        switch ending {
        case .done:
            if order.act == .start {
                entry.startedAt = now
                entry.hasRun = false
            } else {
                entry.failure = nil
                entry.failures = 0
            }
        case .gone: break
        case .failed(let reason): Self.fail(&entry, order.act, reason, now)
        }
        entries[order.key] = entry
    }

    // MARK: - What follows

    /// What is to be done now. Each is under way from here on.
    mutating func orders(now: ContinuousClock.Instant) -> [Order] {
        settle(now)
        wishes = wishes.filter { name, wish in
            // An edge knows of a stop as soon as we do, and its wish may be here first.
            wish.until > now && (wish.hasStarted || !plan.served.contains(name) || wish.since + Self.tidings > now)
        }
        var room = Self.actsAtOnce - entries.values.count { $0.underWay != nil }
        var orders: [Order] = []
        // Somebody waits for a start, nobody for a stop.
        for act in [Act.start, .stop] {
            for key in order where room > 0 {
                guard let entry = entries[key], entry.underWay == nil, entry.retryAt.map({ $0 <= now }) ?? true,
                    act == .start ? isWanted(entry, now) : isIdle(entry, now)
                else { continue }
                entries[key]?.underWay = act
                if act == .stop { entries[key]?.startedAt = nil }
                orders.append(Order(act: act, key: key, name: entry.sleeper.name))
                room -= 1
                guard act == .start else { continue }
                for name in entry.sleeper.rules { wishes[name]?.hasStarted = true }
            }
        }
        return orders
    }

    /// What stands in the way of sleep or of waking.
    var diagnoses: [Diagnosis] {
        order.compactMap { key in
            guard let entry = entries[key], let failure = entry.failure else { return nil }
            let sleeper = entry.sleeper
            return switch failure.act {
            case .start:
                Diagnosis(
                    code: "cannot-wake", place: sleeper.place, subject: sleeper.name,
                    found: "found that \(sleeper.name) does not start for a request: \(failure.reason)",
                    wanted: "wanted a container that starts: see \"docker logs \(sleeper.name)\"; it is tried again "
                        + "while requests wait, ever more seldom")
            case .stop:
                Diagnosis(
                    code: "cannot-sleep", severity: .warning, place: sleeper.place, subject: sleeper.name,
                    found: "found that \(sleeper.name) cannot be stopped: \(failure.reason)",
                    wanted: "wanted an engine that stops it; it is tried again, ever more seldom")
            }
        }
    }

    /// Whether a request waits for it, and nothing speaks against a start: while another container of the rule is on
    /// its way out the two may not be meant to run side by side.
    private func isWanted(_ entry: Entry, _ now: ContinuousClock.Instant) -> Bool {
        guard entry.sleeper.condition == .asleep, entry.startedAt == nil,
            entry.sleeper.rules.contains(where: { wishes[$0] != nil && !plan.served.contains($0) })
        else { return false }
        return !entries.values.contains { other in
            (other.sleeper.condition == .stopping || other.underWay == .stop)
                && other.sleeper.rules.contains { entry.sleeper.rules.contains($0) }
        }
    }

    private func isIdle(_ entry: Entry, _ now: ContinuousClock.Instant) -> Bool {
        guard heard != nil, entry.sleeper.condition == .running, let after = entry.sleeper.after,
            !entry.sleeper.rules.isEmpty
        else { return false }
        var last = entry.activeSince
        for name in entry.sleeper.rules {
            guard wishes[name] == nil, let active = active[name] else { return false }
            last = max(last, active)
        }
        return last + .milliseconds(after) <= now
    }

    /// Judges the containers that were started a moment ago.
    private mutating func settle(_ now: ContinuousClock.Instant) {
        for key in order {
            guard var entry = entries[key],
                let started = entry.startedAt ?? entry.failure.map({ _ in entry.activeSince })
            else { continue }
            switch entry.sleeper.condition {
            case .running:
                entry.hasRun = true
                guard started + Self.steady <= now else { break }
                entry.startedAt = nil
                guard entry.failure?.act == .start else { break }
                entry.failures = 0
                entry.failure = nil
            case .asleep:
                guard entry.startedAt != nil, entry.hasRun || started + Self.tidings <= now else { break }
                entry.startedAt = nil
                counts.startFailures &+= 1
                Self.fail(&entry, .start, "it ends right after its start", now)
            case .stopping, .away: entry.startedAt = nil
            }
            entries[key] = entry
        }
    }

    private static func fail(
        _ entry: inout Entry, _ act: Act, _ reason: String, _ now: ContinuousClock.Instant
    ) {
        let (first, longest): (Duration, Duration) =
            act == .start ? (.seconds(1), .seconds(60)) : (.seconds(10), .seconds(600))
        entry.retryAt = now + min(first * (1 << min(entry.failures, 10)), longest)
        entry.failures += 1
        entry.failure = (act, reason)
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        let parts = duration.components
        return UInt64(max(0, parts.seconds)) &* 1_000_000_000 &+ UInt64(max(0, parts.attoseconds) / 1_000_000_000)
    }
}
