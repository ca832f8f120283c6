import TestKit

/// What a client was told for one request.
struct Told {
    var plan: ExchangePlan?
    var status: Int
    var count = 0
    var isComplete = false
    var isRight = true
}

/// A client with its plan.
final class Client: Peer {
    let plan: ClientPlan
    private var reader = MessageReader(.responses)
    private(set) var told: [Told] = []
    private var interims = 0
    /// What came in is no message.
    private(set) var fault: String?

    init(_ plan: ClientPlan, _ wire: Wire, _ planner: inout Planner) {
        self.plan = plan
        super.init("client \(plan.number) (\(plan.manner))", wire, planner.random)
        _ = planner.random.next()
        write(&planner)
    }

    private var completeCount: Int { told.count { $0.isComplete } }

    override func has(_ step: Step) -> Bool {
        switch step {
        case .await(let count): fault != nil || completeCount >= count
        case .awaitContinue: fault != nil || interims > 0 || !told.isEmpty
        case .awaitTunnel:
            fault != nil || told.count == plan.exchanges.count && (told.last.map(hasItsTunnel) ?? false)
        case .send, .sleep, .goDeaf, .hearAgain, .finish, .close: true
        }
    }

    private func hasItsTunnel(_ entry: Told) -> Bool {
        entry.status != 101 || entry.count >= (entry.plan?.answer.size ?? 0)
    }

    override func read(_ world: World) {
        while fault == nil {
            // Whether a body follows depends on what was asked.
            let isHead = plan.exchanges.indices.contains(told.count) && plan.exchanges[told.count].method == "HEAD"
            reader.bodiless = { isHead }
            if reader.takeEnd() { end() }
            guard let event = reader.next(&wire.received) else { break }
            switch event {
            case .head(let head): begin(head)
            case .body(let bytes): take(bytes)
            case .end: end()
            case .malformed(let what): fault = what
            }
            if reader.takeEnd() { end() }
        }
        if wire.hasEnded { streamEnded() }
    }

