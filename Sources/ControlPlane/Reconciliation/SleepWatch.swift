import Docker
public import KontainersConfiguration
import Logging
public import Telemetry

/// Stops containers for which nobody asks, and starts them for requests: carries out what ``SleepBook`` decides.
public actor SleepWatch {
    /// What has come of it, since control started.
    public struct Reading: Sendable {
        /// Containers that a request would start.
        public var asleep = 0
        public var sleeps: UInt64 = 0
        public var wakes: UInt64 = 0
        public var stopFailures: UInt64 = 0
        public var startFailures: UInt64 = 0
        /// From the request to an endpoint.
        public var wakeTimes = Histogram()
    }

    /// What stands in the way, at each change.
    public nonisolated let diagnoses: AsyncStream<[Diagnosis]>
    private let told: AsyncStream<[Diagnosis]>.Continuation
    private let orders: AsyncStream<SleepBook.Order>
    private let ordered: AsyncStream<SleepBook.Order>.Continuation
    private let feeds: EngineFeeds
    private let link: LinkServer
    private let logger: Logger
    private var book = SleepBook()
    private var lastTold: [Diagnosis] = []

    /// How often the edges' numbers are looked at; they come once a second.
    private static let interval = Duration.seconds(1)

    init(feeds: EngineFeeds, link: LinkServer, logger: Logger) {
        self.feeds = feeds
        self.link = link
        self.logger = logger
        (diagnoses, told) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (orders, ordered) = AsyncStream.makeStream()
    }

    public var reading: Reading {
        let counts = book.counts
        return Reading(
            asleep: counts.asleep, sleeps: counts.sleeps, wakes: counts.wakes, stopFailures: counts.stopFailures,
            startFailures: counts.startFailures, wakeTimes: counts.wakeTimes)
    }

    /// Runs until its task is cancelled.
    func run(_ plans: AsyncStream<SleepPlan>) async {
        await withDiscardingTaskGroup { group in
            group.addTask { for await plan in plans { await self.take(plan) } }
            group.addTask { for await rules in self.link.wakes { await self.wake(rules) } }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.interval)
                    await self.look()
                }
            }
            group.addTask {
                await withDiscardingTaskGroup { acts in
                    for await order in self.orders { acts.addTask { await self.carryOut(order) } }
                }
            }
        }
    }

    private func take(_ plan: SleepPlan) {
        book.know(plan, now: .now)
        step()
    }

    private func wake(_ rules: [String]) {
        book.wake(rules, now: .now)
        step()
    }

    private func look() async {
        guard !book.isEmpty else { return }
        let hearing = await link.hearing(of: book.rules, now: .now)
        book.hear(hearing, now: .now)
        step()
    }

    private func step() {
        for order in book.orders(now: .now) { ordered.yield(order) }
        let now = book.diagnoses
        guard now != lastTold else { return }
        lastTold = now
        told.yield(now)
    }

    private func carryOut(_ order: SleepBook.Order) async {
        let began = ContinuousClock.now
        let ending: SleepBook.Ending
        do {
            let isThere =
                switch order.act {
                case .stop: try await feeds.stop(container: order.key.id, of: order.key.engine)
                case .start: try await feeds.start(container: order.key.id, of: order.key.engine)
                }
            ending = isThere ? .done : .gone
            guard isThere else { return finish(order, ending) }
            logger.info(
                order.act == .stop
                    ? "a container sleeps: nobody asked for it" : "a container was started for a request",
                metadata: ["container": "\(order.name)", "took": "\(began.duration(to: .now))"])
        } catch {
            ending = .failed(String(describing: error))
        }
        finish(order, ending)
    }

    private func finish(_ order: SleepBook.Order, _ ending: SleepBook.Ending) {
        book.ended(order, ending, now: .now)
        step()
    }
}
