import Balancing
import Bytes
import Engine
import HTTP
import Kernel
import Routing
import Telemetry

// Who of those that are held goes on, and when. The first in a line tries for all: a service that is starting sees one
// connect after a pause, not as many as there are clients. When a connect comes about the others follow in the order in
// which they came, some at a time. Who comes meanwhile goes to the end of the line.

/// What a worker knows of a route that has an outage, or whose exchanges are held.
struct HeldRoute {
    /// Since when none of its endpoints has taken a connection; `nil`: no outage.
    var outage: UInt64?
    /// When an exchange met it last.
    var noted: UInt64 = 0
    /// It got an endpoint in the outage: should that one fail too when the time is over, it has a time of its own.
    var isRenewed = false
    /// Who waits, by exchange. Deadlines are the clients' own.
    var line = WaitingLine(capacity: 0, patience: .max)
    /// Why the last one was held.
    var cause = Hold.Cause.none
    /// When the first in line tries, nanoseconds of the monotonic clock; and how long after the next failure.
    var nextTry = UInt64.max
    var pause = HeldRoute.firstPause
    /// Those in line go on, as many at a time as the window lets.
    var isReleasing = false
    var window = ReleaseWindow()
    /// When somebody went on last.
    var lastOut: UInt64 = 0
    /// When containers were last asked for.
    var woken: UInt64 = 0
    /// It is in the worker's list of routes to look after.
    var isTended = false

    /// Nanoseconds between two tries: doubled from the first to the longest.
    static let firstPause: UInt64 = 50_000_000
    static let longestPause: UInt64 = 500_000_000
    /// Nanoseconds between two wishes for a rule's containers.
    static let wakePause: UInt64 = 1_000_000_000
    /// Exchanges of one line that go on in one turn, before others get theirs.
    static let batch = 64
}

extension Worker {
    /// An exchange that begins, while others wait for the same endpoints: it goes behind them. `false`: nobody waits.
    @inline(never)
    func joinsLine(_ index: UInt32, _ head: Buffer) -> Bool {
        let number = exchanges[index].route
        guard heldRoutes[number]?.line.isEmpty == false, let cause = heldRoutes[number]?.cause else { return false }
        return hold(index, head, cause, hasTried: false)
    }

    /// No endpoint of the exchange's route takes a connection, or all are barred.
    func noteOutage(_ index: UInt32, _ cause: Hold.Cause) {
        let number = exchanges[index].route
        // When there are none the outage began with the revision that took the last one.
        guard let holding = holding(index), cause != .noEndpoint || hasEndpoints(number) else { return }
        let route = heldRoutes[number]
        let isOver = route?.outage.map { loop.now &- $0 >= holding.time } ?? true
        // Bars go without a connect that would say so: an outage that nobody has met for its whole time is over.
        let isForgotten = cause == .noEndpoint && route.map { loop.now &- $0.noted >= holding.time } ?? true
        if route?.outage == nil || route?.isRenewed == true && isOver || isForgotten {
            heldRoutes[number, default: HeldRoute()].outage = loop.now
            heldRoutes[number]?.pause = HeldRoute.firstPause
        }
        heldRoutes[number]?.noted = loop.now
        heldRoutes[number]?.isRenewed = false
    }

    /// A connect to an endpoint of the route came about: what outage it had is over. Not so where the endpoint is one
    /// that the current revision has no more.
    @inline(never)
    func endOutage(_ number: UInt32) {
        guard heldRoutes[number]?.outage != nil, hasEndpoints(number) else { return }
        heldRoutes[number]?.outage = nil
        heldRoutes[number]?.pause = HeldRoute.firstPause
        releaseLine(number)
        forgetRouteIfIdle(number)
    }

    /// An exchange of the route has left its endpoint, which may have been full.
    @inline(never)
    func noteFreed(_ number: UInt32) {
        if heldRoutes[number]?.cause == .full || heldRoutes[number]?.isReleasing == true { releaseLine(number) }
    }

