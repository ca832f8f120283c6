import Bytes
import Engine

@testable import Proxy

/// What a worker has in use.
struct Books: Equatable, CustomStringConvertible {
    var clients, connections, exchanges, pooled, buffers, tables, tableHolds, inFlight, resumable: Int
    /// Connections to endpoints as they are counted by endpoint, less those that there are; trials without an end.
    var miscounted, trials: Int

    init(_ worker: Worker) {
        clients = worker.clientCount
        connections = worker.connections.count
        exchanges = worker.exchanges.count
        pooled = (0..<worker.connections.extent).count {
            worker.connections.isTaken($0) && worker.connections[$0].phase == .pooled
        }
        buffers = worker.buffers.lentCount
        tables = worker.tables.count { $0.revision != nil }
        tableHolds = worker.tables.reduce(0) { $0 + $1.exchangeCount }
        inFlight = worker.exchangesAtEndpoints
        resumable = worker.resumable.count
        let upstreams = (0..<worker.connections.extent).filter {
            worker.connections.isTaken($0) && worker.connections[$0].role == .upstream
        }
        let connecting = upstreams.count { worker.connections[$0].phase == .connecting }
        miscounted =
            abs(worker.endpoints.reduce(0) { $0 + Int($1.openCount) } - upstreams.count)
            + abs(worker.endpoints.reduce(0) { $0 + Int($1.connectingCount) } - connecting)
        trials = worker.trialCount
    }

    var description: String {
        "clients \(clients), connections \(connections), exchanges \(exchanges), pooled \(pooled), buffers \(buffers), "
            + "tables \(tables) held \(tableHolds), in flight \(inFlight), resumable \(resumable), "
            + "miscounted \(miscounted), trials \(trials)"
    }
}
