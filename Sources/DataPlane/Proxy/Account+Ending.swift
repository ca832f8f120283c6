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
        if exchanges[index].endpoint != Connection.nobody {
            let view = tables[Int(exchanges[index].poolTable)].view
            record.append(",\"endpoint\":\"")
            record.append(view.text(of: EndpointID(number: exchanges[index].endpoint)))
            record.append("\"")
        }
        record.append(",\"status\":")
        record.append(decimal: UInt64(exchanges[index].status))
        record.append(",\"received\":")
        record.append(decimal: exchanges[index].requestBody.moved)
        record.append(",\"sent\":")
        record.append(decimal: exchanges[index].responseBody.moved)
        if exchanges[index].attempts > 1 || exchanges[index].wasResent {
            record.append(",\"attempts\":")
            record.append(decimal: UInt64(exchanges[index].attempts) + (exchanges[index].wasResent ? 1 : 0))
        }
        appendWeight(weight, record)
        appendTimes(index, record)
        record.append(",\"end\":\"")
        record.append(exchanges[index].end.name)
        if exchanges[index].end == .complete { return record.append("\"}\n") }
        record.append("\",\"by\":\"")
        record.append((exchanges[index].answered?.verdict.by ?? exchanges[index].end.party ?? .proxy).name)
        record.append("\",\"step\":\"")
        record.append(exchanges[index].step.name)
        if let answer = exchanges[index].answered {
            record.append("\",\"reason\":\"")
            record.append(answer.verdict.reason)
        }
        record.append("\"}\n")
    }

    func appendWeight(_ weight: UInt32, _ record: Buffer) {
        guard weight > 1 else { return }
        record.append(",\"sample\":")
        record.append(decimal: UInt64(weight))
    }

    /// Each step from the end of the one before it, so that from `head_us` on they add up to `total_us`.
    private func appendTimes(_ index: UInt32, _ record: Buffer) {
        let (headBegan, began) = (exchanges[index].headBegan, exchanges[index].began)
        let (chosen, connected) = (exchanges[index].chosen, exchanges[index].connected)
        let firstByte = exchanges[index].firstByte
        appendArrival(exchanges[index].client, record)
        appendTime(",\"head_us\":", began &- headBegan, record)
        let held = exchanges[index].hold.since
        if held != 0 {
            appendTime(",\"route_us\":", held &- began, record)
            appendTime(",\"held_us\":", (chosen == 0 ? loop.now : chosen) &- held, record)
        } else if chosen != 0 {
            appendTime(",\"route_us\":", chosen &- began, record)
        }
        if connected != 0 {
            // A pooled connection took no time, unless others were tried in vain before it.
            if exchanges[index].hasDialled { appendTime(",\"connect_us\":", connected &- chosen, record) }
            if firstByte != 0 {
                appendTime(",\"first_byte_us\":", firstByte &- connected, record)
                appendTime(",\"body_us\":", loop.now &- firstByte, record)
            }
        }
        appendTime(",\"total_us\":", loop.now &- headBegan, record)
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
