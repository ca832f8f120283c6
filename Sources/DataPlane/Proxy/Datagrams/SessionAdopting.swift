import Balancing
import Engine
import Kernel
import Routing
import Telemetry

// Sessions outlive revisions: they belong to their clients. What a revision changes for them is looked at once, and
// only when it changes something for the listeners they came by.

/// What a listener's rule was when its sessions were last looked at.
struct SessionRule: Equatable {
    var route = Session.nobody
    var endpoints: [UInt32] = []
    var idle: UInt64 = 0
    var terms: [UInt64] = []
}

extension Worker {
    /// Before the numbers of the revision mean anything to this worker: those of the one before still hold.
    func adoptSessions(_ view: RouteView) {
        guard !datagramListeners.isEmpty else { return }
        var hasChanged = orphanCount > 0
        while sessionRules.count < datagramListeners.count { sessionRules.append(nil) }
        for listener in datagramListeners.indices {
            let rule = sessionRule(view, listener)
            guard rule != sessionRules[listener] else { continue }
            sessionRules[listener] = rule
            hasChanged = true
        }
        guard hasChanged, !book.isEmpty else { return }
        orphanCount = 0
        let members = sessionRules.map { Set($0?.endpoints ?? []) }
        for index in 0..<book.sessions.extent where book.sessions.isTaken(index) {
            adopt(index, view, members[Int(book.sessions[index].key.listener)])
        }
    }

    private func sessionRule(_ view: RouteView, _ listener: Int) -> SessionRule {
        guard let id = view.transportRoute(listener: listener) else { return SessionRule() }
        let route = view.route(id)
        let transport = view.transport(of: route)
        let (list, terms) = (view.endpoints(of: route), transport.sessions)
        return SessionRule(
            route: id.number, endpoints: (0..<list.count).map { list[$0].number }, idle: terms.idle,
            terms: [
                UInt64(terms.limit), UInt64(terms.replies), UInt64(terms.amplification), UInt64(terms.orphans.rawValue),
                UInt64(transport.header.rawValue),
            ])
    }

    private func adopt(_ index: UInt32, _ view: RouteView, _ members: Set<UInt32>) {
        let rule = sessionRules[Int(book.sessions[index].key.listener)] ?? SessionRule()
        let had = book.sessions[index].terms.orphans
        if rule.route == Session.nobody {
            guard had == .keep else { return endSession(index, .removed) }
            leaveEndpoint(session: index)
        } else {
            let transport = view.transport(of: view.route(RouteID(number: rule.route)))
            book.sessions[index].terms = transport.sessions
            book.sessions[index].sendsHeader = transport.header == .version2
        }
        if rule.route != book.sessions[index].route { changeRule(index, rule.route) }
        let endpoint = book.sessions[index].endpoint
        guard endpoint == Session.nobody || !members.contains(endpoint) else {
            book.sessions[index].isOrphan = false
            return
        }
        if book.sessions[index].terms.orphans == .close { return endSession(index, .removed) }
        orphanCount += 1
        book.sessions[index].isOrphan = true
        book.sessions[index].movesAgain = 0
        // Its number may be another's soon.
        if endpoint != Session.nobody, !view.contains(EndpointID(number: endpoint)) { leaveEndpoint(session: index) }
    }

    private func changeRule(_ index: UInt32, _ route: UInt32) {
        let old = book.sessions[index].route
        if book.sessions[index].isPooled {
            pools[Int(old)].inFlight -= 1
            book.sessions[index].isPooled = false
        }
        if old != Session.nobody { tally.rules.subtract(.inFlight, of: old) }
        if route != Session.nobody { tally.rules.add(.inFlight, of: route) }
        book.move(index, to: route)
    }
}
