import Engine
import Telemetry

@testable import Proxy

/// A world's run from beginning to end, and what must be true of it.
struct Day {
    private(set) var faults: [String] = []

    init(_ world: World) throws {
        try world.run()
        faults = world.faults
        if faults.isEmpty, !world.plan.drainsEarly { checkBooks(Books(world.worker)) }
        try world.finish()
        faults = faults.isEmpty ? world.faults : faults
        guard faults.isEmpty else { return }
        for client in world.clients {
            if let complaint = client.complaint(drained: world.plan.drainsEarly) {
                faults.append("\(client.name) \(complaint)")
            }
        }
        checkEnd(world)
        checkTally(world)
    }

    /// Everybody is gone, and the worker knows.
    private mutating func checkBooks(_ books: Books) {
        // The text of request IDs and the second in the log are all that it keeps.
        let isClean =
            books.clients == 0 && books.exchanges == 0 && books.pooled == 0 && books.tableHolds == 0
            && books.inFlight == 0 && books.resumable == 0 && books.tables == 1
            && books.miscounted == 0 && books.trials == 0
        if !isClean || books.connections != 2 || books.buffers > 2 { faults.append("left over: \(books)") }
    }

    private mutating func checkEnd(_ world: World) {
        let books = Books(world.worker)
        if books.clients != 0 || books.exchanges != 0 || books.inFlight != 0 { faults.append("drained, but \(books)") }
        let tally = world.worker.tally
        if tally.clientsOpen.current != 0 { faults.append("\(tally.clientsOpen.current) clients are counted as open") }
    }

    private mutating func checkTally(_ world: World) {
        let tally = world.worker.tally
        func expect(_ isSo: Bool, _ what: @autoclosure () -> String) { if !isSo { faults.append(what()) } }
        let classes = [
            tally.status2xx.current, tally.status3xx.current, tally.status4xx.current, tally.status5xx.current,
        ]
        let requests = tally.requests.current
        let seen = world.clients.reduce(0) { $0 + $1.told.reduce(0) { $0 + $1.count } }
        expect(
            requests >= UInt64(world.requestsSeen) - min(tally.upstreamRetries.current, UInt64(world.requestsSeen)),
            "\(requests) requests are counted, upstreams saw \(world.requestsSeen)")
        guard world.plan.isPeaceful else { return }
        let all = world.clients.flatMap(\.plan.exchanges)
        let tunnels = all.count(where: \.isTunnel)
        expect(requests == UInt64(all.count), "\(requests) requests are counted, \(all.count) were made")
        expect(tally.tunnels.current == UInt64(tunnels), "\(tally.tunnels.current) tunnels, \(tunnels) were made")
        expect(
            classes.reduce(0, +) + tally.tunnels.current == requests,
            "\(requests) requests, but \(classes) answers of each class")
        expect(classes[3] == 0, "\(classes[3]) answers of 5xx to those who behave")
        expect(
            tally.responseBytes.current == UInt64(seen),
            "\(tally.responseBytes.current) bytes of responses are counted, clients have \(seen)")
        if !all.contains(where: \.answer.isEarly) {
            expect(
                tally.requestBytes.current == UInt64(world.requestBytes),
                "\(tally.requestBytes.current) bytes of requests are counted, upstreams have \(world.requestBytes)")
        }
        let troubles = [
            tally.clientAborts.current, tally.clientTimeouts.current, tally.upstreamTimeouts.current,
            tally.upstreamMalformed.current,
        ]
        expect(troubles.allSatisfy { $0 == 0 }, "troubles of the peaceful: \(troubles)")
    }

    static func summary(_ world: World) -> String {
        let tally = world.worker.tally
        return "\(world.clients.count) clients, \(world.upstreams.count) connections to upstreams, "
            + "\(tally.requests.current) requests, \(world.clients.reduce(0) { $0 + $1.servedCount }) served, "
            + "\(world.worker.bytesMoved) bytes, \(world.changeCount) changes, \(world.turnCount) turns and "
            + "\(world.peerTurnCount) of peers, \((world.simulation.now - World.start) / 1_000_000) ms"
    }
}
