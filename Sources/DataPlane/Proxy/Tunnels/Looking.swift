import Bytes
import Contract
import Engine
import Kernel
import Preface
import Routing
import TLS
import Telemetry

// What a connection begins with, where more than one kind may come to its listener: its first bytes are looked at and
// left in the socket, so that whoever they are for reads them himself. A client that waits for its server to speak
// says nothing; after a time that is an answer too.

/// What a connection is, once that is known.
enum Service {
    case tunnel(RouteID)
    /// Requests, without TLS or with it.
    case requests(secure: Bool)
    case nobody(speaksTLS: Bool)
}

extension Worker {
    /// What a listener serves begins: the connection was let in, and who it speaks for is known.
    func beginService(_ index: UInt32) {
        let listener = Int(connections[index].listener)
        let traits = tables.isEmpty ? [] : tables[currentTable].view.traits(listener: listener)
        let isRaw = listeners[listener].isRaw
        guard isRaw || !traits.isDisjoint(with: [.names, .prefaces]) else {
            return beginRequests(index, secure: listeners[listener].isSecure)
        }
        connections[index].phase = .readingPreface
        if traits.contains(.greets) { return greetMySQL(index) }
        if traits.isDisjoint(with: .looking) { return begin(index, serviceOfOther(index)) }
        // A client of requests speaks first, and has the time for that.
        let isSilent = isRaw && transportRoute(.other, index) != nil
        loop.timers.set(index, at: loop.now &+ (isSilent ? tunables.preface : tunables.head))
        if connections[index].isReadable { readPreface(index) }
    }

    /// HTTP, within TLS or without.
    func beginRequests(_ index: UInt32, secure: Bool) {
        guard secure else {
            connections[index].phase = .readingHead
            loop.timers.set(index, at: loop.now &+ tunables.head)
            if connections[index].isReadable { readHead(index) }
            return
        }
        guard let session = newSession(connections[index].socket) else { return closeClient(index) }
        connections[index].session = session
        connections[index].phase = .handshaking
        loop.timers.set(index, at: loop.now &+ tunables.handshake)
        if connections[index].isReadable { continueHandshake(index) }
    }

    /// Looks at what has come, until it says enough.
    func readPreface(_ index: UInt32) {
        if connections[index].isGreeted, !connections[index].asksTLS { return readMySQL(index) }
        guard connections[index].isReadable else { return }
        let bytes = buffers.take(.normal)
        defer { buffers.give(bytes) }
        switch Socket.peek(connections[index].socket, into: bytes, limit: ClientHelloLimit.message) {
        case .bytes: break
        case .wouldBlock:
            connections[index].isReadable = false
            return
        // Nothing will come, and somebody may speak to a client that has only that to hear.
        case .endOfStream: return begin(index, serviceOfOther(index))
        case .failed: return closeClient(index)
        }
        if let service = service(index, bytes.readable) { return begin(index, service) }
        guard connections[index].phase == .readingPreface else { return }
        // The next byte makes a new event, though these are still in the socket.
        connections[index].isReadable = false
        connections[index].scanned = UInt32(truncatingIfNeeded: bytes.count)
        if connections[index].peerFinished { begin(index, serviceOfOther(index)) }
    }

    /// Whose the connection is; `nil` while that is open, or when it was dealt with.
    private func service(_ index: UInt32, _ bytes: Span<UInt8>) -> Service? {
        guard let preface = Preface(bytes) else { return nil }
        let listener = Int(connections[index].listener)
        let traits = tables[currentTable].view.traits(listener: listener)
        guard !connections[index].asksTLS || preface == .tls else { return .nobody(speaksTLS: false) }
        switch preface {
        case .tls: return serviceOfTLS(index, bytes, traits)
        case .http1, .http2:
            if let id = transportRoute(.http, index, named: true) { return .tunnel(id) }
            if !listeners[listener].isRaw || traits.contains(.plainRequests) { return .requests(secure: false) }
            return transportRoute(.http, index).map { .tunnel($0) } ?? .nobody(speaksTLS: false)
        case .ssh: return transportRoute(.ssh, index).map { .tunnel($0) } ?? serviceOfOther(index)
        case .postgresTLS, .postgresGSS:
            // Whoever goes by names answers for the server, and hears the name then.
            if traits.contains(.names), transportRoute(.postgres, index, named: true) == nil {
                answerPostgres(index, encrypts: preface == .postgresTLS)
                return nil
            }
            return transportRoute(.postgres, index).map { .tunnel($0) } ?? .nobody(speaksTLS: false)
        case .postgres: return transportRoute(.postgres, index).map { .tunnel($0) } ?? serviceOfOther(index)
        case .other: return serviceOfOther(index)
        }
    }

