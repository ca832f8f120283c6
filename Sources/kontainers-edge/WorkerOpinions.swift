import Contract
import Proxy
import Telemetry

/// What the workers think of endpoints. Each judges by what it sees; the log hears of it when the first of them changes
/// its mind and when the last has changed it back. On the conductor's thread.
struct WorkerOpinions {
    private struct Endpoint {
        var address: String
        /// Numbers of workers.
        var ejecting: Set<Int> = []
        var breaking: Set<Int> = []

        var isClear: Bool { ejecting.isEmpty && breaking.isEmpty }
    }

    /// By identity; only those of whom somebody thinks ill.
    private var endpoints: [UInt64: Endpoint] = [:]

    mutating func take(_ notice: EndpointNotice, of worker: Int, into book: OpinionBook) {
        var endpoint = endpoints[notice.identity] ?? Endpoint(address: notice.address)
        if endpoint.address.isEmpty { endpoint.address = notice.address }
        let before = endpoint
        switch notice.change {
        case .ejected(let time):
            endpoint.ejecting.insert(worker)
            if before.ejecting.isEmpty {
                log(.warning, "an endpoint is ejected", endpoint, ("rule", notice.rule), ("seconds", seconds(time)))
            }
        case .readmitted:
            endpoint.ejecting.remove(worker)
            if !before.ejecting.isEmpty, endpoint.ejecting.isEmpty {
                log(.info, "an endpoint is no longer ejected", endpoint)
            }
        case .circuitOpened(let time):
            endpoint.breaking.insert(worker)
            if before.breaking.isEmpty {
                log(
                    .warning, "the circuit of an endpoint is open", endpoint, ("rule", notice.rule),
                    ("seconds", seconds(time)))
            }
        case .circuitClosed:
            endpoint.breaking.remove(worker)
            if !before.breaking.isEmpty, endpoint.breaking.isEmpty {
                log(.info, "the circuit of an endpoint is closed", endpoint)
            }
        case .forgotten:
            endpoint.ejecting.remove(worker)
            endpoint.breaking.remove(worker)
        }
        endpoints[notice.identity] = endpoint.isClear ? nil : endpoint
        // Nobody in control knows an endpoint that no revision had when it was first told of.
        guard !endpoint.address.isEmpty else { return }
        let source = OpinionBook.Source.worker(worker)
        book.note(.ejected, endpoint.ejecting.contains(worker), of: endpoint.address, by: source)
        book.note(.broken, endpoint.breaking.contains(worker), of: endpoint.address, by: source)
    }

    private func seconds(_ nanoseconds: UInt64) -> String { "\((nanoseconds &+ 999_999_999) / 1_000_000_000)" }

    private func log(
        _ level: Log.Level, _ message: StaticString, _ endpoint: Endpoint, _ fields: (String, String)...
    ) {
        Log.write(level, message, [("endpoint", endpoint.address)] + fields)
    }
}
