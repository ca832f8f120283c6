import Balancing
import Bytes
import Engine
import Routing
import Telemetry

// What a worker knows of an endpoint beside what choosing reads, the bars that follow from it, and when something of it
// is due.

/// What this worker has learned of one endpoint. It belongs to the address: it survives every revision that keeps it,
/// and is forgotten when the number goes to another, or when the address was in no revision meanwhile.
struct EndpointWatch: BitwiseCopyable {
    /// Of the address; 0 before the number meant anybody.
    var identity: UInt64 = 0
    var ejection = OutlierEjection()
    var circuit = CircuitBreaker()
    /// Times to the first byte, of pools that eject for them; when they are compared next.
    var latency = MeanLatency()
    var nextComparison: UInt64 = 0
    /// Since when it grows into its weight, in nanoseconds of the monotonic clock; 0: it has grown.
    var growsSince: UInt64 = 0
    var terms = EndpointTerms.none
    /// The current revision has it.
    var isPresent = false
    /// It is in the list of those of whom something is due.
    var isTended = false
}

extension Worker {
    /// Where the numbers of endpoints mean somebody else than before, what was known of them is forgotten.
    func adoptEndpoints(_ view: RouteView) {
        while loads.count < view.endpointIDLimit {
            loads.append(EndpointLoad())
            watches.append(EndpointWatch())
        }
        let isFirst = !knowsEndpoints
        knowsEndpoints = true
        for number in watches.indices {
            let id = EndpointID(number: UInt32(number))
            guard view.contains(id) else {
                if watches[number].isPresent {
                    forget(id.number)
                    watches[number].isPresent = false
                }
                continue
            }
            let identity = view.endpoint(id).identity
            let isBack = watches[number].identity != identity || !watches[number].isPresent
            if isBack {
                // Exchanges of older revisions may have found something out since it went.
                if watches[number].identity != 0 { forget(id.number) }
                endpoints[number].connectTime = 0
                endpoints[number].room = EndpointRoom()
                if watches[number].identity == identity {
                    // Whoever is there now has started meanwhile. What is in flight there still counts.
                    loads[number].latency = PeakLatency()
                } else {
                    loads[number] = EndpointLoad()
                    watches[number].terms = .none
                    watches[number].identity = identity
                }
                watches[number].isPresent = true
            }
            apply(view.terms(of: id), to: id.number)
            if isBack, !isFirst { beginSlowStart(id.number) }
        }
        readVerdicts()
        poolEpoch &+= 1
    }

    private func apply(_ terms: EndpointTerms, to number: UInt32) {
        let place = Int(number)
        guard watches[place].terms != terms else { return }
        watches[place].terms = terms
        let had = loads[place].inFlightLimit
        loads[place].inFlightLimit = terms.inFlightLimit
        if terms.inFlightLimit > had { endpointFreed(number) }
        if !terms.breaks { closeCircuit(number) }
        if terms.slowStart == 0 { finishSlowStart(number) }
    }

    /// What was thought of an endpoint is thought no more. Verdicts of active checks are others' to take back.
    private func forget(_ number: UInt32) {
        let bars = loads[Int(number)].bars
        if !bars.isDisjoint(with: [.ejected, .broken]) { tell(number, nil, .forgotten) }
        loads[Int(number)].bars.subtract([.ejected, .broken])
        closeCircuit(number)
        watches[Int(number)].circuit.reset()
        finishSlowStart(number)
        watches[Int(number)].ejection = OutlierEjection()
        watches[Int(number)].latency = MeanLatency()
    }

    // MARK: Bars

    /// Nothing goes there from now on, unless nobody else is left.
    func bar(_ number: UInt32, _ bar: EndpointLoad.Bars) {
        guard !loads[Int(number)].bars.contains(bar) else { return }
        loads[Int(number)].bars.insert(bar)
        poolEpoch &+= 1
    }

    /// The reason is gone. An endpoint that was found sick begins slowly.
    func unbar(_ number: UInt32, _ bar: EndpointLoad.Bars) {
        guard loads[Int(number)].bars.contains(bar) else { return }
        loads[Int(number)].bars.remove(bar)
        poolEpoch &+= 1
        if !bar.isDisjoint(with: .soft) { beginSlowStart(number) }
        endpointFreed(number)
    }

    /// An endpoint that could not be chosen may be now: it has an exchange less, or is no longer barred. Called in the
    /// middle of other things: whoever waits for it goes on at the end of the turn.
    func endpointFreed(_ number: UInt32) {
        guard heldCount > 0 else { return }
        hasFreedEndpoint = true
        nextTend = min(nextTend, loop.now)
    }

    // MARK: What is due

    /// Something of the endpoint will be due.
    func tend(endpoint number: UInt32) {
        if !watches[Int(number)].isTended {
            watches[Int(number)].isTended = true
            tendedEndpoints.append(number)
        }
        let due = nextDue(number)
        guard due < endpointsDue else { return }
        endpointsDue = due
        loop.timers.set(bellPlace, at: due)
    }

    /// The time has come for some of them: ejections may be over, circuits may be tried, shares grow.
    func tendEndpoints() {
        for number in tendedEndpoints {
            readmitIfDue(number)
            tryCircuitIfDue(number)
            growIfDue(number)
        }
        tendedEndpoints.removeAll { number in
            guard nextDue(number) == .max else { return false }
            watches[Int(number)].isTended = false
            return true
        }
        // The bell's place has no deadline of its own.
        endpointsDue = tendedEndpoints.reduce(UInt64.max) { min($0, nextDue($1)) }
        if endpointsDue == .max { loop.timers.clear(bellPlace) } else { loop.timers.set(bellPlace, at: endpointsDue) }
    }

    private func nextDue(_ number: UInt32) -> UInt64 {
        var due = UInt64.max
        let watch = watches[Int(number)]
        if case .ejected(let until) = watch.ejection.phase { due = until }
        if case .open(let until) = watch.circuit.phase, loads[Int(number)].bars.contains(.broken) {
            due = min(due, until)
        }
        if watch.growsSince != 0 { due = min(due, nextGrowth(number)) }
        return due
    }

    // MARK: What is told

    /// - Parameter route: whose exchange brought the change.
    func tell(_ number: UInt32, _ route: (view: RouteView, route: Route)?, _ change: EndpointNotice.Change) {
        let id = EndpointID(number: number)
        var address = ""
        if let view = route?.view, view.contains(id) {
            address = String(copying: view.text(of: id))
        } else if !tables.isEmpty, tables[currentTable].view.contains(id) {
            let view = tables[currentTable].view
            if view.endpoint(id).identity == watches[Int(number)].identity {
                address = String(copying: view.text(of: id))
            }
        }
        notify(
            .endpoint(
                EndpointNotice(
                    identity: watches[Int(number)].identity, address: address,
                    rule: route.map { String(copying: $0.view.name(of: $0.route)) } ?? "", change: change)))
    }
}

extension String {
    fileprivate init(copying bytes: Span<UInt8>) {
        self.init(decoding: [UInt8](copying: bytes), as: UTF8.self)
    }
}
