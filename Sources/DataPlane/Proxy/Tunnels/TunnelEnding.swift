import Bytes
import Contract
import Engine
import Kernel
import Routing
import TLS
import Telemetry

// How tunnels end, what is counted, and the record.

extension Worker {
    /// The first that comes of an endpoint says whether it is well: one that takes connections, and ends them without
    /// a word to who has spoken, is not.
    func judgeEndpoint(_ index: UInt32, _ passage: Passage) {
        if tunnels[index].sent > 0 {
            tunnels[index].isJudged = true
            return judgeTunnel(index, .answered)
        }
        let hasEnded = passage == .sourceFailed || passage == .ended && !tunnels[index].clientEnded
        guard hasEnded, tunnels[index].received > 0 else { return }
        tunnels[index].isJudged = true
        tally.endpoints.add(.failures, of: tunnels[index].endpoint)
        judgeTunnel(index, .failed)
    }

    /// What an attempt says of its endpoint, by the rule of the current revision.
    private func judgeTunnel(_ index: UInt32, _ end: AttemptEnd) {
        let (id, endpoint) = (RouteID(number: tunnels[index].route), tunnels[index].endpoint)
        let view = tables[currentTable].view
        guard tunnels[index].hasPlan, view.contains(id), view.contains(EndpointID(number: endpoint)) else { return }
        let route = view.route(id)
        guard route.hasPlan else { return }
        let pool = view.pool(of: route)
        if pool.ejects { judgeForEjection(endpoint, end == .failed, pool, view, route) }
    }

    /// Ends a tunnel in the middle: neither side may take what it got for all there is.
    func cutTunnel(_ index: UInt32, _ cause: EndCause) {
        switch cause {
        case .clientClosed:
            tally.clientAborts.add()
            Socket.setReset(connections[tunnels[index].upstream].socket)
        case .upstreamClosed:
            tally.upstreamAborts.add()
            Socket.setReset(connections[tunnels[index].client].socket)
        case .complete, .answered, .upstreamMalformed, .drained, .bodyIdleTimeout, .connectTimeout, .firstByteTimeout,
            .responseIdleTimeout, .tunnelIdleTimeout, .totalTimeout, .responseStuckTimeout, .holdTimeout,
            .queueTimeout:
            break
        }
        endTunnel(index, cause)
    }

    func endTunnel(_ index: UInt32, _ cause: EndCause) {
        let tunnel = tunnels[index]
        tally.count(cause)
        tally.transports.tunnelsOpen.subtract()
        tally.transports.receivedBytes.add(tunnel.received)
        tally.transports.sentBytes.add(tunnel.sent)
        tally.rules.subtract(.inFlight, of: tunnel.route)
        // How long a tunnel stood says nothing of how fast its rule is.
        tally.rules.finish(
            tunnel.route, status: 200, received: tunnel.received, sent: tunnel.sent, duration: nil)
        tally.endpoints.finish(
            tunnel.endpoint, status: 200, received: tunnel.received, sent: tunnel.sent,
            duration: UInt64(tunnel.connectTime) &* 1_000)
        recordTunnel(tunnel, cause)
        leaveEndpoint(tunnel.endpoint, of: tunnel.route, hasPlan: tunnel.hasPlan)
        if heldCount > 0 { noteFreed(tunnel.route) }
        closeUpstream(tunnel.upstream)
        closeClient(tunnel.client)
        heldRules.give(tunnel.hold)
        tunnels.retire(index)
    }

    // MARK: Records

