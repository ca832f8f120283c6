import Balancing
import Engine
import Kernel
import Routing
import Telemetry

// A session goes to another endpoint when its own has left the rule, has refused a datagram, or is thought to be
// sick; at the client's next datagram, when it is known that the client still wants something.

extension Worker {
    /// Nanoseconds until it is tried again where no other endpoint was better.
    private static let movePause: UInt64 = 1_000_000_000
    /// What is thought of an endpoint that sessions leave.
    private static var movingBars: EndpointLoad.Bars { [.unhealthy, .ejected, .broken] }

    @inline(__always)
    func wantsMove(_ index: UInt32) -> Bool {
        guard book.sessions[index].terms.orphans == .move, loop.now >= book.sessions[index].movesAgain,
            book.sessions[index].route != Session.nobody
        else { return false }
        return mustMove(index) || !loads[Int(book.sessions[index].endpoint)].bars.isDisjoint(with: Self.movingBars)
    }

    /// Where it is it gets no answer.
    @inline(__always)
    private func mustMove(_ index: UInt32) -> Bool {
        book.sessions[index].endpoint == Session.nobody || book.sessions[index].isRefused
            || book.sessions[index].isOrphan
    }

    /// `false`: there is nobody else, and it stays where it is for a while.
    @inline(never)
    @discardableResult
    func moveSession(_ index: UInt32) -> Bool {
        book.sessions[index].movesAgain = loop.now &+ Self.movePause
        let view = tables[currentTable].view
        let id = RouteID(number: book.sessions[index].route)
        guard view.contains(id) else { return false }
        let route = view.route(id)
        let (old, connection) = (book.sessions[index].endpoint, book.sessions[index].connection)
        guard let choice = chooseEndpoint(for: book.sessions[index], view, route, without: old) else { return false }
        if !mustMove(index), !loads[Int(choice.endpoint)].bars.isDisjoint(with: Self.movingBars) {
            // In a pool where all are thought to be sick, going from one to the other helps nobody.
            returnPass(choice, .neither, view, route)
            return false
        }
        // Should there be no socket for it, it has none at all: whoever was left is of no use to it.
        leaveEndpoint(session: index)
        guard dial(index, choice, view, route) else {
            book.sessions[index].isOrphan = true
            return false
        }
        release(connection)
        tally.datagrams.moved.add()
        return true
    }

    /// Nobody listens at the session's endpoint, as the kernel has been told.
    func refused(_ index: UInt32) {
        tally.datagrams.refused.add()
        let number = book.sessions[index].endpoint
        if number != Session.nobody { tally.endpoints.add(.failures, of: number) }
        judgeSession(index, .failed)
        book.sessions[index].isRefused = true
    }

    /// Nobody is there for a rule whose containers can be started: they are asked for, at most once a second.
    func wakeEndpoints(_ view: RouteView, _ route: Route) {
        guard let holding = view.holding(of: route), holding.wake > 0, loop.now >= nextSessionWake else { return }
        nextSessionWake = loop.now &+ HeldRoute.wakePause
        tally.holding.wakes.add()
        if let name = tables[currentTable].revision?.table.name(of: route.id) { notify(.wake(rule: name)) }
    }
}
