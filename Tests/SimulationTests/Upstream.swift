import TestKit

/// What stands behind one connection that the worker dialled.
final class Upstream: Peer {
    private var reader = MessageReader(.requests)
    private var current: ExchangePlan?
    private var bodyCount = 0
    private var isTunnel = false
    /// The tunnel's bytes from the client.
    private var tunnelCount = 0
    private var isAnswered = false
    /// Serves only those who keep to the protocol.
    let isHonest: Bool
    /// What came in that no honest client sent.
    private(set) var fault: String?
    private(set) var requestCount = 0
    /// Ends the connection while nothing is under way, after so many requests.
    private var patience: Int
    /// Junk that keeps the worker's end from being writable: until it is taken, the connection is being made.
    private var junkCount: Int

    init(_ name: String, _ wire: Wire, honest: Bool, junk: Int, _ random: SeededGenerator) {
        isHonest = honest
        junkCount = junk
        var random = random
        patience = Int.random(in: 1...12, using: &random)
        super.init(name, wire, random)
    }

    override func has(_ step: Step) -> Bool {
        switch step {
        case .awaitTunnel: fault != nil || tunnelCount >= (current?.requestSize ?? 0)
        case .await, .awaitContinue, .send, .sleep, .goDeaf, .hearAgain, .finish, .close: true
        }
    }

    override func read(_ world: World) {
        if junkCount > 0 {
            let count = min(junkCount, wire.received.count)
            wire.received.removeFirst(count)
            junkCount -= count
        }
        while fault == nil {
            if reader.takeEnd() { end(world) }
            guard let event = reader.next(&wire.received) else { break }
            switch event {
            case .head(let head): begin(head, world)
            case .body(let bytes): take(bytes, world)
            case .end: end(world)
            case .malformed(let what): complain(what, world)
            }
            if reader.takeEnd() { end(world) }
        }
    }

    private func complain(_ what: String, _ world: World) {
        fault = what
        world.faults.append("\(name) got what is no HTTP: \(what)")
    }

    private func begin(_ head: MessageReader.Head, _ world: World) {
        requestCount += 1
        bodyCount = 0
        isAnswered = false
        let number = head.target.split(separator: "/").last.flatMap { Int($0) }
        current = number.flatMap { world.exchanges[$0] }
        guard let plan = current else { return complain("a request that nobody sent: \(head.firstLine)", world) }
        if plan.isHonest != isHonest { return complain("a request for another pool: \(head.firstLine)", world) }
        if plan.isTunnel, head.fields["upgrade"] != nil {
            isTunnel = true
            reader.becomeTunnel()
            steps += [.send([UInt8](head101(plan))), .send(Pattern.bytes(plan.number, .response, plan.answer.size))]
            steps += [.awaitTunnel, .finish]
            return
        }
        if plan.expectsContinue { steps.append(.send([UInt8]("HTTP/1.1 100 Continue\r\n\r\n"))) }
        if plan.answer.isEarly || isRude(plan) { answer(plan, world) }
    }

    private func isRude(_ plan: ExchangePlan) -> Bool {
        switch plan.answer.manner {
        case .closes, .silent, .deaf, .garbage, .switchesUnasked: true
        case .served, .halfAHead, .cutBody, .stalledBody, .tooLongBody, .badChunk, .storm, .hugeHead, .finishes: false
        }
    }

    private func take(_ bytes: ArraySlice<UInt8>, _ world: World) {
        guard let plan = current else { return }
        if isTunnel {
            if !Pattern.holds(bytes, plan.number, .request, at: tunnelCount) {
                complain("a tunnel's bytes in disorder at \(tunnelCount) of \(plan)", world)
            }
            tunnelCount += bytes.count
            world.requestBytes += bytes.count
            return
        }
        // Who cuts a body, or has none, sends something else than the plan says, but from the same pattern.
        if plan.isHonest, !Pattern.holds(bytes, plan.number, .request, at: bodyCount) {
            complain("a body in disorder at \(bodyCount) of \(plan)", world)
        }
        bodyCount += bytes.count
        world.requestBytes += bytes.count
    }

    private func end(_ world: World) {
        guard let plan = current, !isTunnel else { return }
        world.requestsSeen += 1
        if plan.isHonest, bodyCount != plan.requestSize {
            complain("a body of \(bodyCount) bytes, \(plan.requestSize) were sent: \(plan)", world)
        }
        if !isAnswered { answer(plan, world) }
    }