    /// Endpoints were found well again: whoever waits for one of them need not wait for the next try.
    private func releaseRecovered() {
        let view = tables[currentTable].view
        for number in heldRoutes.keys.sorted() where hasEndpoints(number) {
            let list = view.endpoints(of: view.route(RouteID(number: number)))
            if (0..<list.count).contains(where: { recovered.contains(list[$0].number) }) { releaseLine(number) }
        }
        recovered.removeAll()
    }

    func releaseLine(_ number: UInt32) {
        guard heldRoutes[number]?.line.isEmpty == false else { return }
        heldRoutes[number]?.isReleasing = true
        tend(number, at: loop.now)
    }

    func forgetRouteIfIdle(_ number: UInt32) {
        guard let route = heldRoutes[number], route.line.isEmpty, route.outage == nil, !route.isTended,
            route.window.out == 0
        else { return }
        heldRoutes[number] = nil
    }

    /// Has the route looked after at a time of the monotonic clock, or sooner.
    private func tend(_ number: UInt32, at time: UInt64) {
        guard let route = heldRoutes[number] else { return }
        heldRoutes[number]?.nextTry = min(route.nextTry, time)
        nextTend = min(nextTend, time)
        guard !route.isTended else { return }
        heldRoutes[number]?.isTended = true
        tended.append(number)
    }

    /// The exchange was put into its line: when somebody of it tries.
    func planNextTry(_ index: UInt32, _ cause: Hold.Cause, hasTried: Bool) {
        let number = exchanges[index].route
        guard let route = heldRoutes[number] else { return }
        heldRoutes[number]?.cause = cause
        // Its revision is not the current one, which may have other endpoints.
        if hasEndpoints(number), exchanges[index].poolTable != UInt32(currentTable) {
            return tend(number, at: loop.now)
        }
        switch cause {
        case .none, .closed: return
        case .noEndpoint where !hasEndpoints(number):
            guard let holding = holding(index), holding.wake > 0 else { return }
            // What has just gone is being replaced, most likely: starting it would be in somebody's way.
            tend(number, at: max(loop.now, route.outage.map { $0 &+ holding.time } ?? 0))
        case .noEndpoint, .refused, .connectTimeout, .full:
            guard hasTried else { return }
            heldRoutes[number]?.isReleasing = false
            // The doubled pause is for the try after this one.
            heldRoutes[number]?.nextTry = .max
            tend(number, at: loop.now &+ route.pause)
            heldRoutes[number]?.pause = min(2 &* route.pause, HeldRoute.longestPause)
        }
    }

    /// Whether the current revision has somebody to ask for the route.
    private func hasEndpoints(_ number: UInt32) -> Bool {
        let view = tables[currentTable].view
        let id = RouteID(number: number)
        return view.contains(id) && view.route(id).endpointCount > 0
    }

    // MARK: Each turn

    /// Looks after the routes for which it is time.
    @inline(never)
    func tendRoutes() {
        if hasFreedEndpoint {
            hasFreedEndpoint = false
            for number in heldRoutes.keys.sorted() { noteFreed(number) }
        }
        if !roomy.isEmpty { redialStalled() }
        if !recovered.isEmpty { releaseRecovered() }
        let routes = tended
        tended.removeAll(keepingCapacity: true)
        nextTend = .max
        for number in routes { tendRoute(number) }
    }

    private func tendRoute(_ number: UInt32) {
        guard let due = heldRoutes[number]?.nextTry else { return }
        heldRoutes[number]?.isTended = false
        guard due < .max else { return forgetRouteIfIdle(number) }
        guard due <= loop.now else { return tend(number, at: due) }
        heldRoutes[number]?.nextTry = .max
        guard heldRoutes[number]?.line.isEmpty == false else {
            heldRoutes[number]?.isReleasing = false
            return forgetRouteIfIdle(number)
        }
        guard hasEndpoints(number) else {
            heldRoutes[number]?.isReleasing = false
            return wake(number)
        }
        if heldRoutes[number]?.isReleasing == true {
            for _ in 0..<HeldRoute.batch {
                // A try that failed at once has stopped it.
                guard maySetOut(number), tryFirst(number) else { break }
            }
            guard heldRoutes[number]?.line.isEmpty == false else {
                heldRoutes[number]?.isReleasing = false
                return forgetRouteIfIdle(number)
            }
            // Where there is no room, the next connect that comes about or the next response goes on with it.
            if heldRoutes[number]?.isReleasing == true {
                tend(number, at: maySetOut(number) ? loop.now : loop.now &+ HeldRoute.firstPause)
            }
        } else {
            // Should a try take long, the next in line tries too.
            tend(number, at: loop.now &+ (heldRoutes[number]?.pause ?? HeldRoute.longestPause))
            _ = tryFirst(number)
        }
    }

