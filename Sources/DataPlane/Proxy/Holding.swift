import Balancing
import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Routing
import Telemetry

// Exchanges that wait instead of being answered 502 or 503: while their rule has no endpoint, while none of its
// endpoints takes a connection, while all of them are full. The serialised request waits with the exchange; no upstream
// is there. What is left of the client's body stays where it is, in the kernel if it is long.
//
// An outage of a rule begins when it loses its last endpoint, or when the first connect fails everywhere, and ends with
// the next connect that comes about. Requests are held while it lasts, but no longer than the rule's `time` from its
// beginning: so an outage costs its clients that much in all, and whoever asks a dead service an hour later is told so
// at once. A rule that wakes containers holds each request for its own time from its arrival.
//
//     Holding          who is held, for how long, what is answered afterwards
//     Holding+Lines    who goes on, and when; what another revision changes

/// How an exchange is held.
struct Hold: BitwiseCopyable {
    enum Cause: UInt8 {
        /// It is not held.
        case none
        case noEndpoint, refused, connectTimeout
        /// Every endpoint has as many exchanges as it may.
        case full
        /// Its only endpoint closed under it more than once: it asks again after a pause, on its own and in no line.
        case closed
    }

    /// Not ``Cause/none`` until it has a connection, also while it tries to get one.
    var cause = Cause.none
    /// Its rule had no endpoint at one time, so that containers may have been asked for.
    var wasDeserted = false
    /// It was let go and has no connection yet: it counts in the route's window.
    var isLetGo = false
    /// Its place in the route's line, which it leaves while it tries.
    var isInLine = false
    var seat = WaitingLine.Seat()
    /// Nanoseconds of the monotonic clock: since when it is held, 0 for one that never was; and when that is over.
    var since: UInt64 = 0
    var until: UInt64 = 0
}

extension Worker {
    /// Holds an exchange whose request `head` begins: nothing of it was sent. `false`: it is not to be held, and
    /// nothing was changed; otherwise it waits, or was answered because too many do or it has waited long enough.
    ///
    /// - Parameter hasTried: its own attempt found it so, and not that of somebody who waits already.
    func hold(_ index: UInt32, _ head: Buffer, _ cause: Hold.Cause, hasTried: Bool) -> Bool {
        if hasTried, cause != .full { noteOutage(index, cause) }
        guard let until = heldUntil(index, cause) else {
            guard exchanges[index].hold.cause != .none else { return false }
            // Its last try, and its time ended meanwhile.
            exchanges[index].hold.cause = cause
            exchanges[index].chosen = 0
            buffers.give(head)
            giveUp(index)
            return true
        }
        guard let seat = takeSeat(index, cause) else {
            buffers.give(head)
            answer(index, cause == .full ? .poolBusy : .tooManyHeld)
            return true
        }
        leaveWindow(index, cause == .full ? .left : .failed)
        leavePoolCount(index)
        let isFirst = exchanges[index].hold.since == 0
        if exchanges[index].hold.cause == .none { countHeld(index, cause) }
        exchanges[index].hold.seat = seat
        exchanges[index].hold.isInLine = true
        exchanges[index].hold.cause = cause
        exchanges[index].hold.until = until
        if cause == .noEndpoint { exchanges[index].hold.wasDeserted = true }
        exchanges[index].held.head = head
        exchanges[index].requestPhase = .held
        (exchanges[index].chosen, exchanges[index].connected) = (0, 0)
        if isFirst { beginHolding(index) }
        setHoldDeadline(index)
        planNextTry(index, cause, hasTried: hasTried)
        return true
    }

    /// Holds an exchange whose request may be sent again, for so many nanoseconds; then it looks for an upstream anew.
    func holdBack(_ index: UInt32, _ head: Buffer, for pause: UInt64) {
        if exchanges[index].hold.cause == .none { countHeld(index, .closed) }
        exchanges[index].hold.cause = .closed
        exchanges[index].hold.until = loop.now &+ pause
        exchanges[index].held.head = head
        exchanges[index].requestPhase = .held
        (exchanges[index].chosen, exchanges[index].connected) = (0, 0)
        if exchanges[index].hold.since == 0 { beginHolding(index) }
        setHoldDeadline(index)
    }

    /// The exchange is held for the first time.
    private func beginHolding(_ index: UInt32) {
        let client = exchanges[index].client
        releaseInputIfEmpty(client)
        exchanges[index].hold.since = loop.now
        if connections[client].peerFinished { askHalfClosed(index) }
    }

    /// How requests of the exchange's route are held, as its endpoints' revision says.
    func holding(_ index: UInt32) -> RouteHolding? {
        let view = tables[Int(exchanges[index].poolTable)].view
        return view.holding(of: view.route(RouteID(number: exchanges[index].route)))
    }

    /// Until when the exchange may be held; `nil`: it is answered.
    func heldUntil(_ index: UInt32, _ cause: Hold.Cause) -> UInt64? {
        let hold = exchanges[index].hold
        let since = hold.since == 0 ? loop.now : hold.since
        var until: UInt64 = 0
        switch cause {
        case .none, .closed: preconditionFailure("an exchange is held for nothing")
        case .full: until = since &+ queue(index).timeout
        case .noEndpoint, .refused, .connectTimeout:
            guard let holding = holding(index) else { return nil }
            if let outage = heldRoutes[exchanges[index].route]?.outage {
                // From one outage to the next nobody waits longer than in one.
                until = min(outage, since) &+ holding.time
            }
            if holding.wake > 0, cause == .noEndpoint || hold.wasDeserted { until = max(until, since &+ holding.wake) }
        }
        return until > loop.now ? until : nil
    }

