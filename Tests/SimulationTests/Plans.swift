import TestKit

/// What is to happen in one exchange, drawn from the seed before the run begins.
struct ExchangePlan {
    enum Form { case none, counted, chunked, untilClose }

    var number: Int
    /// Client and upstream both keep to the protocol: whatever the others do, it must be served, and right.
    var isHonest: Bool
    var method: String
    var isHTTP10 = false
    var requestForm: Form
    var requestSize: Int
    var expectsContinue = false
    /// Client and upstream leave HTTP and send each other so many bytes.
    var isTunnel = false
    var answer: Answer

    struct Answer {
        var manner: Manner
        var status: Int
        var form: Form
        var size: Int
        /// Interim responses ahead of it.
        var interimCount = 0
        /// It is given before the request's body has come.
        var isEarly = false
        /// The upstream ends the connection behind it, and says so.
        var isLast = false
    }

    /// How the upstream goes about it; everything but the first is against the protocol, or rude.
    enum Manner: CaseIterable {
        case served, closes, halfAHead, garbage, cutBody, stalledBody, tooLongBody, badChunk, storm, hugeHead, silent
        case deaf, finishes, switchesUnasked
    }

    var path: String { "/\(isHonest ? "honest" : "odd")/\(number)" }

    /// The status an honest client must see.
    var wantedStatus: Int { isTunnel ? 101 : answer.status }
    /// Bytes of the response that it must see.
    var wantedSize: Int { method == "HEAD" || answer.form == .none ? 0 : answer.size }
}

/// How a client goes about its exchanges.
enum ClientManner: CaseIterable {
    /// One after the other, as it should be.
    case honest
    /// All at once, then the answers: as it should be, too.
    case pipelining
    case garbage, halfAHead, cutBody, badChunk, deaf, leaves, floods, says, upgrades
}

struct ClientPlan {
    var number: Int
    var manner: ClientManner
    var exchanges: [ExchangePlan]
    var isHonest: Bool { manner == .honest || manner == .pipelining }
}

/// What sort of day it is.
struct WorldPlan {
    var seed: UInt64
    /// Nobody misbehaves: then the worker's counts must be right to the byte.
    var isPeaceful: Bool
    var clientCount: Int
    var concurrency: Int
    /// Bytes a socket holds.
    var rooms: [CInt]
    /// One in so many steps, the configuration changes.
    var changeEvery: Int
    /// The worker drains while there is work left.
    var drainsEarly: Bool
    /// The worker may run out of descriptors.
    var isShort: Bool
    /// Upstreams end idle connections without a word. What was sent meanwhile can only be sent again when it has no
    /// body, so in such a world honest requests have none.
    var endsIdle: Bool
    /// Now and then nobody serves those who behave, for less time than their requests are held.
    var hasOutages: Bool
    /// The pools have policies, ejection, circuits, limits and slow starts.
    var hasPools: Bool

    init(seed: UInt64, hasOutages: Bool = false) {
        self.seed = seed
        self.hasOutages = hasOutages
        var random = SeededGenerator(seed: seed)
        isPeaceful = seed % 4 == 0 || hasOutages
        clientCount = Int.random(in: 10...40, using: &random)
        concurrency = Int.random(in: 2...10, using: &random)
        let all: [[CInt]] = [[4_096], [4_096, 16_384], [16_384, 65_536], [4_096, 65_536, 212_992], [212_992]]
        rooms = all[Int.random(in: 0..<all.count, using: &random)]
        changeEvery = [200, 1_000, 5_000][Int.random(in: 0..<3, using: &random)]
        drainsEarly = !isPeaceful && Int.random(in: 0..<6, using: &random) == 0
        isShort = Int.random(in: 0..<6, using: &random) == 0
        endsIdle = Int.random(in: 0..<3, using: &random) == 0
        if hasOutages { changeEvery = 200 }
        hasPools = !hasOutages && (seed % 2 == 1 || seed % 16 == 0)
    }
}

/// Draws plans; numbers exchanges.
struct Planner {
    var random: SeededGenerator
    private let isPeaceful: Bool
    private let endsIdle: Bool
    private var nextExchange = 1

    init(_ world: WorldPlan) {
        random = SeededGenerator(seed: world.seed ^ 0x9d15_ea5e)
        isPeaceful = world.isPeaceful
        endsIdle = world.endsIdle
    }

    private mutating func chance(_ one: Int, in all: Int) -> Bool { Int.random(in: 0..<all, using: &random) < one }

    /// Mostly small, sometimes around the edges of buffers, rarely large.
    private mutating func size() -> Int {
        switch Int.random(in: 0..<20, using: &random) {
        case 0...3: return Int.random(in: 0...3, using: &random)
        case 4...11: return Int.random(in: 0...3_000, using: &random)
        case 12...14: return 16_384 + Int.random(in: -600...600, using: &random)
        case 15...17: return Int.random(in: 0...70_000, using: &random)
        case 18: return 131_072 + Int.random(in: -40...40, using: &random)
        default: return chance(1, in: 6) ? 2_500_000 : Int.random(in: 100_000...400_000, using: &random)
        }
    }

