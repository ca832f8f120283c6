import Bytes
import Testing

@testable import TLS

@Suite("TLS towards an upstream")
struct ClientSessionTests {
    /// A client's and a server's session after their handshake.
    private func meet(
        _ contexts: TLSContexts, host: String?, _ body: (TLSSession, TLSSession) throws -> Void
    ) throws {
        let sockets = SocketPair()
        let server = try #require(TLSSession.accept(contexts, descriptor: sockets.near))
        let context = try #require(TLSClientContext())
        let client = try #require(TLSSession.connect(context, descriptor: sockets.far, host: host))
        defer {
            client.free()
            server.free()
        }
        var (near, far) = (TLSProgress.wantsRead, TLSProgress.wantsRead)
        for _ in 0..<20 where near != .done || far != .done {
            if far != .done { far = client.handshake() }
            if near != .done { near = server.handshake() }
        }
        #expect(near == .done && far == .done)
        try body(client, server)
    }

    @Test(
        "takes a certificate that nobody vouches for, asks for the name it was given, and talks",
        arguments: [true, false])
    func talks(_ hasName: Bool) throws {
        let authority = TestAuthority()
        let contexts = contexts([authority.input("one", for: ["site.test"])])
        try meet(contexts, host: hasName ? "site.test" : nil) { client, server in
            #expect(server.serverName.text == (hasName ? "site.test" : ""))
            #expect(server.applicationProtocol == .http11 && client.applicationProtocol == .http11)
            var buffers = BufferPool()
            let buffer = buffers.take(.normal)
            defer { buffers.give(buffer) }
            #expect(client.write(Array("ask".utf8).span) == .bytes(3))
            #expect(server.read(into: buffer) == .bytes(3))
            buffer.clear()
            #expect(server.write(Array("answer".utf8).span) == .bytes(6))
            #expect(client.read(into: buffer) == .bytes(6))
            #expect(buffer.readable.text == "answer")
            buffer.clear()
            #expect(client.read(into: buffer) == .wantsRead)
            server.shutdown()
            #expect(client.read(into: buffer) == .closed)
        }
    }
}