    private func serviceOfTLS(_ index: UInt32, _ bytes: Span<UInt8>, _ traits: ListenerTraits) -> Service? {
        let listener = Int(connections[index].listener)
        let servesRequests =
            !connections[index].asksTLS
            && (listeners[listener].isRaw ? traits.contains(.secureRequests) : listeners[listener].isSecure)
        if traits.contains(.names) {
            switch clientHello.parse(bytes) {
            case .incomplete: return nil
            case .absent, .refused:
                tally.transports.hellosRefused.add()
                return .nobody(speaksTLS: false)
            case .complete:
                let view = tables[currentTable].view
                let id = view.route(
                    name: clientHello.name.bytes, protocols: clientHello.protocols.bytes, listener: listener)
                if let id {
                    noteServerName(index)
                    return .tunnel(id)
                }
            }
        }
        if let id = transportRoute(.tls, index, named: true) { return .tunnel(id) }
        if servesRequests { return .requests(secure: true) }
        if connections[index].asksTLS { return .nobody(speaksTLS: true) }
        return transportRoute(.tls, index).map { .tunnel($0) } ?? .nobody(speaksTLS: true)
    }

    /// Of what is none of the others, and of silence.
    private func serviceOfOther(_ index: UInt32) -> Service {
        let listener = Int(connections[index].listener)
        if let id = transportRoute(.other, index) { return .tunnel(id) }
        // What it is not will be told in its own words.
        return listeners[listener].isRaw ? .nobody(speaksTLS: false) : .requests(secure: listeners[listener].isSecure)
    }

    /// - Parameter named: only a route whose rule names the beginning.
    private func transportRoute(_ preface: TransportPreface, _ index: UInt32, named: Bool = false) -> RouteID? {
        guard !tables.isEmpty else { return nil }
        let (view, listener) = (tables[currentTable].view, Int(connections[index].listener))
        guard let id = view.route(preface: preface, listener: listener) else { return nil }
        return named && !view.isNamed(preface, listener: listener) ? nil : id
    }

    private func begin(_ index: UInt32, _ service: Service) {
        loop.timers.clear(index)
        connections[index].scanned = 0
        switch service {
        case .tunnel(let id): openTunnel(index, id)
        case .requests(let isSecure): beginRequests(index, secure: isSecure)
        case .nobody(let speaksTLS): refuseConnection(index, speaksTLS: speaksTLS)
        }
    }

    /// Its time to say something is over.
    func prefaceTimedOut(_ index: UInt32) {
        if connections[index].scanned == 0, !connections[index].asksTLS, !connections[index].isGreeted,
            listeners[Int(connections[index].listener)].isRaw, transportRoute(.other, index) != nil
        {
            return begin(index, serviceOfOther(index))
        }
        tally.clientTimeouts.add()
        tally.timeouts.preface.add()
        closeClient(index)
    }

    /// Ends a connection that was told why, or that makes no sense.
    func refuseUnrouted(_ index: UInt32) {
        loop.timers.clear(index)
        refuseConnection(index, speaksTLS: false)
    }

    /// RFC 8446 §6: an alert that is fatal, unrecognized_name.
    private static let unrecognizedName: InlineArray<7, UInt8> = [21, 3, 3, 0, 2, 2, 112]

    /// No rule is there for it. A client that speaks TLS learns as much.
    private func refuseConnection(_ index: UInt32, speaksTLS: Bool) {
        tally.transports.unrouted.add()
        tally.count(.noRoute)
        if speaksTLS {
            let output = buffers.take(.small)
            for place in Self.unrecognizedName.indices { output.append(Self.unrecognizedName[place]) }
            _ = Socket.send(connections[index].socket, output.readable)
            buffers.give(output)
        }
        recordUnroutedConnection(index)
        Socket.shutdownWrite(connections[index].socket)
        closeClient(index)
    }

    /// Keeps the name that the client asked for, for its record and for who is told.
    private func noteServerName(_ index: UInt32) {
        guard !clientHello.name.isEmpty else { return }
        serverNames[index] = clientHello.name.copy
    }
}
