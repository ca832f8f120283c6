import Docker
import KontainersConfiguration
import Telemetry
import Testing

@testable import Reconciliation

@Suite("When containers sleep and wake")
struct SleepBookTests {
    /// A book with its clock; each step says what it ordered.
    private struct World {
        var book = SleepBook()
        var now = ContinuousClock.now
        var ended: UInt64 = 0
        var inFlight: UInt64 = 0
        var edges: Set<Int32> = [7]
        var isPartial = false
        var isHeard = true

        /// A second passes, and the edges are heard.
        mutating func second(_ count: Int = 1) -> [String] {
            var orders: [String] = []
            for _ in 0..<count {
                now += .seconds(1)
                book.hear(hearing, now: now)
                orders += take()
            }
            return orders
        }

        var hearing: SleepBook.Hearing? {
            guard isHeard else { return nil }
            let rules = isPartial ? [:] : ["site": SleepBook.Numbers(ended: ended, inFlight: inFlight)]
            return .init(edges: edges, rules: rules, isPartial: isPartial)
        }

        mutating func take() -> [String] { book.orders(now: now).map { "\($0.act) \($0.name)" } }

        mutating func know(_ sleepers: Sleeper..., served: Bool) {
            let plan = SleepPlan(sleepers: sleepers, served: served ? ["site"] : [], patience: ["site": 60_000])
            book.know(plan, now: now)
        }

        mutating func ended(_ act: SleepBook.Act, _ ending: SleepBook.Ending, _ name: String = "web") {
            book.ended(.init(act: act, key: .init(engine: "e", id: name), name: name), ending, now: now)
        }

        mutating func wake() -> [String] {
            book.wake(["site"], now: now)
            return take()
        }
    }

    private static func sleeper(
        _ condition: Sleeper.Condition, _ name: String = "web", after: Int? = 5_000
    ) -> Sleeper {
        Sleeper(
            key: .init(engine: "e", id: name), name: name, rules: ["site"], after: after, condition: condition,
            place: .label(container: name, key: "kontainers.sleep.after"))
    }

    @Test("nobody asks for as long as was said: it is stopped, once")
    func sleeps() {
        var world = World()
        world.know(Self.sleeper(.running), served: true)
        // The first numbers say where counting starts.
        #expect(world.second(5) == [])
        #expect(world.second() == ["stop web"])
        #expect(world.second(20) == [])
        world.know(Self.sleeper(.stopping), served: false)
        world.know(Self.sleeper(.asleep), served: false)
        world.ended(.stop, .done)
        #expect(world.second(20) == [])
        #expect(world.book.counts.sleeps == 1 && world.book.counts.asleep == 1)
    }

    @Test("a request that ended, one under way, and other edges put it off")
    func activity() {
        var world = World()
        world.know(Self.sleeper(.running), served: true)
        #expect(world.second(5) == [])
        world.ended = 1
        #expect(world.second(5) == [])
        world.inFlight = 1
        #expect(world.second(60) == [])
        world.inFlight = 0
        // The second in which it ended counts.
        #expect(world.second(5) == [])
        world.edges = [8]
        #expect(world.second(5) == [])
        #expect(world.second() == ["stop web"])
    }

    @Test("without the edge's numbers nobody is idle, and then the time counts anew")
    func unheard() {
        var world = World()
        world.know(Self.sleeper(.running), served: true)
        world.isHeard = false
        #expect(world.second(60) == [])
        world.isHeard = true
        #expect(world.second(5) == [])
        world.isHeard = false
        #expect(world.second() == [])
        world.isHeard = true
        #expect(world.second(5) == [])
        #expect(world.second() == ["stop web"])
    }

    @Test("counts that found no room may be those of this rule")
    func partial() {
        var world = World()
        world.isPartial = true
        world.know(Self.sleeper(.running), served: true)
        #expect(world.second(60) == [])
    }

    @Test("what others need too, what a person stopped and what is being worked on is left alone")
    func leftAlone() {
        for sleeper in [Self.sleeper(.running, after: nil), Self.sleeper(.away), Self.sleeper(.stopping)] {
            var world = World()
            world.know(sleeper, served: sleeper.condition == .running)
            #expect(world.second(60) == [])
            let orders = world.wake()
            #expect(orders == [])
        }
    }

    @Test("a start by hand is a sign of life")
    func startedByHand() {
        var world = World()
        world.know(Self.sleeper(.away), served: false)
        #expect(world.second(60) == [])
        world.know(Self.sleeper(.running), served: true)
        #expect(world.second(4) == [])
        #expect(world.second() == ["stop web"])
    }