    override func ended(_ world: World) {
        if isTunnel, let plan = current, plan.isHonest, tunnelCount != plan.requestSize, !world.plan.drainsEarly {
            world.faults.append("\(name) got \(tunnelCount) of \(plan.requestSize) bytes of a tunnel: \(plan)")
        }
    }

    // MARK: - What it sends

    private func head101(_ plan: ExchangePlan) -> String {
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: sim\r\nX-Number: \(plan.number)\r\n\r\n"
    }

    private func answer(_ plan: ExchangePlan, _ world: World) {
        isAnswered = true
        let answer = plan.answer
        let stall = Step.sleep(20_000 * Self.millisecond)
        let body = Pattern.bytes(plan.number, .response, plan.wantedSize)
        for _ in 0..<answer.interimCount { steps.append(.send([UInt8]("HTTP/1.1 103 Early Hints\r\n\r\n"))) }
        if Int.random(in: 0..<5, using: &random) == 0 {
            steps.append(.sleep(UInt64(Int.random(in: 0...90, using: &random)) * Self.millisecond))
        }
        let whole = head(plan) + content(plan, body, world)
        let last = whole.last ?? 0
        switch answer.manner {
        case .served: steps.append(.send(whole))
        case .closes: return steps = [.close]
        case .halfAHead: return steps += [.send([UInt8]("HTTP/1.1 200 OK\r\nContent-Le")), pick(stall, .close)]
        case .garbage: return steps += [.send([0] + random.bytes(900)), pick(stall, .close)]
        case .cutBody: return steps += [.send(cut(plan)), .close]
        case .stalledBody: return steps += [.send(cut(plan)), stall, .close]
        case .tooLongBody: steps += [.send(whole), .send([last, 0, 1, 2])]
        case .badChunk:
            let start = "HTTP/1.1 200 OK\r\nX-Number: \(plan.number)\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"
            return steps += [
                .send([UInt8](start) + Pattern.bytes(plan.number, .response, 1) + [UInt8]("\r\nnone\r\n")),
                pick(stall, .close),
            ]
        case .storm:
            let one = [UInt8]("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            steps += (0..<Int.random(in: 20...300, using: &random)).map { _ in .send(one) } + [.send(whole)]
        case .hugeHead:
            let field = "X: " + String(repeating: "x", count: 1_000) + "\r\n"
            let text = "HTTP/1.1 200 OK\r\n" + String(repeating: field, count: Int.random(in: 20...90, using: &random))
            return steps += [.send([UInt8](text)), pick(stall, .close)]
        case .silent: return steps += [stall, .close]
        case .deaf: return steps += [.goDeaf, stall, .close]
        case .finishes: return steps += [.send(whole), .finish]
        case .switchesUnasked: return steps += [.send([UInt8](head101(plan))), stall, .close]
        }
        if answer.isLast {
            // Not before all of the request is here: closing with bytes unread would take the answer along.
            steps.append(.finish)
        } else if requestCount >= patience, !plan.answer.isEarly {
            // Idle connections end at any time, and nobody says so before.
            steps += [.sleep(UInt64(Int.random(in: 0...300, using: &random)) * Self.millisecond)]
            if world.plan.endsIdle { steps.append(.close) }
        }
    }

    private func pick(_ one: Step, _ other: Step) -> Step { Bool.random(using: &random) ? one : other }

    private func framing(_ plan: ExchangePlan) -> String {
        switch plan.answer.form {
        case .none, .untilClose: ""
        case .counted: "Content-Length: \(plan.answer.size)\r\n"
        case .chunked: "Transfer-Encoding: chunked\r\n"
        }
    }

    private func head(_ plan: ExchangePlan) -> [UInt8] {
        let isSaid = plan.answer.form != .untilClose || plan.method == "HEAD"
        let last = plan.answer.isLast && isSaid ? "Connection: close\r\n" : ""
        return [UInt8](
            "HTTP/1.1 \(plan.answer.status) Some Reason\r\nX-Number: \(plan.number)\r\n\(last)\(framing(plan))\r\n")
    }

    private func content(_ plan: ExchangePlan, _ body: [UInt8], _ world: World) -> [UInt8] {
        plan.answer.form == .chunked && plan.method != "HEAD" ? world.planner.chunked(body) : body
    }

    /// A part of what the length says.
    private func cut(_ plan: ExchangePlan) -> [UInt8] {
        let size = Int.random(in: 1...50_000, using: &random)
        let head = "HTTP/1.1 200 OK\r\nX-Number: \(plan.number)\r\nContent-Length: \(size + 1)\r\n\r\n"
        return [UInt8](head) + Pattern.bytes(plan.number, .response, Int.random(in: 0...size, using: &random))
    }
}
