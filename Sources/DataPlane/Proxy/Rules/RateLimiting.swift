import Engine
import Routing

// How often a client may ask: a bucket of tokens for each address, which all workers share (`RateTable`).

extension Worker {
    /// Whether there was a token for this request; if not, it was answered.
    func takesToken(_ index: UInt32, _ options: RouteOptions) -> Bool {
        guard let rates = tables[Int(exchanges[index].table)].revision?.table.rates else { return true }
        let address = clientAddress(index)
        let wait = rates.take(options, high: address.high, low: address.low, now: loop.now)
        guard wait > 0 else { return true }
        answer(index, .rateLimited, retryIn: wait)
        return false
    }
}
