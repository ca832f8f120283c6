import Bytes
import Engine

@testable import Proxy

/// What a worker has in use.
struct Books: Equatable, CustomStringConvertible {
    var clients, connections, exchanges, pooled, buffers, tables, tableHolds, inFlight, resumable: Int

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
    }

    var description: String {
        "clients \(clients), connections \(connections), exchanges \(exchanges), pooled \(pooled), buffers \(buffers), "
            + "tables \(tables) held \(tableHolds), in flight \(inFlight), resumable \(resumable)"
    }
}
