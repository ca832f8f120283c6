import Engine
import HTTP
import Routing
import TLS
import Telemetry

// What is counted by rule, endpoint, answer and cause: single calls from the places where it happens, each a few
// instructions, by number and without a lookup by name.

extension Worker {
    /// An exchange is over: its rule's count and time; and its endpoint's, when the response was the endpoint's.
    func countEnd(_ index: UInt32) {
        tally.count(exchanges[index].end)
        let (route, endpoint) = (exchanges[index].route, exchanges[index].endpoint)
        guard route != .max else { return }
        let status = Int(exchanges[index].status)
        let (received, sent) = (exchanges[index].requestBody.moved, exchanges[index].responseBody.moved)
        tally.rules.subtract(.inFlight, of: route)
        // How long a tunnel stood, or until a client went away, says nothing of how fast the rule is.
        let isTimed = status >= 200
        tally.rules.finish(
            route, status: status, received: received, sent: sent,
            duration: isTimed ? loop.now &- exchanges[index].began : nil)
        guard endpoint != Connection.nobody, exchanges[index].responseBegan else { return }
        if exchanges[index].hasPlan, exchanges[index].end == .complete { judgeResponse(index, status) }
        let (connected, firstByte) = (exchanges[index].connected, exchanges[index].firstByte)
        tally.endpoints.finish(
            endpoint, status: status, received: received, sent: sent,
            duration: isTimed ? firstByte - min(connected, firstByte) : nil)
    }

    /// The exchange's endpoint took the connection and did not bring a whole response.
    func countFailure(_ index: UInt32) {
        tally.endpoints.add(.failures, of: exchanges[index].endpoint)
        judge(index, .failed)
    }

    func countHandshake(_ session: TLSSession) {
        if session.negotiatedVersion == 0x0304 { tally.handshakesTLS13.add() } else { tally.handshakesTLS12.add() }
        if session.isResumed { tally.handshakesResumed.add() }
    }

    /// Before a table is adopted: what none of the tables so far knows is nobody's any more, and the new one may have
    /// given its number to somebody else (``RouteID``).
    func forgetTallies() {
        let views = tables.compactMap { $0.revision == nil ? nil : $0.view }
        tally.rules.sweep { number in
            views.contains { $0.contains(RouteID(number: number)) } || heldRules.contains(RouteID(number: number))
        }
        tally.endpoints.sweep { number in
            views.contains { $0.contains(EndpointID(number: number)) }
                || heldRules.contains(EndpointID(number: number))
        }
    }
}

extension Tally {
    func count(_ cause: EndCause) { ends[Int(cause.rawValue)].add() }
    func count(_ answer: Answer) { answers[Int(answer.rawValue)].add() }
    /// How many were answered so.
    func count(of answer: Answer) -> UInt64 { answers[Int(answer.rawValue)].current }

    /// Counters of one family, told apart by a label.
    public struct Family: Sendable {
        public var name: String
        public var label: String
        public var values: [(String, UInt64)]
    }

    /// Every answer of the proxy's own and every cause by which exchanges end, under the names that the code gives
    /// them; none is left out, so that a dashboard sees a zero and not a gap.
    public var families: [Family] {
        [
            Family(
                name: "answers_total", label: "answer",
                values: Answer.allCases.map { ("\($0)", count(of: $0)) }),
            Family(
                name: "exchanges_ended_total", label: "cause",
                values: EndCause.allCases.map { ("\($0)", ends[Int($0.rawValue)].current) }),
        ]
    }
}
