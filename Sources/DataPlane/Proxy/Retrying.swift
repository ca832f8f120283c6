import Balancing
import Bytes
import Engine
import HTTP
import HTTP1
import Routing
import Telemetry

// Sending a request that failed at one endpoint to another of its pool: only what is idempotent (RFC 9110 §9.2.2), only
// before the client has seen a byte, only from bytes that are still here, and within the route's budget. A rule that
// holds requests has one more to ask where there is no other: whoever comes after the endpoint that closed. While a
// process is killed its listener may still take connections that end at once, so after a second one that closes there
// is a pause before each further one; where it is gone for good the connect says so, and the request is held.

extension Worker {
    /// How often a request is sent at most, where its only endpoint closes under it again and again.
    static let sendLimit: UInt8 = 4
    /// Nanoseconds before the third and each further time.
    static let resendPause: UInt64 = 50_000_000

    /// Notes what the exchange's route allows, and what the request earns for those after it.
    func planRetries(_ index: UInt32, _ route: Route, _ id: RouteID) {
        let policy =
            exchanges[index].rules.contains(.retries) ? options(index).retries : RetryPolicy.standard
        exchanges[index].retries = policy
        guard policy.sendsAgain else { return }
        budgets[id.index].earn(percent: policy.budget)
    }

    /// Whether the bytes of a request that was sent are worth keeping until the response begins.
    func keepsRequest(_ index: UInt32, _ upstream: UInt32) -> Bool {
        guard exchanges[index].method.isIdempotent else { return false }
        return connections[upstream].isReused
            || exchanges[index].retries.sendsAgain && (hasCandidate(index) || mayAskAgain(index, .closed))
    }

    /// Whether the request may be sent once more although nobody else is there: its container was killed under it, and
    /// another one is about to come.
    private func mayAskAgain(_ index: UInt32, _ cause: RetryPolicy.Causes) -> Bool {
        cause == .closed && holding(index) != nil
    }

    private func hasOnlyEndpoint(_ index: UInt32) -> Bool {
        let view = tables[Int(exchanges[index].poolTable)].view
        return view.route(RouteID(number: exchanges[index].route)).endpointCount <= 1
    }

    /// Sends the request to another endpoint if it may go there. `false`: nothing was changed.
    func retry(_ index: UInt32, after cause: RetryPolicy.Causes) -> Bool {
        let policy = exchanges[index].retries
        let exchange = exchanges[index]
        let isAlone = !hasCandidate(index)
        let limit = isAlone && hasOnlyEndpoint(index) && policy.sendsAgain ? Self.sendLimit : policy.attempts
        let isFurther = isAlone && exchange.retryCount > 0
        guard !policy.causes.isDisjoint(with: cause), exchange.retryCount &+ 1 < limit, exchange.isReplayable,
            exchange.method.isIdempotent, exchange.interimCount == 0, !exchange.responseBegan,
            !isAlone || mayAskAgain(index, cause), connections[exchange.upstream].output != nil
        else { return false }
        // The pause bounds what a pool that is sick gets of these.
        guard isFurther || budgets[Int(exchange.route)].pay(now: loop.now) else {
            tally.retriesRefused.add()
            return false
        }
        if exchanges[index].hasPlan,
            cause.contains(.status502) || cause.contains(.status503) || cause.contains(.status504)
        {
            judgeResponse(index, responseHead.status)
        }
        guard let head = detach(index) else { preconditionFailure("a request without bytes") }
        rewindRequest(index, head)
        exchanges[index].retryCount += 1
        exchanges[index].requestPhase = .streaming
        exchanges[index].connected = 0
        exchanges[index].firstByte = 0
        tally.upstreamRetries.add()
        if isFurther {
            holdBack(index, head, for: Self.resendPause)
        } else if isAlone {
            lookAnew(index, head)
        } else {
            takeUpstream(index, head, .pooledOrFresh)
        }
        return true
    }

    /// Whether the response that `responseHead` begins was given up for another endpoint's.
    @inline(__always)
    func retriesStatus(_ index: UInt32) -> Bool {
        guard responseHead.status >= 502 else { return false }
        let cause = RetryPolicy.Causes(status: responseHead.status)
        return !cause.isEmpty && retry(index, after: cause)
    }
}
