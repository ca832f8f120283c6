import Bytes
import Engine
import Routing

// The second half of a record: what became of the exchange, the time of each step in microseconds, who ended it and in
// which step. What did not happen is left out.

extension Worker {
    /// - Parameters:
    ///   - record: with `RecordRoom.ending` bytes of room.
    ///   - weight: for how many exchanges it stands.
    func closeRecord(_ index: UInt32, _ record: Buffer, _ weight: UInt32) {
        let exchange = exchanges[index]
        if exchange.endpoint != Connection.nobody {
            let view = tables[Int(exchange.table)].view
            record.append(",\"endpoint\":\"")
            record.append(view.text(of: EndpointID(number: exchange.endpoint)))
            record.append("\"")
        }
        record.append(",\"status\":")
        record.append(decimal: UInt64(exchange.status))
        record.append(",\"received\":")
        record.append(decimal: exchange.requestBody.moved)
        record.append(",\"sent\":")
        record.append(decimal: exchange.responseBody.moved)
        if exchange.attempts > 1 || exchange.wasResent {
            record.append(",\"attempts\":")
            record.append(decimal: UInt64(exchange.attempts) + (exchange.wasResent ? 1 : 0))
        }
        appendWeight(weight, record)
        appendTimes(exchange, record)
        record.append(",\"end\":\"")
        record.append(exchange.end.name)
        if exchange.end == .complete { return record.append("\"}\n") }
        record.append("\",\"by\":\"")
        record.append((exchange.answered?.verdict.by ?? exchange.end.party ?? .proxy).name)
        record.append("\",\"step\":\"")
        record.append(exchange.step.name)
        if let answer = exchange.answered {
            record.append("\",\"reason\":\"")
            record.append(answer.verdict.reason)
        }
        record.append("\"}\n")
    }

    private func appendWeight(_ weight: UInt32, _ record: Buffer) {
        guard weight > 1 else { return }
        record.append(",\"sample\":")
        record.append(decimal: UInt64(weight))
    }

    /// Each step from the end of the one before it, so that from `head_us` on they add up to `total_us`.
    private func appendTimes(_ exchange: Exchange, _ record: Buffer) {
        appendArrival(exchange.client, record)
        appendTime(",\"head_us\":", exchange.began &- exchange.headBegan, record)
        if exchange.chosen != 0 { appendTime(",\"route_us\":", exchange.chosen &- exchange.began, record) }
        if exchange.connected != 0 {
            // A pooled connection took no time, unless others were tried in vain before it.
            if exchange.hasDialled { appendTime(",\"connect_us\":", exchange.connected &- exchange.chosen, record) }
            if exchange.firstByte != 0 {
                appendTime(",\"first_byte_us\":", exchange.firstByte &- exchange.connected, record)
                appendTime(",\"body_us\":", loop.now &- exchange.firstByte, record)
            }
        }
        appendTime(",\"total_us\":", loop.now &- exchange.headBegan, record)
    }

    /// What came before the request's first byte.
    private func appendArrival(_ client: UInt32, _ record: Buffer) {
        if connections[client].handshakeTime != 0 {
            record.append(",\"tls_us\":")
            record.append(decimal: UInt64(connections[client].handshakeTime))
            connections[client].handshakeTime = 0
        }
        let (since, began) = (connections[client].waitingSince, connections[client].headBegan)
        if began >= since { appendTime(",\"wait_us\":", began &- since, record) }
    }

    private func appendTime(_ key: StaticString, _ nanoseconds: UInt64, _ record: Buffer) {
        record.append(key)
        record.append(decimal: nanoseconds / 1_000)
    }

    /// The same for a request whose head was refused.
    func closeRefusal(
        _ client: UInt32, _ answer: Answer, _ reason: StaticString, _ record: Buffer, _ weight: UInt32
    ) {
        record.append(",\"status\":")
        record.append(decimal: UInt64(answer.status))
        appendWeight(weight, record)
        appendArrival(client, record)
        let began = max(connections[client].waitingSince, connections[client].headBegan)
        appendTime(",\"total_us\":", loop.now &- began, record)
        record.append(",\"end\":\"refused\",\"by\":\"")
        record.append(answer.verdict.by.name)
        record.append("\",\"step\":\"")
        record.append(Step.head.name)
        record.append("\",\"reason\":\"")
        record.append(reason)
        record.append("\"}\n")
    }
}
