import Bytes
import Kernel
import Telemetry

// A check by datagram: one goes out, one must come back. Each has a socket of its own, so that a late answer to the
// check before is nobody's.

extension HealthChecker {
    func probe(_ index: Int, _ address: SocketAddress) {
        switch Socket.connectDatagrams(to: address) {
        case .failed(let code):
            finish(index, Socket.isShortage(code) ? .undecided(code) : .unreachable(code))
        case .connected(let socket), .inProgress(let socket):
            guard keep(socket, index) else { return }
            checks[index].stage = .probing
            // A span of a stored property ends with the access to it.
            let bytes = plans[checks[index].plan].plan.probe
            switch Socket.send(socket, bytes.span) {
            case .bytes: break
            case .wouldBlock, .endOfStream: conclude(index, .undecided(Socket.outOfMemory))
            case .failed(let code): conclude(index, .unreachable(code))
            }
        }
    }

    /// `false`: it must wait, or it is over. Whatever comes first is the answer; nobody there is told at once (ICMP).
    func readAnswer(_ index: Int) -> Bool {
        let buffer = buffers.take(.large)
        defer { buffers.give(buffer) }
        switch Socket.receive(checks[index].socket, into: buffer) {
        case .wouldBlock:
            checks[index].isReadable = false
            return false
        case .failed(let code): conclude(index, .unreachable(code))
        // A datagram without bytes.
        case .endOfStream:
            conclude(index, plans[checks[index].plan].plan.answer == nil ? .passed : .wrongAnswer)
        case .bytes:
            var matched: UInt16 = 0
            let isThere =
                plans[checks[index].plan].plan.answer.map { $0.found(in: buffer.readable, matched: &matched) } ?? true
            conclude(index, isThere ? .passed : .wrongAnswer)
        }
        return false
    }

    private func conclude(_ index: Int, _ result: CheckResult) {
        disconnect(index, reset: false)
        finish(index, result)
    }
}