    @Test("a request starts it, once, and the time until it is ready is told")
    func wakes() {
        var world = World()
        world.know(Self.sleeper(.asleep), served: false)
        #expect(world.second(60) == [])
        #expect(world.wake() == ["start web"])
        #expect(world.wake() == [])
        #expect(world.second() == [])
        world.ended(.start, .done)
        #expect(world.wake() == [])
        world.know(Self.sleeper(.running), served: false)
        world.now += .seconds(2)
        world.know(Self.sleeper(.running), served: true)
        #expect(world.book.counts.wakes == 1 && world.book.counts.wakeTimes.sum == 3_000_000_000)
        // Its idle time counts from the start.
        #expect(world.second(2) == [])
        #expect(world.second(3) == ["stop web"])
    }

    @Test("while one of the rule's containers is on its way out, no other is started beside it")
    func oneAfterTheOther() {
        var world = World()
        world.know(Self.sleeper(.stopping, "old"), Self.sleeper(.asleep, "new"), served: false)
        #expect(world.wake() == [])
        world.know(Self.sleeper(.asleep, "new"), served: false)
        #expect(world.take() == ["start new"])
    }

    @Test("a wish that comes before we know of the stop is not lost; one for what is there is forgotten")
    func early() {
        var world = World()
        world.know(Self.sleeper(.running), served: true)
        #expect(world.wake() == [])
        world.know(Self.sleeper(.asleep), served: false)
        #expect(world.take() == ["start web"])

        var other = World()
        other.know(Self.sleeper(.running), served: true)
        _ = other.wake()
        #expect(other.second(3) == [])
        other.know(Self.sleeper(.asleep), served: false)
        #expect(other.take() == [])
    }

    @Test("nobody waits any more: nothing is started")
    func tooLate() {
        var world = World()
        world.know(Self.sleeper(.stopping), served: false)
        _ = world.wake()
        world.now += .seconds(61)
        world.know(Self.sleeper(.asleep), served: false)
        #expect(world.take() == [])
    }

    @Test("a container that ends right after its start is started ever more seldom, and told once")
    func crashes() {
        var world = World()
        world.know(Self.sleeper(.asleep), served: false)
        var starts: [Int] = []
        for second in 0..<130 {
            if world.wake() == ["start web"] {
                starts.append(second)
                world.ended(.start, .done)
                world.know(Self.sleeper(.running), served: true)
                world.know(Self.sleeper(.asleep), served: false)
            }
            world.now += .seconds(1)
        }
        #expect(starts == [0, 1, 3, 7, 15, 31, 63, 123])
        #expect(world.book.diagnoses.map(\.code) == ["cannot-wake"])
        #expect(world.book.diagnoses[0].found.contains("ends right after its start"))
        #expect(world.book.counts.startFailures == 8)
        // It runs at last: forgotten.
        world.know(Self.sleeper(.running), served: true)
        _ = world.second(9)
        #expect(world.book.diagnoses.count == 1)
        _ = world.second(2)
        #expect(world.book.diagnoses.isEmpty)
    }

    @Test("a start whose container was never seen to run has failed, too")
    func unseen() {
        var world = World()
        world.know(Self.sleeper(.asleep), served: false)
        #expect(world.wake() == ["start web"])
        world.ended(.start, .done)
        #expect(world.second() == [])
        #expect(world.second() == [] && world.book.diagnoses.count == 1)
        #expect(world.second() == ["start web"])
    }

    @Test("an engine that refuses is told, and asked again later")
    func refused() {
        var world = World()
        world.know(Self.sleeper(.running), served: true)
        #expect(world.second(6) == ["stop web"])
        world.ended(.stop, .failed("no room"))
        #expect(world.book.diagnoses.map(\.code) == ["cannot-sleep"])
        #expect(world.second(9) == [])
        #expect(world.second() == ["stop web"])
        world.ended(.stop, .done)
        #expect(world.book.diagnoses.isEmpty && world.book.counts.stopFailures == 1)

        var other = World()
        other.know(Self.sleeper(.asleep), served: false)
        #expect(other.wake() == ["start web"])
        other.ended(.start, .failed("port is taken"))
        #expect(other.wake() == [])
        #expect(other.second() == ["start web"])
        other.ended(.start, .gone)
        other.know(served: false)
        #expect(other.book.diagnoses.isEmpty && other.book.isEmpty)
    }

    @Test("many at once are worked off a few at a time, starts first")
    func many() {
        var world = World()
        let sleepers = (0..<20).map { Self.sleeper(.asleep, "web-\($0)") }
        let plan = SleepPlan(sleepers: sleepers, served: [], patience: ["site": 60_000])
        world.book.know(plan, now: world.now)
        #expect(world.wake().count == SleepBook.actsAtOnce)
        world.ended(.start, .done, "web-0")
        #expect(world.take().count == 1)
    }
}
