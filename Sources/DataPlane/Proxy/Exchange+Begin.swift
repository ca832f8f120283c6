import Telemetry
import Balancing
import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Routing

// From a parsed head to an upstream connection: limits, route, endpoint.

extension Worker {
    /// `requestHead` was just parsed from the client's input; the head's bytes are still at the front of it.
    func begin(_ client: UInt32) {
        guard let input = connections[client].input else { preconditionFailure("a head without bytes") }
        tally.requests.add()
        var exchange = Exchange(
            client: client, table: UInt32(currentTable), poolTable: UInt32(currentTable), method: requestHead.method,
            version: requestHead.version,
            clientPersists: requestHead.keepAlive && !isDraining, requestBody: BodyProgress(requestHead.framing),
            headBegan: connections[client].headBegan, began: loop.now, bodyLimit: tunables.bodyBytes)
        exchange.headBytes = UInt32(truncatingIfNeeded: requestHead.byteCount)
        exchange.wantsUpgrade = requestHead.wantsUpgrade && !wantsCleartextHTTP2(input.readable)
        exchange.chunksRequest = exchange.requestBody.kind == .chunked
        exchange.requestBody.passesTrailers = exchange.chunksRequest
        exchange.takesTrailers = requestHead.takesTrailers
        exchange.takesPages = requestHead.takesPages
        requestIDs.advance()
        beginRecord(client, input, &exchange)
        guard !tables.isEmpty, let token = exchanges.admit(exchange) else {
            if let record = exchange.record { buffers.give(record) }
            tally.shed.add()
            return refuse(client, .overloaded, "no slot")
        }
        let index = token.index
        tables[currentTable].exchangeCount += 1
        connections[client].phase = .exchanging
        connections[client].exchange = index
        connections[client].served &+= 1
        if connections[client].served >= tunables.requestsPerConnection {
            tally.limits.requestsPerConnection.add()
            exchanges[index].clientPersists = false
        }
        loop.timers.clear(client)

        let bytes = input.readable
        let view = tables[currentTable].view
        let listener = Int(connections[client].listener)
        let path = bytes.extracting(requestHead.pathStart..<requestHead.pathEnd)
        switch view.match(
            host: bytes.extracting(requestHead.hostStart..<requestHead.hostEnd), path: path, listener: listener,
            secure: connections[client].session != nil)
        {
        case .route(let id): choose(index, id)
        // A trusted proxy that took TLS off for us: whoever it speaks for came by `https` already.
        case .redirectToTLS(let id) where connections[client].isTrusted && cameByTLS(bytes): choose(index, id)
        case .redirectToTLS(let id):
            exchanges[index].route = UInt32(id.index)
            tally.rules.add(.inFlight, of: id.number)
            recordRule(index)
            let route = view.route(id)
            if route.hasOptions, !applyRulesBeforeTLS(index, route) { return }
            tally.redirected.add()
            redirectToTLS(index)
        case .badPath, .badHost: answer(index, .badTarget)
        case .none: answer(index, .noRoute)
        }
    }

    /// Whether the client would leave HTTP/1.1 for `h2c`. RFC 9110 §7.8: a server may ignore an upgrade, and this one
    /// is ignored: behind it requests would pass that no rule has seen.
    private func wantsCleartextHTTP2(_ bytes: Span<UInt8>) -> Bool {
        let protocols = bytes.extracting(requestHead.upgradeStart..<requestHead.upgradeEnd)
        guard protocols.count >= 3 else { return false }
        for place in 0...protocols.count - 3 where protocols.equalsIgnoringCase("h2c", at: place) { return true }
        return false
    }

    /// The route is found: applies its rules, and passes the request on.
    private func choose(_ index: UInt32, _ id: RouteID) {
        exchanges[index].route = UInt32(id.index)
        tally.rules.add(.inFlight, of: id.number)
        recordRule(index)
        let route = tables[currentTable].view.route(id)
        if route.hasOptions, !applyRules(index, route) { return }
        pass(index, route)
    }

    /// Picks where in the pool the search begins, and takes the first endpoint that works. The rules let it pass, and
    /// `requestHead` is that of the request.
    func pass(_ index: UInt32, _ route: Route) {
        if requestHead.countsHops, !mayGoFurther(index) { return }
        setExchangeDeadline(index)
        let limit = exchanges[index].bodyLimit
        if case .length(let count) = requestHead.framing, limit > 0, count > limit {
            return answer(index, .bodyTooLarge)
        }
        let count = route.endpointCount
        guard count > 0 || route.isHolding && heldUntil(index, .noEndpoint) != nil else {
            return answer(index, .noEndpoint)
        }
        guard enterPool(index) else { return answer(index, .poolBusy) }
        if route.hasPlan {
            guard planTurn(index, route) else { return }
        } else if count > 0 {
            var candidates = Candidates(count: count, cursor: &cursors[route.id.index])
            exchanges[index].firstCandidate = UInt32(candidates.next() ?? 0)
        }
        if count > 1 || route.isHolding { planRetries(index, route, route.id) }
        guard let head = forwardRequestHead(index) else { return answer(index, .headTooLarge) }
        appendWholeBody(index, to: head)
        let isWhole = exchanges[index].requestBody.isFinished
        if !isWhole, exchanges[index].rules.contains(.bufferRequest) { return gather(index, head) }
        exchanges[index].isReplayable = isWhole
        approach(index, head)
    }

    /// Looks for an upstream, unless others wait for one of the same pool.
    @inline(__always)
    func approach(_ index: UInt32, _ head: Buffer) {
        if heldCount > 0, joinsLine(index, head) { return }
        takeUpstream(index, head, .pooledOrFresh)
    }

    /// A body that has come with its head and fits behind it goes along in one send, and can be sent again.
    private func appendWholeBody(_ index: UInt32, to head: Buffer) {
        let body = exchanges[index].requestBody
        guard body.kind == .counted, !body.isFinished, let input = connections[exchanges[index].client].input,
            body.remaining <= UInt64(min(input.count, head.room))
        else { return }
        let count = head.append(from: input, limit: Int(body.remaining))
        exchanges[index].requestBody.move(count)
        tally.requestBytes.add(UInt64(count))
    }

    /// Leaves the exchange's slot. The connections have been seen to.
    func end(_ index: UInt32) {
        if exchanges[index].pass != .none { giveBackPass(index, .neither) }
        if exchanges[index].poolPass != .none { endPoolPass(index) }
        if exchanges[index].isInPool {
            leavePoolCount(index)
            if heldCount > 0 { noteFreed(exchanges[index].route) }
        }
        if let remembered = exchanges[index].remembered { buffers.give(remembered) }
        releaseTrailers(index)
        releaseHeld(index)
        let isMoved = exchanges[index].poolTable != exchanges[index].table
        if isMoved || exchanges[index].hold.since != 0 { leaveHolding(index) }
        leavePool(index)
        releaseDeflater(index)
        let slot = Int(exchanges[index].table)
        tables[slot].exchangeCount -= 1
        if slot != currentTable { releaseTable(slot) }
        exchanges.retire(index)
    }
}