    mutating func client(_ number: Int) -> ClientPlan {
        let manner: ClientManner =
            if isPeaceful || chance(2, in: 5) {
                chance(1, in: 4) ? .pipelining : .honest
            } else {
                ClientManner.allCases[Int.random(in: 2..<ClientManner.allCases.count, using: &random)]
            }
        let isHonest = manner == .honest || manner == .pipelining
        var exchanges: [ExchangePlan] = []
        for _ in 0..<Int.random(in: 1...(manner == .pipelining || manner == .floods ? 6 : 3), using: &random) {
            // An honest client meets bad upstreams too; then it is only sure to be told something.
            exchanges.append(exchange(honest: isHonest && (isPeaceful || chance(3, in: 4)), manner))
            // Behind what ends the connection nothing more can be asked.
            if endsConnection(exchanges[exchanges.count - 1]) { break }
        }
        // These ask in a way of their own.
        switch manner {
        case .cutBody, .badChunk: exchanges[0].method = "POST"
        case .upgrades: exchanges[0].method = "GET"
        case .honest, .pipelining, .garbage, .halfAHead, .deaf, .leaves, .floods, .says: break
        }
        return ClientPlan(number: number, manner: manner, exchanges: exchanges)
    }

    /// The client must not count on being served again behind this one.
    private func endsConnection(_ plan: ExchangePlan) -> Bool {
        plan.isTunnel || plan.isHTTP10 || plan.answer.isEarly || !plan.isHonest
            || plan.answer.status >= 400 && plan.requestForm != .none
    }

    private mutating func exchange(honest: Bool, _ client: ClientManner) -> ExchangePlan {
        defer { nextExchange += 1 }
        let manner: ExchangePlan.Manner =
            honest || chance(1, in: 3)
            ? .served
            : ExchangePlan.Manner.allCases[Int.random(in: 1..<ExchangePlan.Manner.allCases.count, using: &random)]
        var plan = ExchangePlan(
            number: nextExchange, isHonest: honest, method: "GET", requestForm: .none, requestSize: 0,
            answer: .init(manner: manner, status: 200, form: .counted, size: size()))
        switch Int.random(in: 0..<10, using: &random) {
        case 0: plan.method = "HEAD"
        case 1...4 where !(honest && endsIdle):
            // PUT may be tried again where POST may not; either is sent once its upstream took it.
            plan.method = chance(1, in: 2) ? "PUT" : "POST"
            plan.requestForm = chance(1, in: 2) ? .counted : .chunked
            plan.requestSize = size()
            plan.expectsContinue = client == .honest && chance(1, in: 4)
        default: break
        }
        switch Int.random(in: 0..<12, using: &random) {
        case 0: (plan.answer.status, plan.answer.form) = (204, .none)
        case 1: (plan.answer.status, plan.answer.form) = (304, .none)
        case 2: plan.answer.status = 404
        case 3...5: plan.answer.form = .chunked
        case 6: (plan.answer.form, plan.answer.isLast) = (.untilClose, true)
        case 7: plan.answer.isLast = true
        default: break
        }
        // Whatever comes before the close is the body.
        if manner == .tooLongBody, plan.answer.form == .untilClose { plan.answer.form = .counted }
        if chance(1, in: 6) { plan.answer.interimCount = Int.random(in: 1...4, using: &random) }
        if plan.requestSize > 0, chance(1, in: 5) { plan.answer.isEarly = true }
        if client == .honest, plan.requestForm == .none, plan.method == "GET" {
            if chance(1, in: 10) {
                plan.isTunnel = true
                plan.requestSize = size()
                plan.answer = .init(manner: manner, status: 101, form: .untilClose, size: size())
            } else if chance(1, in: 10) {
                plan.isHTTP10 = true
            }
        }
        return plan
    }
}

extension Planner {
    /// A chunked body: sizes of every sort, extensions, trailers.
    mutating func chunked(_ body: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(body.count + body.count / 8 + 64)
        var done = 0
        let most = [1, 7, 100, 4_000, 16_384, 100_000][Int.random(in: 0..<6, using: &random)]
        while done < body.count {
            // No more than a few hundred chunks, however long the body.
            let size = min(body.count - done, max(Int.random(in: 1...most, using: &random), body.count / 300))
            text += [UInt8](String(size, radix: 16, uppercase: chance(1, in: 2)))
            if chance(1, in: 8) { text += [UInt8](";name=\"value\"") }
            text += [13, 10]
            text += body[done..<done + size]
            text += [13, 10]
            done += size
        }
        return text + [UInt8](chance(1, in: 4) ? "0\r\nX-Trailer: 1\r\n\r\n" : "0\r\n\r\n")
    }
}
