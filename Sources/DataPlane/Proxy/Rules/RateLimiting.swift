import Engine
import Routing
import Telemetry

// How often a client may ask: a bucket of tokens for each address, which all workers share (`RateTable`).

extension Worker {
    /// Whether there was a token for this request; if not, it was answered.
    func takesToken(_ index: UInt32, _ options: RouteOptions) -> Bool {
        guard let rates = tables[Int(exchanges[index].table)].revision?.table.rates else { return true }
        let address = clientAddress(index)
        let wait = rates.take(options, high: address.high, low: address.low, now: loop.now)
        guard wait > 0 else { return true }
        tally.rateLimited.add()
        // RFC 9110 §10.2.3: whole seconds; one too early would be refused again.
        answer(index, .rateLimited, retryAfter: (wait &+ 999_999_999) / 1_000_000_000)
        return false
    }
}