    /// Whether the next in line may go on: the window has room, or a connection is there already.
    private func maySetOut(_ number: UInt32) -> Bool {
        guard let route = heldRoutes[number], route.isReleasing, !route.line.isEmpty else { return false }
        let view = tables[currentTable].view
        let list = view.endpoints(of: view.route(RouteID(number: number)))
        // Of several endpoints it would be luck to get the one that has a connection, or no room.
        guard list.count == 1 else { return route.window.isOpen }
        let endpoint = endpoints[list[0].index]
        if endpoint.firstPooled != Connection.nobody { return true }
        guard route.window.isOpen else { return false }
        // What it has may also last: then they go one at a time and find out.
        return loop.now &- route.lastOut >= HeldRoute.firstPause
            || endpoint.firstStalled == Connection.nobody && hasRoom(list[0].number)
    }

    /// How an exchange that was let go is so no more.
    enum WindowExit { case cameAbout, stalled, failed, left }

    func leaveWindow(_ index: UInt32, _ exit: WindowExit) {
        guard exchanges[index].hold.isLetGo else { return }
        exchanges[index].hold.isLetGo = false
        let number = exchanges[index].route
        switch exit {
        case .cameAbout: heldRoutes[number]?.window.cameAbout()
        case .stalled:
            heldRoutes[number]?.window.stalled()
            if heldRoutes[number]?.isReleasing == true { releaseLine(number) }
        case .failed: heldRoutes[number]?.window.failed()
        case .left: heldRoutes[number]?.window.leave()
        }
        forgetRouteIfIdle(number)
    }

    /// `false`: nobody waits any more.
    private func tryFirst(_ number: UInt32) -> Bool {
        guard let index = heldRoutes[number]?.line.serve(now: loop.now) else {
            heldRoutes[number]?.isReleasing = false
            return false
        }
        goOn(index)
        return true
    }

    /// The exchange is the first in its line.
    private func goOn(_ index: UInt32) {
        guard let head = exchanges[index].held.head else { preconditionFailure("a request without a head") }
        heldCount -= 1
        exchanges[index].hold.isInLine = false
        exchanges[index].hold.isLetGo = true
        heldRoutes[exchanges[index].route]?.window.begin()
        heldRoutes[exchanges[index].route]?.lastOut = loop.now
        exchanges[index].held.head = nil
        exchanges[index].requestPhase = .streaming
        lookAnew(index, head)
    }

    /// The exchange, of which nothing was sent or all of it may be sent again, looks for an upstream as if it had tried
    /// none, in the current revision if its rule is there.
    func lookAnew(_ index: UInt32, _ head: Buffer) {
        moveOn(index)
        let view = tables[Int(exchanges[index].poolTable)].view
        let route = view.route(RouteID(number: exchanges[index].route))
        exchanges[index].attempts = 0
        exchanges[index].resentTo = Connection.nobody
        exchanges[index].hasPlan = route.hasPlan
        exchanges[index].asksLeave = route.hasPlan && view.pool(of: route).asksLeave
        exchanges[index].turn = Turn(key: exchanges[index].turn.key, pinned: exchanges[index].turn.pinned)
        if exchanges[index].rules.contains(.retries) { exchanges[index].retries = options(index).retries }
        if !route.hasPlan {
            var candidates = Candidates(count: route.endpointCount, cursor: &cursors[route.id.index])
            exchanges[index].firstCandidate = UInt32(candidates.next() ?? 0)
        }
        takeUpstream(index, head, .pooledOrFresh)
    }

