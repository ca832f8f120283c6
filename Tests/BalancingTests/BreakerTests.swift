import Balancing
import Testing

@Suite("Circuit breakers")
struct BreakerTests {
    private let policy = CircuitBreaker.Policy(
        ratioPercent: 50, minimum: 4, window: 1_000, base: 100, longest: 350, trials: 2)

    private func begin(_ breaker: inout CircuitBreaker, now: UInt64) throws -> CircuitBreaker.Pass {
        let pass = breaker.admit(now: now, policy: policy)
        return try #require(pass)
    }

    /// Opens a closed one at a time.
    private func open(_ breaker: inout CircuitBreaker, now: UInt64) throws {
        for _ in 0..<4 where breaker.phase == .closed {
            let pass = try begin(&breaker, now: now)
            _ = breaker.finish(pass, .failed, now: now, policy: policy)
        }
    }

    @Test("open when too much fails, let trials through after a while, close when these end well")
    func life() throws {
        var breaker = CircuitBreaker()
        for _ in 0..<3 {
            let pass = try begin(&breaker, now: 1)
            #expect(breaker.finish(pass, .failed, now: 1, policy: policy) == false)
        }
        let early = try begin(&breaker, now: 1)
        let pass = try begin(&breaker, now: 1)
        #expect(breaker.finish(pass, .failed, now: 1, policy: policy) == true)
        #expect(breaker.phase == .open(until: 101))
        #expect(breaker.admit(now: 100, policy: policy) == nil)
        let first = try begin(&breaker, now: 101)
        let second = try begin(&breaker, now: 101)
        #expect(breaker.admit(now: 101, policy: policy) == nil)
        // From before it opened: it says nothing about now.
        #expect(breaker.finish(early, .failed, now: 102, policy: policy) == false)
        #expect(breaker.phase == .halfOpen(out: 2, passed: 0))
        #expect(breaker.finish(first, .answered, now: 103, policy: policy) == false)
        #expect(breaker.finish(second, .answered, now: 104, policy: policy) == true)
        #expect(breaker.phase == .closed)
        #expect(breaker.admit(now: 104, policy: policy) != nil)
    }

    @Test("each failed trial keeps them open twice as long, up to a limit, and closing forgets that")
    func growing() throws {
        var breaker = CircuitBreaker()
        var now: UInt64 = 10
        var lengths: [UInt64] = []
        try open(&breaker, now: now)
        for _ in 0..<5 {
            guard case .open(let until) = breaker.phase else { break }
            lengths.append(until - now)
            now = until
            let trial = try begin(&breaker, now: now)
            #expect(breaker.finish(trial, .failed, now: now, policy: policy) == true)
        }
        #expect(lengths == [100, 200, 350, 350, 350])
        now += 1_000
        for _ in 0..<2 {
            let trial = try begin(&breaker, now: now)
            _ = breaker.finish(trial, .answered, now: now, policy: policy)
        }
        #expect(breaker.phase == .closed)
        try open(&breaker, now: now)
        #expect(breaker.phase == .open(until: now + 100))
    }

    @Test("a trial whose client goes makes room for another")
    func abandoned() throws {
        var breaker = CircuitBreaker()
        try open(&breaker, now: 10)
        for _ in 0..<10 {
            let trial = try begin(&breaker, now: 500)
            #expect(breaker.finish(trial, .neither, now: 500, policy: policy) == false)
        }
        #expect(breaker.phase == .halfOpen(out: 0, passed: 0))
    }

    @Test("a policy that comes to want fewer trials than have passed leaves room for one more")
    func fewerTrials() throws {
        var breaker = CircuitBreaker()
        try open(&breaker, now: 10)
        let trial = try begin(&breaker, now: 500)
        #expect(breaker.finish(trial, .answered, now: 500, policy: policy) == false)
        let short = CircuitBreaker.Policy(trials: 1)
        #expect(breaker.admits(now: 500, policy: short))
        let admitted = breaker.admit(now: 500, policy: short)
        let last = try #require(admitted)
        #expect(breaker.admits(now: 500, policy: short) == false)
        #expect(breaker.finish(last, .answered, now: 500, policy: short) == true)
        #expect(breaker.phase == .closed)
    }

    @Test("what is reset forgets its passes")
    func reset() throws {
        var breaker = CircuitBreaker()
        try open(&breaker, now: 10)
        let trial = try begin(&breaker, now: 500)
        breaker.reset()
        #expect(breaker.phase == .closed)
        #expect(breaker.finish(trial, .failed, now: 500, policy: policy) == false)
        #expect(breaker.finish(.none, .failed, now: 500, policy: policy) == false)
    }

