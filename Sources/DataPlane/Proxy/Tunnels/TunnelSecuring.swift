import Bytes
import Engine
import Kernel
import Routing
import TLS
import Telemetry

// What is settled with an endpoint before it gets the client's bytes. Nothing of the client's has been sent until all
// of it is done, so whatever fails here fails as a connect does, and another endpoint may be tried.

extension Worker {
    /// The connect came about.
    func upstreamOpened(_ index: UInt32) {
        let upstream = exchanges[index].upstream
        connections[upstream].phase = .securing
        exchanges[index].opening = .sending
        continueOpening(index)
    }

    /// Goes on where the endpoint was waited for.
    func continueOpening(_ index: UInt32) {
        while true {
            let isDone =
                switch exchanges[index].opening {
                case .none, .connecting: preconditionFailure("no endpoint is there for a tunnel")
                case .sending: sendOpening(index)
                case .asking: hearAnswer(index)
                case .greeting: hearGreeting(index)
                case .questioning: sendOpening(index)
                case .handshaking: continueUpstreamHandshake(index)
                }
            guard let isDone else { return openingFailed(index) }
            guard isDone else { return }
            guard let next = next(after: exchanges[index].opening, index) else { return beginTunnel(index) }
            if next == .questioning { appendMySQLQuestion(index) }
            exchanges[index].opening = next
        }
    }

    private func next(after step: Opening, _ index: UInt32) -> Opening? {
        let view = tables[Int(exchanges[index].table)].view
        let transport = view.transport(of: view.route(RouteID(number: exchanges[index].route)))
        switch step {
        case .none: return nil
        case .connecting: return .sending
        case .sending where connections[exchanges[index].client].isGreeted: return .greeting
        case .greeting: return .questioning
        case .sending where asksUpstreamTLS(index, transport): return .asking
        case .sending, .asking, .questioning: return transport.originates ? .handshaking : nil
        case .handshaking: return nil
        }
    }

    // Each answers `true` when it is done, `false` when it waits, `nil` when it has failed.

    private func sendOpening(_ index: UInt32) -> Bool? {
        let upstream = exchanges[index].upstream
        guard let output = connections[upstream].output else { preconditionFailure("a connect without its head") }
        while !output.isEmpty {
            guard connections[upstream].isWritable else { return false }
            switch Socket.send(connections[upstream].socket, output.readable) {
            // It may have to be sent again, to another endpoint.
            case .bytes(let count): output.advance(count)
            case .wouldBlock:
                connections[upstream].isWritable = false
                return false
            case .endOfStream, .failed: return nil
            }
        }
        return true
    }

    /// One byte: S for yes. An endpoint that does not speak TLS cannot have a client that does.
    private func hearAnswer(_ index: UInt32) -> Bool? {
        let upstream = exchanges[index].upstream
        guard connections[upstream].isReadable else { return false }
        let buffer = buffers.take(.small)
        defer { buffers.give(buffer) }
        switch Socket.receive(connections[upstream].socket, into: buffer, limit: 1) {
        case .bytes: return buffer.readable[0] == UInt8(ascii: "S") ? true : nil
        case .wouldBlock:
            connections[upstream].isReadable = false
            return false
        case .endOfStream, .failed: return nil
        }
    }

    private func continueUpstreamHandshake(_ index: UInt32) -> Bool? {
        let upstream = exchanges[index].upstream
        if connections[upstream].session == nil {
            guard let session = upstreamSession(index) else { return nil }
            connections[upstream].session = session
        }
        guard let session = connections[upstream].session else { return nil }
        switch session.handshake() {
        case .done:
            connections[upstream].isReadable = true
            return true
        case .wantsRead, .wantsWrite: return connections[upstream].peerFinished ? nil : false
        case .closed, .failed: return nil
        }
    }

    /// A client's side of TLS, towards the name that the rule says or the one that the client asked for.
    private func upstreamSession(_ index: UInt32) -> TLSSession? {
        let revision = tables[Int(exchanges[index].table)].revision
        guard let terms = revision?.connectionTLS[exchanges[index].route], let context = terms.client else {
            return nil
        }
        var name = terms.serverName
        if name == nil, let asked = serverNames[exchanges[index].client] {
            name = String(decoding: asked, as: UTF8.self)
        }
        // A name to verify there must be.
        guard name != nil || !context.verifies else { return nil }
        return TLSSession.connect(
            context, descriptor: connections[exchanges[index].upstream].socket, host: name)
    }

    private func openingFailed(_ index: UInt32) {
        tally.transports.openingFailures.add()
        upstreamFailed(index, .refused)
    }
}
