import Balancing
import Engine
import HTTP
import Kernel
import Routing
import Telemetry

// Connects to endpoints. One that is pending for much longer than connects to its endpoint take was dropped: the queue
// of the endpoint's listener was full, and the kernel asks again after a second, then after two and four. A small
// server has long emptied its queue by then, so the connect is begun anew much sooner: as soon as the endpoint has
// taken another or is done with another, and from time to time.

enum Dialled {
    case begun(UInt32)
    case failed
    /// There is no descriptor for it, or no slot.
    case exhausted
}

extension Worker {
    /// Nanoseconds after which a connect is begun anew at the earliest, and at the latest; doubled from time to time.
    private static let firstStall: UInt64 = 50_000_000
    private static let longestStall: UInt64 = 400_000_000
    /// The same for an endpoint of which no connect is known: nothing is begun anew, but others do not wait for it.
    private static let unknownStall: UInt64 = 250_000_000

    /// Begins a connect; its end arrives as an event.
    func dial(_ endpoint: EndpointID, _ address: EndpointAddress) -> Dialled {
        let socketAddress =
            switch address.family {
            case .ipv4: SocketAddress(ipv4: UInt32(truncatingIfNeeded: address.low), port: address.port)
            case .ipv6: SocketAddress(ipv6High: address.high, low: address.low, port: address.port)
            }
        let socket: CInt
        var dialled = loop.connect(to: socketAddress)
        if case .failed(let code) = dialled, Socket.isExhaustion(code) {
            tally.limits.connectsWithoutDescriptor.add()
            guard makeRoom() else { return .exhausted }
            dialled = loop.connect(to: socketAddress)
        }
        switch dialled {
        case .connected(let new), .inProgress(let new): socket = new
        case .failed(let code): return Socket.isExhaustion(code) ? .exhausted : .failed
        }
        var connection = Connection(socket: socket, role: .upstream, phase: .connecting, peer: socketAddress)
        connection.endpoint = endpoint.number
        guard let token = connections.admit(connection) else {
            Socket.close(socket)
            return .exhausted
        }
        do {
            try loop.poller.addEdgeTriggered(socket, token: token.raw)
        } catch {
            connections.retire(token.index)
            Socket.close(socket)
            return .exhausted
        }
        tally.upstreamConnects.add()
        tally.endpoints.add(.connects, of: endpoint.number)
        tally.upstreamsOpen.add()
        endpoints[endpoint.index].openCount += 1
        endpoints[endpoint.index].connectingCount += 1
        return .begun(token.index)
    }

    /// The connect that has begun has so long, and is looked at before when it may have been dropped.
    func awaitConnect(_ upstream: UInt32, _ index: UInt32) {
        connections[upstream].waitingSince = loop.now
        connections[upstream].connectDue = due(.connect, index)
        connections[upstream].addressPlace = takenCount(connections[upstream].endpoint)
        if exchanges[index].asksLeave { countAtPool(upstream, index) }
        setConnectDeadline(upstream, index)
    }

    /// Exchanges that the endpoint has, as far as is known: those whose connects were dropped it has not.
    private func takenCount(_ number: UInt32) -> UInt32 {
        loads[Int(number)].inFlight &- min(endpoints[Int(number)].stalledCount, loads[Int(number)].inFlight)
    }

    /// Whether the endpoint takes another that has waited.
    func hasRoom(_ number: UInt32) -> Bool { endpoints[Int(number)].room.isThere(beside: takenCount(number)) }

    private func setConnectDeadline(_ upstream: UInt32, _ index: UInt32) {
        let due = connections[upstream].connectDue
        let stall = stallTime(upstream) ?? (exchanges[index].hold.isLetGo ? Self.unknownStall : .max)
        loop.timers.set(upstream, at: min(due, connections[upstream].waitingSince.addingClamped(stall)))
    }

    /// How long after its beginning a connect is taken for dropped. `nil`: nobody knows how long they take there, or
    /// so long that beginning anew would be no sooner than the kernel is.
    private func stallTime(_ upstream: UInt32) -> UInt64? {
        let usual = endpoints[Int(connections[upstream].endpoint)].connectTime
        guard usual > 0, usual <= Self.longestStall / 4 else { return nil }
        let redials = UInt64(connections[upstream].served)
        return min(max(Self.firstStall, 4 &* usual) &<< min(redials, 3), Self.longestStall)
    }

    /// A connect came about: so long they take there, a rise at once and a fall slowly.
    func noteConnected(_ upstream: UInt32) {
        let number = Int(connections[upstream].endpoint)
        let time = max(1, loop.now &- connections[upstream].waitingSince)
        let known = endpoints[number].connectTime
        endpoints[number].connectTime = known > time ? known &- (known &- time) / 8 : time
        endpoints[number].room.cameAbout()
        if connections[upstream].isStalled { leaveStalled(upstream) }
        if endpoints[number].firstStalled != Connection.nobody { noteRoom(UInt32(number)) }
    }