    @Test(
        "whatever comes in whatever order: trials are limited, and none waits for ever",
        arguments: 1...60)
    func anything(_ seed: UInt64) {
        var random = Seeded(state: seed)
        var breaker = CircuitBreaker()
        var out: [CircuitBreaker.Pass] = []
        var now: UInt64 = 0
        var admitted = 0
        for _ in 0..<5_000 {
            now += .random(in: 0...40, using: &random)
            let before = breaker.phase
            if Bool.random(using: &random) {
                let pass = breaker.admit(now: now, policy: policy)
                if let pass { out.append(pass) }
                admitted += pass == nil ? 0 : 1
                switch before {
                case .closed: #expect(pass != nil)
                case .open(let until): #expect((pass != nil) == (now >= until))
                case .halfOpen(let out, let passed):
                    #expect((pass != nil) == (out + passed < policy.trials))
                }
            } else if !out.isEmpty {
                let pass = out.remove(at: Int.random(in: 0..<out.count, using: &random))
                let outcome = CircuitBreaker.Outcome.allCases.randomElement(using: &random) ?? .neither
                let changed = breaker.finish(pass, outcome, now: now, policy: policy)
                #expect(!changed || breaker.phase != before)
            }
            if case .halfOpen(let trials, let passed) = breaker.phase {
                #expect(trials + passed <= policy.trials && Int(trials) <= out.count, "seed \(seed)")
            }
        }
        #expect(admitted > 100, "seed \(seed)")
    }

    @Test("limits: at, under and over; an idle connection needs no new one")
    func congestion() {
        let limits = Congestion(inFlight: 10, connections: 5, pending: 2)
        #expect(
            limits.refusal(of: .init(inFlight: 9, connections: 4, pending: 1), hasIdle: false) == nil)
        #expect(
            limits.refusal(of: .init(inFlight: 10, connections: 0, pending: 0), hasIdle: true)
                == .inFlight)
        #expect(
            limits.refusal(of: .init(inFlight: 0, connections: 5, pending: 0), hasIdle: false)
                == .connections)
        #expect(
            limits.refusal(of: .init(inFlight: 0, connections: 5, pending: 9), hasIdle: true) == nil)
        #expect(
            limits.refusal(of: .init(inFlight: 0, connections: 0, pending: 2), hasIdle: false) == .pending
        )
        #expect(
            Congestion().refusal(of: .init(inFlight: 1, connections: 1, pending: 1), hasIdle: false)
                == nil)
    }
}

@Suite("Waiting lines")
struct WaitingLineTests {
    @Test("serve who came first, refuse who finds it full, and let go who waited too long")
    func order() throws {
        var line = WaitingLine(capacity: 3, patience: 100)
        #expect(line.deadline == nil)
        #expect(line.serve(now: 0) == nil)
        #expect(line.expire(now: .max) == nil)
        #expect(line.join(7, now: 1) != nil)
        let joined = line.join(8, now: 2)
        let second = try #require(joined)
        #expect(line.join(9, now: 3) != nil)
        #expect(line.join(10, now: 3) == nil)
        #expect(line.deadline == 101)
        #expect(line.serve(now: 50) == 7)
        #expect(line.leave(second) == true)
        #expect(line.leave(second) == false)
        #expect(line.expire(now: 102) == nil)
        #expect(line.serve(now: 103) == nil)
        #expect(line.expire(now: 103) == 9)
        #expect(line.isEmpty)
        line.capacity = 0
        #expect(line.join(1, now: 4) == nil)
    }

    @Test("behave as a plain list would, whatever happens", arguments: 1...60)
    func reference(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let capacity = Int.random(in: 1...20, using: &random)
        var line = WaitingLine(capacity: capacity, patience: 50)
        var list: [(who: UInt32, seat: WaitingLine.Seat, deadline: UInt64)] = []
        var old: [WaitingLine.Seat] = []
        var now: UInt64 = 0
        for who in 0..<3_000 as Range<UInt32> {
            now += .random(in: 0...6, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0..<3:
                let seat = line.join(who, now: now)
                #expect((seat != nil) == (list.count < capacity), "seed \(seed)")
                if let seat { list.append((who, seat, max(now + line.patience, list.last?.deadline ?? 0))) }
            case 3:
                if let index = list.indices.randomElement(using: &random) {
                    let gone = list.remove(at: index)
                    #expect(line.leave(gone.seat) == true)
                    old.append(gone.seat)
                }
                if let seat = old.randomElement(using: &random) {
                    #expect(line.leave(seat) == false, "seed \(seed)")
                }
            case 4:
                while let late = line.expire(now: now) {
                    #expect(list.first?.who == late && list.removeFirst().deadline <= now, "seed \(seed)")
                }
                let served = line.serve(now: now)
                #expect(served == list.first?.who, "seed \(seed)")
                guard let served else { break }
                old.append(list.removeFirst().seat)
                // Nothing came of it: the first again, however many there are.
                if Bool.random(using: &random) {
                    let deadline = list.first?.deadline ?? .max
                    list.insert((served, line.rejoin(served), deadline), at: 0)
                }
            default:
                line.patience = .random(in: 0...100, using: &random)
            }
            #expect(line.count == list.count && line.deadline == list.first?.deadline, "seed \(seed)")
        }
        #expect(line.count <= capacity)
        #expect(line.leave(WaitingLine.Seat()) == false)
    }
}
