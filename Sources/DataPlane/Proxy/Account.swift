import Bytes
import Contract
import Engine
import HTTP
import Kernel
import Routing
import Telemetry

// One access record for each exchange, never waiting: a full log costs lines, which are counted.
//
//     Account+Opening    when the head is complete and its bytes are at hand: who asked for what
//     Account+Ending     when the exchange is over: what became of it, the time of each step, who ended it
//     Account+Combined    both, in Apache's format
//     Account+Emitting   the line goes with others to the log's own thread
//
// Times are those at which the loop's turns began, one clock reading a turn: a step that began and ended in one turn
// took 0, and what a turn did before it came to an event counts as the time of that event.

extension Worker {
    /// Counts an exchange that is over, and writes its record.
    func account(_ index: UInt32) {
        if exchanges[index].opensTunnel { return recordTunnelAttempt(index) }
        count(status: Int(exchanges[index].status))
        countEnd(index)
        guard let record = exchanges[index].record else { return }
        exchanges[index].record = nil
        let weight = exchanges[index].hasFailed ? 1 : takeWeight()
        guard weight > 0 else { return buffers.give(record) }
        guard exchanges[index].recordSplit == 0 else { return emitCombined(index, record) }
        closeRecord(index, record, weight)
        emit(record)
    }

    /// How many exchanges that did not fail the record of the next one stands for; 0 for one without a record.
    func takeWeight() -> UInt32 {
        guard sample > 1 else { return 1 }
        let isFirst = sampleCount == 0
        sampleCount = sampleCount &+ 1 >= sample ? 0 : sampleCount &+ 1
        return isFirst ? sample : 0
    }

    func applyLog(_ setting: AccessLog) {
        writesRecords = setting.output != "off"
        // The text of the second is another's.
        if recordFormat != setting.format { logSecond = 0 }
        recordFormat = setting.format
        sample = UInt32(clamping: max(1, setting.sample))
    }

    /// A record for a request that never became an exchange.
    func recordRefusal(_ client: UInt32, _ answer: Answer, _ reason: StaticString, sent: Int) {
        guard writesRecords else { return }
        let weight = answer.status >= 500 ? 1 : takeWeight()
        guard weight > 0 else { return }
        let record = buffers.take(.small)
        switch recordFormat {
        case .json:
            openRecord(client, connections[client].peer, record)
            closeRefusal(client, answer, reason, record, weight)
            emit(record)
        case .combined:
            openCombined(connections[client].peer, record)
            record.append("-\"")
            emitCombinedRefusal(answer, sent, record)
        }
    }

    /// From accept to the end of the handshake; what the client waits with from here on is its request.
    func noteHandshake(_ client: UInt32) {
        let took = (loop.now &- connections[client].waitingSince) / 1_000
        connections[client].handshakeTime = UInt32(clamping: max(took, 1))
        connections[client].waitingSince = loop.now
    }

    func count(status: Int) {
        switch status {
        case 200..<300: tally.status2xx.add()
        case 300..<400: tally.status3xx.add()
        case 400..<500: tally.status4xx.add()
        case 500...: tally.status5xx.add()
        case 100..<200: tally.status1xx.add()
        case _: break
        }
    }
}