    private func begin(_ head: MessageReader.Head) {
        if head.status < 200, head.status != 101 {
            interims += 1
            return
        }
        let place = told.count
        let plan = plan.exchanges.indices.contains(place) ? plan.exchanges[place] : nil
        var entry = Told(plan: plan, status: head.status)
        // An answer of the proxy's own has no number.
        if let number = head.fields["x-number"] {
            entry.isRight = plan.map { number == "\($0.number)" } ?? false
        } else if head.status < 300 {
            entry.isRight = false
        } else {
            entry.plan = nil
        }
        told.append(entry)
        if head.status == 101 {
            reader.becomeTunnel()
            if hasItsTunnel(entry) { end() }
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        guard !told.isEmpty else { return fault = "a body before a response" }
        let entry = told[told.count - 1]
        if let plan = entry.plan, !Pattern.holds(bytes, plan.number, .response, at: entry.count) {
            told[told.count - 1].isRight = false
        }
        told[told.count - 1].count += bytes.count
        // Of a tunnel the end need not be seen.
        if entry.status == 101, hasItsTunnel(told[told.count - 1]) { end() }
    }

    private func end() {
        if !told.isEmpty { told[told.count - 1].isComplete = true }
    }

    private func streamEnded() {
        if plan.isHonest, !wire.received.isEmpty, fault == nil, !reader.isInside {
            fault = "\(wire.received.count) bytes of a head, then the end"
        }
        // The close is the end of such a body. These sockets have no reset that would say otherwise.
        if reader.lastsUntilClose { end() }
    }

    // MARK: - What it must have been told

    /// What went wrong, in words, or `nil`.
    ///
    /// - Parameter drained: the worker ended before the clients did.
    func complaint(drained: Bool) -> String? {
        if let fault { return "was told what is no HTTP: \(fault)" }
        if told.count > requestCount {
            return "was told \(told.count) answers to \(requestCount) requests: \(told.map(summary))"
        }
        for entry in told where !entry.isRight { return "was told somebody else's answer: \(summary(entry))" }
        for entry in told {
            guard let plan = entry.plan, plan.answer.manner == .served, entry.isComplete, !plan.isHTTP10 else {
                continue
            }
            if entry.status == plan.wantedStatus, entry.count != plan.wantedSize {
                return "was told of \(entry.count) bytes that they are all: \(summary(entry))"
            }
        }
        guard self.plan.isHonest, !drained else { return nil }
        for (place, exchange) in self.plan.exchanges.enumerated() {
            guard told.indices.contains(place) else { return "exchange \(exchange.number) was not answered" }
            let entry = told[place]
            guard exchange.isHonest else { break }
            guard entry.isComplete, entry.status == exchange.wantedStatus, entry.count == exchange.wantedSize else {
                return "was not served as it should be: \(summary(entry)), wanted \(exchange)"
            }
        }
        return nil
    }

    /// Requests that it may have sent, at most.
    private var requestCount: Int {
        // What comes behind the plan is refused once, and that ends the connection: garbage, and the bytes of a tunnel
        // that was not to be.
        max(plan.exchanges.count, 1) + (plan.isHonest && !plan.exchanges.contains(where: \.isTunnel) ? 0 : 1)
    }

    private func summary(_ entry: Told) -> String {
        "\(entry.status), \(entry.count) bytes\(entry.isComplete ? "" : ", cut") \(entry.plan.map { "\($0)" } ?? "")"
    }

    var servedCount: Int { plan.isHonest ? completeCount : 0 }
}

// MARK: - What it sends

extension Client {
    private func write(_ planner: inout Planner) {
        func pause() -> Step { .sleep(UInt64(Int.random(in: 0...90, using: &planner.random)) * Self.millisecond) }
        let stall = Step.sleep(30_000 * Self.millisecond)
        /// What those do in the end who stop in the middle.
        func stops() -> [Step] {
            [[.close], [.finish], [stall], [.goDeaf, stall, .hearAgain]][Int.random(in: 0..<4, using: &planner.random)]
        }
        let first = plan.exchanges[0]
        switch plan.manner {
        case .honest:
            for (place, exchange) in plan.exchanges.enumerated() {
                if Bool.random(using: &planner.random) { steps.append(pause()) }
                steps += request(exchange, &planner)
                if exchange.isTunnel {
                    steps += [.await(responses: 0), .awaitTunnel, .finish]
                } else {
                    steps.append(.await(responses: place + 1))
                }
            }
            leave(&planner)
        case .pipelining:
            for exchange in plan.exchanges { steps += request(exchange, &planner) }
            steps.append(.await(responses: plan.exchanges.count))
            leave(&planner)
        case .garbage:
            steps = [.send(planner.random.bytes(Int.random(in: 1...3_000, using: &planner.random)))] + stops()
        case .halfAHead:
            let bytes = head(first)
            let count = Int.random(in: 1..<bytes.count, using: &planner.random)
            steps = [.send(Array(bytes.prefix(count)))] + stops()
        case .cutBody:
            let size = Int.random(in: 1...60_000, using: &planner.random)
            let body = Pattern.bytes(first.number, .request, size / 2)
            steps = [.send(head(first, "Content-Length: \(size)\r\n") + body)] + stops()
        case .badChunk:
            let start = head(first, "Transfer-Encoding: chunked\r\n") + [UInt8]("3\r\n")
            let ends = ["zz\r\n", "\r\n", "ffffffffffffffffff\r\n", "5\r\nab\r\n0\r\n\r\n", "-1\r\n"]
            let end = [UInt8](ends[Int.random(in: 0..<ends.count, using: &planner.random)])
            steps = [.send(start + Pattern.bytes(first.number, .request, 3) + [13, 10] + end)] + stops()
        case .deaf:
            steps = [.goDeaf] + request(first, &planner) + [stall, .hearAgain]
        case .leaves:
            let bytes = head(first) + (first.requestForm == .none ? [] : planner.random.bytes(200))
            steps = [.send(bytes), pause(), .close]
        case .floods:
            steps.append(.goDeaf)
            for exchange in plan.exchanges { steps += request(exchange, &planner) }
            steps += [stall, .hearAgain]
        case .says:
            let heads = [
                "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "GET /.. HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "POST /odd/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 70_000) + "\r\n\r\n", "",
            ]
            steps = [.send([UInt8](heads[Int.random(in: 0..<heads.count, using: &planner.random)]))] + stops()
        case .upgrades:
            // Upstreams here do not switch for somebody who asks like this.
            let bytes = head(first, "Connection: upgrade\r\nUpgrade: other\r\n")
            steps = [.send(bytes + planner.random.bytes(Int.random(in: 0...40_000, using: &planner.random)))] + stops()
        }
    }

    private func leave(_ planner: inout Planner) {
        switch Int.random(in: 0..<3, using: &planner.random) {
        case 0: steps.append(.close)
        case 1: steps.append(.finish)
        // The proxy ends what is idle too long.
        default: break
        }
    }

    private func request(_ exchange: ExchangePlan, _ planner: inout Planner) -> [Step] {
        let body = exchange.isTunnel ? [] : Pattern.bytes(exchange.number, .request, exchange.requestSize)
        switch exchange.requestForm {
        case .none, .untilClose:
            if exchange.isTunnel {
                let first = head(exchange, "Connection: Upgrade\r\nUpgrade: sim\r\n")
                return [.send(first), .send(Pattern.bytes(exchange.number, .request, exchange.requestSize))]
            }
            return [.send(head(exchange))]
        case .counted, .chunked:
            let isChunked = exchange.requestForm == .chunked
            let framing = isChunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: \(body.count)\r\n"
            let bytes = isChunked ? planner.chunked(body) : body
            guard exchange.expectsContinue else { return [.send(head(exchange, framing) + bytes)] }
            return [.send(head(exchange, framing + "Expect: 100-continue\r\n")), .awaitContinue, .send(bytes)]
        }
    }

    private func head(_ exchange: ExchangePlan, _ fields: String = "") -> [UInt8] {
        [UInt8](
            "\(exchange.method) \(exchange.path) HTTP/1.\(exchange.isHTTP10 ? 0 : 1)\r\nHost: site.test\r\n"
                + "\(fields)\r\n")
    }
}
