import Contract
import Kernel
import Synchronization

/// An upstream that follows a script, one thread for each connection.
final class ScriptedUpstream: Sendable {
    /// A connection and its number, from 0.
    typealias Script = @Sendable (Peer, Int) throws -> Void

    private struct Seen {
        var accepted = 0
        var open = 0
        var requests: [Message] = []
        var faults: [PeerFault] = []
    }

    let address: SocketAddress
    private let listener: CInt
    private let bell: Bell
    private let seen = Mutex(Seen())
    private let script: Script

    init(at wanted: String = "127.0.0.1:0", _ script: @escaping Script) throws {
        self.script = script
        bell = try Bell()
        let text = SocketAddress(text: wanted) ?? SocketAddress(ipv4: 0x7f00_0001, port: 0)
        listener = try Socket.listen(on: text).release()
        address = Socket.localAddress(listener) ?? text
        try NativeThread.start(named: "upstream") { [self] in accept() }
    }

    var endpoint: Endpoint { Endpoint(address: address.description) }
    var acceptedCount: Int { seen.withLock { $0.accepted } }
    var openCount: Int { seen.withLock { $0.open } }
    var requests: [Message] { seen.withLock { $0.requests } }
    var faults: [PeerFault] { seen.withLock { $0.faults } }

    func note(_ request: Message) { seen.withLock { $0.requests.append(request) } }

    /// Accepts nothing more: connecting is refused from now on. What is open stays.
    func stop() { bell.ring() }

    private func accept() {
        guard let poller = try? Poller(), (try? poller.addLevelTriggered(listener, token: 0)) != nil,
            (try? poller.addLevelTriggered(bell.descriptor, token: 1)) != nil
        else { preconditionFailure("no poller for an upstream") }
        while (try? poller.wait(milliseconds: -1)) != nil {
            if poller.event(0).token == 1 { break }
            while case .connection(let socket, _) = Socket.accept(listener) { serve(socket) }
        }
        Socket.close(listener)
    }

    private func serve(_ socket: CInt) {
        let number = seen.withLock { seen in
            seen.accepted += 1
            seen.open += 1
            return seen.accepted - 1
        }
        let started: Void? = try? NativeThread.start(named: "upstream-\(number)") { [self] in
            do {
                let peer = try Peer(socket: socket)
                defer { peer.close() }
                try script(peer, number)
            } catch let fault as PeerFault {
                seen.withLock { $0.faults.append(fault) }
            } catch {
                preconditionFailure("an upstream's connection: \(error)")
            }
            seen.withLock { $0.open -= 1 }
        }
        precondition(started != nil, "no thread for an upstream")
    }
}

/// The upstreams, each named for its manner.
extension ScriptedUpstream {
    /// Answers each request with what `respond` makes of it, on connections that stay.
    static func steady(at address: String = "127.0.0.1:0", _ respond: @escaping @Sendable (Message) -> String) throws
        -> ScriptedUpstream
    {
        let box = UpstreamBox()
        let upstream = try ScriptedUpstream(at: address) { peer, _ in
            while let request = try peer.request() {
                box.upstream?.note(request)
                try peer.send(respond(request))
            }
        }
        box.set(upstream)
        return upstream
    }

    /// Answers 200 with this text.
    static func saying(_ text: String, at address: String = "127.0.0.1:0") throws -> ScriptedUpstream {
        try steady(at: address) { _ in ok(text) }
    }

    /// Sends this to whoever has sent a request head, and closes.
    static func once(_ bytes: [UInt8]) throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            guard try peer.requestHead() != nil else { return }
            try peer.send(bytes)
            peer.finish()
            _ = try peer.readToEnd()
        }
    }

    /// Answers each request with its body.
    static func echoing(at address: String = "127.0.0.1:0") throws -> ScriptedUpstream {
        try ScriptedUpstream(at: address) { peer, _ in
            while let request = try peer.request() {
                try peer.send(
                    Array("HTTP/1.1 200 OK\r\nContent-Length: \(request.body.count)\r\n\r\n".utf8) + request.body)
            }
        }
    }

    /// Takes a request head and says nothing.
    static func stalling() throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in
            _ = try peer.requestHead()
            _ = try peer.readToEnd()
        }
    }

    /// Takes a request head and closes without a word.
    static func earlyCloser() throws -> ScriptedUpstream {
        try ScriptedUpstream { peer, _ in _ = try peer.requestHead() }
    }

    /// Announces more bytes than it sends.
    static func lyingAboutLength(says: Int, sends: Int) throws -> ScriptedUpstream {
        try once(Array("HTTP/1.1 200 OK\r\nContent-Length: \(says)\r\n\r\n".utf8) + pattern(sends))
    }
}

func ok(_ text: String, _ fields: String = "") -> String {
    "HTTP/1.1 200 OK\r\n\(fields)Content-Length: \(text.utf8.count)\r\n\r\n\(text)"
}

/// A place for an upstream that its own script wants to speak of.
private final class UpstreamBox: Sendable {
    private let place = Mutex<ScriptedUpstream?>(nil)
    var upstream: ScriptedUpstream? { place.withLock { $0 } }
    func set(_ upstream: ScriptedUpstream) { place.withLock { $0 = upstream } }
}