    /// A connect is pending for too long, or for as long as it may.
    func connectTimedOut(_ upstream: UInt32) {
        let index = connections[upstream].exchange
        guard loop.now < connections[upstream].connectDue else {
            return exchangeTimedOut(index, waitingFor: .upstream)
        }
        // A worker that stood still, or has more events than it takes at once, finds the deadline before the event.
        guard !Socket.hasConnected(connections[upstream].socket) else { return upstreamReady(upstream, [.writable]) }
        guard stallTime(upstream) != nil else {
            leaveWindow(index, .stalled)
            return setConnectDeadline(upstream, index)
        }
        endpoints[Int(connections[upstream].endpoint)].room.foundFull(with: connections[upstream].addressPlace)
        redial(upstream, .late)
        leaveWindow(index, .stalled)
    }

    /// Why a connect is begun anew.
    private enum Redial {
        /// It is pending for too long. Should it be dropped once more, it is begun anew when there is room, or later.
        case late
        /// Its endpoint has room, most likely.
        case roomy
    }

    /// Begins the connect anew, to the same endpoint and within the same time.
    private func redial(_ upstream: UInt32, _ why: Redial) {
        let index = connections[upstream].exchange
        let view = tables[Int(exchanges[index].poolTable)].view
        let endpoint = EndpointID(number: connections[upstream].endpoint)
        guard view.contains(endpoint), case .begun(let fresh) = dial(endpoint, view.endpoint(endpoint)) else {
            // The first one is still there.
            return loop.timers.set(upstream, at: connections[upstream].connectDue)
        }
        tally.upstreamRedials.add()
        connections[fresh].waitingSince = loop.now
        connections[fresh].connectDue = connections[upstream].connectDue
        connections[fresh].served = connections[upstream].served
        // The exchange is counted there already.
        connections[fresh].addressPlace = takenCount(endpoint.number) &- (connections[upstream].isStalled ? 0 : 1)
        if exchanges[index].asksLeave { countAtPool(fresh, index) }
        connections[fresh].exchange = index
        connections[fresh].output = connections[upstream].output
        connections[upstream].output = nil
        exchanges[index].upstream = fresh
        switch why {
        case .late:
            connections[fresh].served &+= 1
            takeStalledPlace(fresh, of: upstream)
        case .roomy: leaveStalled(upstream)
        }
        closeUpstream(upstream)
        setConnectDeadline(fresh, index)
    }

    // MARK: Those that have stalled

    /// The endpoint has taken somebody, or is done with somebody: who has stalled longest may come.
    @inline(never)
    func noteRoom(_ number: UInt32) {
        roomy.append(number)
        nextTend = min(nextTend, loop.now)
    }

    func redialStalled() {
        let numbers = roomy
        roomy.removeAll(keepingCapacity: true)
        for number in numbers {
            let upstream = endpoints[Int(number)].firstStalled
            guard upstream != Connection.nobody, hasRoom(number) else { continue }
            if Socket.hasConnected(connections[upstream].socket) {
                upstreamReady(upstream, [.writable])
            } else {
                redial(upstream, .roomy)
            }
        }
    }

    /// Puts a connect that was begun anew where the one before was, or at the end.
    private func takeStalledPlace(_ fresh: UInt32, of upstream: UInt32) {
        let number = Int(connections[fresh].endpoint)
        connections[fresh].isStalled = true
        if connections[upstream].isStalled {
            connections[upstream].isStalled = false
            let (previous, next) = (connections[upstream].previous, connections[upstream].next)
            (connections[fresh].previous, connections[fresh].next) = (previous, next)
            if previous == Connection.nobody {
                endpoints[number].firstStalled = fresh
            } else {
                connections[previous].next = fresh
            }
            if next == Connection.nobody {
                endpoints[number].lastStalled = fresh
            } else {
                connections[next].previous = fresh
            }
        } else {
            let last = endpoints[number].lastStalled
            connections[fresh].previous = last
            if last == Connection.nobody {
                endpoints[number].firstStalled = fresh
            } else {
                connections[last].next = fresh
            }
            endpoints[number].lastStalled = fresh
            endpoints[number].stalledCount += 1
        }
    }

    func leaveStalled(_ upstream: UInt32) {
        let number = Int(connections[upstream].endpoint)
        let (previous, next) = (connections[upstream].previous, connections[upstream].next)
        if previous == Connection.nobody {
            endpoints[number].firstStalled = next
        } else {
            connections[previous].next = next
        }
        if next == Connection.nobody {
            endpoints[number].lastStalled = previous
        } else {
            connections[next].previous = previous
        }
        endpoints[number].stalledCount -= 1
        connections[upstream].isStalled = false
        (connections[upstream].previous, connections[upstream].next) = (Connection.nobody, Connection.nobody)
    }
}

extension UInt64 {
    /// The sum, or the greatest number there is.
    fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? .max : sum
    }
}