    /// Gives an exchange the endpoints of the current revision. Its rules and options stay those it started with, and
    /// with its first table its route keeps its number: no other rule can have it.
    func moveOn(_ index: UInt32) {
        let view = tables[currentTable].view
        guard Int(exchanges[index].poolTable) != currentTable,
            view.contains(RouteID(number: exchanges[index].route))
        else { return }
        letPoolTableGo(index)
        exchanges[index].poolTable = UInt32(currentTable)
        tables[currentTable].exchangeCount += 1
        let endpoint = exchanges[index].endpoint
        if endpoint != Connection.nobody, !view.contains(EndpointID(number: endpoint)) {
            exchanges[index].endpoint = Connection.nobody
        }
    }

    /// Asks for containers of the route, where its rule wants it.
    private func wake(_ number: UInt32) {
        let view = tables[currentTable].view
        let id = RouteID(number: number)
        guard view.contains(id), let holding = view.holding(of: view.route(id)), holding.wake > 0,
            let route = heldRoutes[number]
        else { return }
        if route.woken == 0 || loop.now &- route.woken >= HeldRoute.wakePause {
            heldRoutes[number]?.woken = loop.now
            tally.holding.wakes.add()
            if let name = tables[currentTable].revision?.table.name(of: id) { notify(.wake(rule: name)) }
        }
        // Again, should nobody have heard it.
        tend(number, at: loop.now &+ HeldRoute.wakePause)
    }

    // MARK: Another revision

    /// What the change from one revision to the next means for those who are held, and for those to come.
    func adoptHolding(from old: RouteView, to new: RouteView) {
        guard old.isHolding || new.isHolding || !heldRoutes.isEmpty else { return }
        for number in 0..<old.routeIDLimit {
            let id = RouteID(number: UInt32(number))
            guard old.contains(id) else { continue }
            let route = old.route(id)
            guard route.isHolding, route.endpointCount > 0 else { continue }
            if new.contains(id), new.route(id).endpointCount > 0 { continue }
            beginOutage(id.number, old.holding(of: route)?.time ?? 0)
        }
        for number in heldRoutes.keys.sorted() {
            let id = RouteID(number: number)
            let isIdle = heldRoutes[number]?.line.isEmpty ?? true
            // While somebody is held the number is this rule's alone; after that it may become another's.
            if isIdle, !new.contains(id) || !old.contains(id) {
                heldRoutes[number]?.outage = nil
                forgetRouteIfIdle(number)
                continue
            }
            guard hasEndpoints(number) else { continue }
            let hasNewcomer = isNewcomer(among: new, than: old, id)
            if hasNewcomer { heldRoutes[number]?.isRenewed = true }
            guard !isIdle else { continue }
            if hasNewcomer || heldRoutes[number]?.cause == .noEndpoint {
                heldRoutes[number]?.pause = HeldRoute.firstPause
            }
            // Also where the endpoints are the same: one of them may have become ready.
            tend(number, at: loop.now)
        }
    }

    /// The route has lost its last endpoint. An outage that it has already goes on, unless it got an endpoint in it
    /// that nobody has found to fail, or nobody has met it for its whole time.
    private func beginOutage(_ number: UInt32, _ time: UInt64) {
        if let route = heldRoutes[number], route.outage != nil, !route.isRenewed, loop.now &- route.noted < time {
            return
        }
        heldRoutes[number, default: HeldRoute()].outage = loop.now
        heldRoutes[number]?.noted = loop.now
        heldRoutes[number]?.isRenewed = false
    }

    /// Whether the route has an endpoint in the one that it has not in the other.
    private func isNewcomer(among new: RouteView, than old: RouteView, _ id: RouteID) -> Bool {
        guard old.contains(id) else { return true }
        let (now, before) = (new.endpoints(of: new.route(id)), old.endpoints(of: old.route(id)))
        return (0..<now.count).contains { place in !(0..<before.count).contains { before[$0] == now[place] } }
    }
}
