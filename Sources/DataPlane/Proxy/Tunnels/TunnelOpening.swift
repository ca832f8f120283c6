import Balancing
import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Routing
import TLS
import Telemetry

// A connection whose rule is known: what the rule says of its client, TLS taken off where it says so, and the way to an
// endpoint, which is that of requests (`UpstreamConnection`, `Balancing`, `Holding`).

extension Worker {
    /// Begins the exchange that opens a tunnel for a client's connection.
    func openTunnel(_ client: UInt32, _ id: RouteID) {
        tally.transports.tunnels.add()
        var exchange = Exchange(
            client: client, table: UInt32(currentTable), poolTable: UInt32(currentTable), method: .other,
            version: .http11, clientPersists: false, requestBody: BodyProgress(.untilClose),
            headBegan: connections[client].waitingSince, began: loop.now, bodyLimit: 0)
        exchange.opening = .connecting
        exchange.route = UInt32(id.index)
        guard let token = exchanges.admit(exchange) else {
            tally.shed.add()
            return closeClient(client)
        }
        let index = token.index
        tables[currentTable].exchangeCount += 1
        connections[client].phase = .exchanging
        connections[client].exchange = index
        loop.timers.clear(client)
        tally.rules.add(.inFlight, of: id.number)
        let view = tables[currentTable].view
        let route = view.route(id)
        if route.hasOptions {
            let options = view.options(of: route)
            exchanges[index].rules = options.flags
            noteAsker(index)
            if options.flags.contains(.accessList), !admits(index, options) { return }
        }
        if view.transport(of: route).terminates { return takeOffTLS(index) }
        findEndpoint(index)
    }

    /// TLS is spoken with us: the route was chosen by what its ClientHello says, which is still in the socket.
    private func takeOffTLS(_ index: UInt32) {
        let client = exchanges[index].client
        let revision = tables[currentTable].revision
        let contexts = revision?.connectionTLS[exchanges[index].route]?.server ?? revision?.contexts
        guard let contexts, let session = TLSSession.accept(contexts, descriptor: connections[client].socket) else {
            tally.handshakeFailures.add()
            return answer(index, .overloaded)
        }
        connections[client].session = session
        connections[client].phase = .handshaking
        loop.timers.set(client, at: loop.now &+ tunables.handshake)
        if connections[client].isReadable { continueHandshake(client) }
    }

    /// The handshake of a tunnel's client is done, or it needs none.
    func findEndpoint(_ index: UInt32) {
        // Endpoints may have come and gone during the handshake.
        moveOn(index)
        let route = poolView(index).route(RouteID(number: exchanges[index].route))
        setExchangeDeadline(index)
        let count = route.endpointCount
        guard count > 0 || route.isHolding && heldUntil(index, .noEndpoint) != nil else {
            return answer(index, .noEndpoint)
        }
        guard enterPool(index) else { return answer(index, .poolBusy) }
        if route.hasPlan {
            let pool = poolView(index).pool(of: route)
            exchanges[index].hasPlan = true
            exchanges[index].asksLeave = pool.asksLeave
            if pool.key != .none {
                let (high, low) = connections[exchanges[index].client].peer.words
                exchanges[index].turn.key = folded(folded(0, high), low)
            }
        } else if count > 0 {
            var candidates = Candidates(count: count, cursor: &cursors[route.id.index])
            exchanges[index].firstCandidate = UInt32(candidates.next() ?? 0)
        }
        if count > 1 || route.isHolding { planRetries(index, route, route.id) }
        approach(index, headOfTunnel(index))
    }

    /// The handshake with a tunnel's client has failed.
    func failHandshake(_ client: UInt32) {
        let exchange = connections[client].exchange
        guard exchange != Connection.nobody else { return closeClient(client) }
        connections[client].phase = .exchanging
        abort(exchange, .clientClosed)
    }

    /// Ends an exchange that opens a tunnel and cannot: nobody says so to the client in words it would understand.
    func refuseTunnel(_ index: UInt32, _ answer: Answer) {
        let client = exchanges[index].client
        tally.count(answer)
        exchanges[index].answered = answer
        exchanges[index].status = UInt16(truncatingIfNeeded: answer.status)
        if exchanges[index].end == .complete { exchanges[index].end = .answered }
        releaseUpstream(index, canPool: false)
        account(index)
        end(index)
        connections[client].session?.shutdown()
        closeClient(client)
    }

    /// The endpoint has all it is to have before the client's bytes: from here on it is a tunnel.
    func beginTunnel(_ index: UInt32) {
        let (client, upstream) = (exchanges[index].client, exchanges[index].upstream)
        let (route, endpoint) = (exchanges[index].route, exchanges[index].endpoint)
        let held = exchanges[index].hold.since
        let connected = exchanges[index].connected
        let table = tables[Int(exchanges[index].poolTable)].revision?.table
        guard let table, let hold = table.hold(of: RouteID(number: route)) else {
            preconditionFailure("a tunnel without a rule")
        }
        let tunnel = Tunnel(
            client: client, upstream: upstream, route: route, endpoint: endpoint, hold: heldRules.take(hold),
            attempts: UInt16(clamping: exchanges[index].attempts), hasPlan: exchanges[index].hasPlan,
            began: exchanges[index].headBegan, deadline: exchanges[index].deadline,
            idle: allowance(.tunnelIdle, index),
            heldTime: held == 0 ? 0 : UInt32(clamping: (exchanges[index].chosen &- held) / 1_000),
            connectTime: UInt32(clamping: (connected &- min(exchanges[index].chosen, connected)) / 1_000))
        guard let token = tunnels.admit(tunnel) else {
            heldRules.give(tunnel.hold)
            tally.shed.add()
            return answer(index, .overloaded)
        }
        if exchanges[index].pass != .none { giveBackPass(index, .answered) }
        if exchanges[index].hasPlan {
            loads[Int(endpoint)].latency.observe(UInt64(tunnel.connectTime) &* 1_000, at: loop.now)
        }
        releaseOutput(upstream)
        if !mysqlQuestions.isEmpty { mysqlQuestions[client] = nil }
        end(index)
        for connection in [client, upstream] {
            connections[connection].phase = .tunnelling
            connections[connection].exchange = token.index
        }
        tally.transports.tunnelsOpen.add()
        loop.timers.clear(client)
        loop.timers.set(upstream, at: min(loop.now &+ tunnel.idle, tunnel.deadline))
        pumpTunnel(token.index)
    }
}