    private func recordTunnel(_ tunnel: Tunnel, _ cause: EndCause) {
        guard writesRecords else { return }
        let weight = cause == .complete ? takeWeight() : 1
        guard weight > 0 else { return }
        let record = openConnectionRecord(tunnel.client, tunnel.received, tunnel.sent)
        guard recordFormat == .json else { return emit(record) }
        append(rule: heldRules[tunnel.hold].name.span, record)
        record.append(",\"endpoint\":\"")
        append(connections[tunnel.upstream].peer, to: record)
        record.append(UInt8(ascii: ":"))
        record.append(decimal: UInt64(connections[tunnel.upstream].peer.port))
        record.append("\",\"received\":")
        record.append(decimal: tunnel.received)
        record.append(",\"sent\":")
        record.append(decimal: tunnel.sent)
        if tunnel.attempts > 1 {
            record.append(",\"attempts\":")
            record.append(decimal: UInt64(tunnel.attempts))
        }
        appendWeight(weight, record)
        if tunnel.heldTime > 0 {
            record.append(",\"held_us\":")
            record.append(decimal: UInt64(tunnel.heldTime))
        }
        record.append(",\"connect_us\":")
        record.append(decimal: UInt64(tunnel.connectTime))
        append(total: tunnel.began, cause, cause.party, .body, nil, record)
        emit(record)
    }

    /// Of an exchange that was to open a tunnel and did not.
    func recordTunnelAttempt(_ index: UInt32) {
        countEnd(index)
        guard writesRecords else { return }
        let record = openConnectionRecord(exchanges[index].client, 0, 0)
        guard recordFormat == .json else { return emit(record) }
        let view = tables[Int(exchanges[index].table)].view
        append(rule: view.name(of: view.route(RouteID(number: exchanges[index].route))), record)
        if exchanges[index].attempts > 0 {
            record.append(",\"attempts\":")
            record.append(decimal: UInt64(exchanges[index].attempts))
        }
        let answer = exchanges[index].answered
        let party = answer?.verdict.by ?? exchanges[index].end.party
        append(
            total: exchanges[index].headBegan, exchanges[index].end, party, exchanges[index].step,
            answer?.verdict.reason, record)
        emit(record)
    }

    /// Of a connection that no rule is there for.
    func recordUnroutedConnection(_ client: UInt32) {
        guard writesRecords else { return }
        let record = openConnectionRecord(client, 0, 0)
        guard recordFormat == .json else { return emit(record) }
        append(
            total: connections[client].waitingSince, .answered, .proxy, .route, Answer.noRoute.verdict.reason, record)
        emit(record)
    }

    /// Who came to which listener, and by what name. In combined format that is all of it: a request line of no
    /// request, with 200 and the bytes.
    private func openConnectionRecord(_ client: UInt32, _ received: UInt64, _ sent: UInt64) -> Buffer {
        let record = buffers.take(.small)
        let name = serverNames[client] ?? []
        guard recordFormat == .json else {
            openCombined(connections[client].peer, record)
            record.append("TCP ")
            let listener = listeners[Int(connections[client].listener)].name
            record.append(quotable: name.isEmpty ? listener.span : name.span, leaving: RecordRoom.host)
            record.append("\" 200 ")
            record.append(decimal: sent)
            record.append(" \"-\" \"-\"\n")
            return record
        }
        openRecord(client, connections[client].peer, record)
        record.append(",\"protocol\":\"tcp\"")
        if let session = connections[client].session { appendTLS(session, record) }
        if !name.isEmpty {
            record.append(",\"server_name\":\"")
            record.append(json: name.span, leaving: RecordRoom.target)
            record.append("\"")
        }
        return record
    }

    private func append(rule name: Span<UInt8>, _ record: Buffer) {
        guard record.room >= name.count + RecordRoom.ending + 16 else { return }
        record.append(",\"rule\":\"")
        record.append(name)
        record.append("\"")
    }

    private func append(
        total began: UInt64, _ cause: EndCause, _ party: Party?, _ step: Step, _ reason: StaticString?,
        _ record: Buffer
    ) {
        record.append(",\"total_us\":")
        record.append(decimal: (loop.now &- began) / 1_000)
        record.append(",\"end\":\"")
        record.append(cause.name)
        guard cause != .complete else { return record.append("\"}\n") }
        record.append("\",\"by\":\"")
        record.append((party ?? .proxy).name)
        record.append("\",\"step\":\"")
        record.append(step.name)
        if let reason {
            record.append("\",\"reason\":\"")
            record.append(reason)
        }
        record.append("\"}\n")
    }
}
