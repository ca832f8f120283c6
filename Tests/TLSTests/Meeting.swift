import Bytes
import Testing

@testable import TLS

/// A server's session and a client on one pair of sockets, driven in turns on one thread.
final class Meeting {
    let sockets: SocketPair
    let server: TLSSession
    let client: TestClient
    var pool = BufferPool()
    private(set) var serverProgress = TLSProgress.wantsRead
    private(set) var clientOutcome = TestClient.Outcome.waits

    init(_ contexts: TLSContexts, _ options: TestClient.Options = .init(), bufferBytes: CInt? = nil) throws {
        sockets = SocketPair(bufferBytes: bufferBytes)
        server = try #require(TLSSession.accept(contexts, descriptor: sockets.near))
        client = TestClient(sockets.far, options)
    }

    deinit { server.free() }

    /// Goes on until both ends are done or one gave up. True when both are done.
    @discardableResult func shakeHands() -> Bool {
        for _ in 0..<50 {
            if clientOutcome == .waits { clientOutcome = client.handshake() }
            switch serverProgress {
            case .wantsRead, .wantsWrite: serverProgress = server.handshake()
            case .done, .closed, .failed: break
            }
            if case .failed = serverProgress {
                // Lets the client see the alert.
                if clientOutcome == .waits { clientOutcome = client.handshake() }
                return false
            }
            if serverProgress == .done, case .done = clientOutcome { return true }
        }
        return false
    }

    /// Everything the server can read now.
    func serverReads() -> (bytes: [UInt8], last: TLSTransfer) {
        let buffer = pool.take(.normal)
        defer { pool.give(buffer) }
        var bytes: [UInt8] = []
        while true {
            let transfer = server.read(into: buffer)
            guard case .bytes(let count) = transfer else { return (bytes, transfer) }
            #expect(count == buffer.count)
            let readable = buffer.readable
            for index in readable.indices { bytes.append(readable[index]) }
            buffer.consume(count)
        }
    }
}

extension Span<UInt8> {
    var text: String {
        var bytes: [UInt8] = []
        for index in indices { bytes.append(self[index]) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Contexts of these certificates, which must all be good.
func contexts(
    _ certificates: [CertificateInput], assignments: [(host: String, certificate: String)] = [],
    policy: TLSPolicy = .intermediate, previous: TLSContexts? = nil
) -> TLSContexts {
    let (made, failures) = TLSContexts.build(
        certificates: certificates, assignments: assignments, policy: policy, previous: previous)
    #expect(failures.isEmpty)
    return made
}
