import Bytes
import Engine
import HTTP
import HTTP1
import Kernel
import Telemetry

// A client that has sent its whole request and a FIN behind it. It may have closed its side alone and want its response
// (RFC 9112 §9.6), or it may be gone: to TCP both look the same until somebody sends it something. So it is served,
// and while its response is long in coming it is sent an interim one: a system where nobody listens any more answers
// that with a reset, which ends the exchange at once.

extension Worker {
    /// Nanoseconds that a response may take before a client that sends no more is asked; four times as long for each
    /// time that it was.
    private static let firstProbePause: UInt64 = 1_000_000_000
    /// So few, because some clients take an interim response for one too many.
    private static let probeLimit: UInt8 = 4

    /// The client will send no more and waits for the head of a response.
    func watchHalfClosed(_ index: UInt32) {
        // RFC 9110 §15.2: a client of HTTP/1.0 gets no 1xx.
        guard exchanges[index].version != .http10, exchanges[index].probes < Self.probeLimit else {
            return loop.timers.clear(exchanges[index].client)
        }
        let pause = Self.firstProbePause << UInt64(2 * exchanges[index].probes)
        loop.timers.set(exchanges[index].client, at: loop.now &+ pause)
    }

    /// The client's FIN has come while its exchange is under way.
    func clientFinished(_ index: UInt32) {
        if exchanges[index].opensTunnel { return }
        if exchanges[index].requestPhase == .held { return askHalfClosed(index) }
        guard exchanges[index].requestPhase == .sent, exchanges[index].responsePhase == .awaitingHead else { return }
        watchHalfClosed(index)
    }

    /// Sends what only a client that is still there takes. Its reset, if there is one, comes as an event.
    func probeHalfClosed(_ index: UInt32) {
        askHalfClosed(index)
        watchHalfClosed(index)
    }

    /// The same, and nothing is waited for. Of an exchange that is held it is asked at once: it may be held for long,
    /// and there is nobody yet whose answer would do it.
    func askHalfClosed(_ index: UInt32) {
        guard exchanges[index].version != .http10, !exchanges[index].opensTunnel else { return }
        let client = exchanges[index].client
        // What an earlier response left to send asks as well.
        if connections[client].output == nil {
            let output = outputBuffer(client)
            output.append("HTTP/1.1 100 Continue\r\n\r\n")
            tally.timeouts.probes.add()
            tally.status1xx.add()
            sendInterim(client, output)
        }
        exchanges[index].probes &+= 1
    }
}
