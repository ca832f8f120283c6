import Bytes
import Engine
import Kernel
import Preface
import Telemetry

// A PostgreSQL client asks whether it may speak TLS, and waits for one byte before it does ("Frontend/Backend
// Protocol", SSL Session Encryption). Where routes go by the name in its ClientHello, that byte is ours to send; the
// endpoint is asked in the client's place, should it get TLS (`TunnelSecuring`).

extension Worker {
    /// Bytes of a client's question.
    static let postgresQuestion = 8

    /// Takes the question out of the socket and answers it: yes to TLS, no to GSSAPI, which carries no name.
    func answerPostgres(_ index: UInt32, encrypts: Bool) {
        let socket = connections[index].socket
        let buffer = buffers.take(.small)
        defer { buffers.give(buffer) }
        guard !connections[index].asksTLS,
            Socket.receive(socket, into: buffer, limit: Self.postgresQuestion) == .bytes(Self.postgresQuestion)
        else { return closeClient(index) }
        buffer.clear()
        buffer.append(encrypts ? UInt8(ascii: "S") : UInt8(ascii: "N"))
        guard Socket.send(socket, buffer.readable) == .bytes(1) else { return closeClient(index) }
        tally.transports.preambles.add()
        if encrypts { connections[index].asksTLS = true }
        connections[index].scanned = 0
        // What follows has not come, as a rule; if it has, it must not wait for an event of its own.
        resume(index)
    }
}