    /// The line before the exchange's pool when all of it is full; of size 0 where nobody waits.
    func queue(_ index: UInt32) -> RouteQueue {
        guard exchanges[index].hasPlan else { return RouteQueue.none }
        let view = tables[Int(exchanges[index].poolTable)].view
        return view.pool(of: view.route(RouteID(number: exchanges[index].route))).queue
    }

    private func takeSeat(_ index: UInt32, _ cause: Hold.Cause) -> WaitingLine.Seat? {
        let number = exchanges[index].route
        let limit = cause == .full ? queue(index).size : holding(index)?.limit ?? 0
        heldRoutes[number, default: HeldRoute()].line.capacity = limit
        // Who has waited already and tried in vain is the first again.
        guard exchanges[index].hold.cause == .none else {
            heldCount += 1
            return heldRoutes[number]?.line.rejoin(index)
        }
        guard let seat = heldRoutes[number]?.line.join(index, now: loop.now) else {
            forgetRouteIfIdle(number)
            return nil
        }
        heldCount += 1
        return seat
    }

    private func countHeld(_ index: UInt32, _ cause: Hold.Cause) {
        tally.holding.now.add()
        if cause == .full { tally.holding.queued.add() } else { tally.holding.held.add() }
    }

    // MARK: Deadlines

    private func setHoldDeadline(_ index: UInt32) {
        let until = min(exchanges[index].hold.until, exchanges[index].deadline, pageTime(index))
        loop.timers.set(exchanges[index].client, at: until)
    }

    /// When the client gets a page that asks again by itself, in nanoseconds of the monotonic clock: whoever looks at a
    /// browser knows then that the site is about to come. A program waits on: what it gets has to be the answer to
    /// what it asked.
    private func pageTime(_ index: UInt32) -> UInt64 {
        let method = exchanges[index].method
        guard exchanges[index].takesPages, method == .get || method == .head, exchanges[index].requestPhase == .held,
            !exchanges[index].wantsUpgrade, exchanges[index].requestBody.isFinished,
            let holding = holding(index), holding.page > 0
        else { return .max }
        return exchanges[index].hold.since &+ holding.page
    }

    /// A deadline of an exchange that is held, or tries to get a connection after it was.
    func holdTimedOut(_ index: UInt32) {
        if exchanges[index].hold.cause == .closed, loop.now >= exchanges[index].hold.until,
            let head = exchanges[index].held.head
        {
            exchanges[index].held.head = nil
            exchanges[index].requestPhase = .streaming
            return lookAnew(index, head)
        }
        guard loop.now < exchanges[index].hold.until else { return giveUp(index) }
        guard loop.now < pageTime(index) else { return answer(index, .waiting) }
        setHoldDeadline(index)
    }

    /// It was held as long as it may be: answered as it would have been at first.
    private func giveUp(_ index: UInt32) {
        let cause = exchanges[index].hold.cause
        exchanges[index].end = cause == .full ? .queueTimeout : .holdTimeout
        if cause == .full { tally.holding.queueTimeouts.add() } else { tally.holding.givenUp.add() }
        answer(index, Answer(cause))
    }

    // MARK: The end of it

    /// The exchange has a connection.
    func endHolding(_ index: UInt32, hasDialled: Bool) {
        leaveWindow(index, hasDialled ? .cameAbout : .left)
        exchanges[index].hold.cause = .none
        tally.holding.now.subtract()
        tally.holding.served.add()
        loop.timers.clear(exchanges[index].client)
        // Where one got in, others may.
        releaseLine(exchanges[index].route)
    }

    /// The exchange that was held ends: its place is another's, and so are its buffer and its hold on a second table.
    func leaveHolding(_ index: UInt32) {
        if exchanges[index].hold.cause != .none {
            exchanges[index].hold.cause = .none
            tally.holding.now.subtract()
        }
        if exchanges[index].hold.isLetGo {
            leaveWindow(index, .left)
            // It may have been the one for whose connection the others wait.
            noteFreed(exchanges[index].route)
        }
        if exchanges[index].hold.isInLine {
            exchanges[index].hold.isInLine = false
            heldCount -= 1
            heldRoutes[exchanges[index].route]?.line.leave(exchanges[index].hold.seat)
            forgetRouteIfIdle(exchanges[index].route)
        }
        if let head = exchanges[index].held.head {
            exchanges[index].held.head = nil
            buffers.give(head)
        }
        letPoolTableGo(index)
    }

    /// The exchange's second table, where it has one, is let go.
    func letPoolTableGo(_ index: UInt32) {
        let slot = exchanges[index].poolTable
        guard slot != exchanges[index].table else { return }
        exchanges[index].poolTable = exchanges[index].table
        tables[Int(slot)].exchangeCount -= 1
        releaseTable(Int(slot))
    }
}

extension Answer {
    /// What is answered to what was held too long.
    init(_ cause: Hold.Cause) {
        switch cause {
        case .none, .noEndpoint: self = .noEndpoint
        case .refused: self = .connectFailed
        case .connectTimeout: self = .connectTimeout
        case .full: self = .queueTimeout
        case .closed: self = .upstreamClosed
        }
    }
}
