import Balancing
import Bytes
import Engine
import Kernel
import Preface
import Telemetry

// A MySQL client waits for its server to speak, and says which name it wants only in the ClientHello that follows.
// Where routes go by names, the greeting is ours to send; the endpoint's own is swallowed, and the client's question
// for TLS handed on to it (`TunnelSecuring`). Packets are numbered, so the endpoint must get TLS too: what it hears
// then bears the numbers that it counts.

extension Worker {
    /// Says what a server of MySQL would, and listens.
    func greetMySQL(_ index: UInt32) {
        connections[index].isGreeted = true
        var challenge = InlineArray<20, UInt8>(repeating: 0)
        // Nobody answers for it: the server asks anew. A zero would end it early.
        for place in challenge.indices { challenge[place] = UInt8(truncatingIfNeeded: random.next()) | 1 }
        let greeting = MySQL.greeting(challenge: challenge)
        guard sendWords(greeting.span, to: index) else { return closeClient(index) }
        loop.timers.set(index, at: loop.now &+ tunables.head)
        if connections[index].isReadable { readMySQL(index) }
    }

    /// Takes the question for TLS out of the socket. What follows is a ClientHello like any other.
    func readMySQL(_ index: UInt32) {
        guard connections[index].isReadable else { return }
        let bytes = buffers.take(.small)
        defer { buffers.give(bytes) }
        switch Socket.peek(connections[index].socket, into: bytes, limit: MySQL.requestBytes) {
        case .bytes: break
        case .wouldBlock:
            connections[index].isReadable = false
            return
        case .endOfStream, .failed: return closeClient(index)
        }
        switch MySQL.clientWord(bytes.readable) {
        case .incomplete:
            guard !connections[index].peerFinished else { return closeClient(index) }
            // The next byte makes a new event, though these are still in the socket.
            connections[index].isReadable = false
            connections[index].scanned = UInt32(truncatingIfNeeded: bytes.count)
        case .asksTLS:
            bytes.clear()
            guard
                Socket.receive(connections[index].socket, into: bytes, limit: MySQL.requestBytes)
                    == .bytes(MySQL.requestBytes)
            else { return closeClient(index) }
            let question = bytes.readable
            mysqlQuestions[index] = question.indices.map { question[$0] }
            tally.transports.preambles.add()
            connections[index].asksTLS = true
            connections[index].scanned = 0
            // What follows has not come, as a rule; if it has, it must not wait for an event of its own.
            resume(index)
        case .speaksPlainly:
            let words = MySQL.tlsWanted
            _ = sendWords(words.span, to: index)
            refuseUnrouted(index)
        case .malformed: refuseUnrouted(index)
        }
    }

    private func sendWords(_ words: Span<UInt8>, to index: UInt32) -> Bool {
        let output = buffers.take(.small)
        defer { buffers.give(output) }
        output.append(words)
        return Socket.send(connections[index].socket, output.readable) == .bytes(words.count)
    }

    // MARK: - The endpoint's side

    /// Swallows the endpoint's greeting. `true` when it is here whole and offers TLS; `false`: it is waited for; `nil`:
    /// it refuses, or is none.
    func hearGreeting(_ index: UInt32) -> Bool? {
        let upstream = exchanges[index].upstream
        guard connections[upstream].isReadable else { return false }
        let bytes = buffers.take(.normal)
        defer { buffers.give(bytes) }
        let limit = MySQL.headerBytes + MySQL.greetingLimit
        switch Socket.peek(connections[upstream].socket, into: bytes, limit: limit) {
        case .bytes: break
        case .wouldBlock:
            connections[upstream].isReadable = false
            return false
        case .endOfStream, .failed: return nil
        }
        switch MySQL.serverWord(bytes.readable) {
        case .incomplete:
            guard !connections[upstream].peerFinished else { return nil }
            connections[upstream].isReadable = false
            return false
        case .greets(let count, let offersTLS):
            bytes.clear()
            guard offersTLS,
                Socket.receive(connections[upstream].socket, into: bytes, limit: count) == .bytes(count)
            else { return nil }
            return true
        case .refuses, .malformed: return nil
        }
    }

    /// Puts the client's question where what the endpoint gets next is sent from.
    func appendMySQLQuestion(_ index: UInt32) {
        guard let question = mysqlQuestions[exchanges[index].client],
            let output = connections[exchanges[index].upstream].output
        else { preconditionFailure("a greeting was answered by nobody") }
        output.clear()
        output.append(question.span)
    }
}
