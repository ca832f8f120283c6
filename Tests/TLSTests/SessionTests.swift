import Bytes
import COpenSSL
import Glibc
import Testing

@testable import TLS

@Suite("Session", .timeLimit(.minutes(1)))
struct SessionTests {
    static let site = TestAuthority().input("site", for: ["site.test"])

    @Test("agrees on TLS 1.3, tells the name as sent, the suite and the application protocol")
    func agreement() throws {
        let meeting = try Meeting(
            contexts([Self.site]), .init(name: "Site.test", protocols: ["h2", "http/1.1"]))
        #expect(meeting.shakeHands())
        #expect(meeting.server.negotiatedVersion == 0x0304)
        #expect(meeting.server.serverName.text == "Site.test")
        #expect(meeting.server.cipherName.text.hasPrefix("TLS_"))
        #expect(meeting.server.applicationProtocol == .http11)
        #expect(!meeting.server.isResumed)
        #expect(meeting.client.presented == "site")
    }

    @Test("agrees on TLS 1.2 under the intermediate policy")
    func older() throws {
        let meeting = try Meeting(contexts([Self.site]), .init(versions: TLS1_2_VERSION...TLS1_2_VERSION))
        #expect(meeting.shakeHands())
        #expect(meeting.server.negotiatedVersion == 0x0303)
        #expect(meeting.server.serverName.text == "")
        #expect(meeting.server.applicationProtocol == nil)
        #expect(meeting.server.cipherName.text.hasPrefix("ECDHE-ECDSA-"))
    }

    @Test(
        "refuses versions below the policy",
        arguments: [
            (TLSPolicy.intermediate, TLS1_1_VERSION), (.intermediate, TLS1_VERSION), (.modern, TLS1_2_VERSION),
            (.modern, TLS1_1_VERSION),
        ])
    func outdated(_ policy: TLSPolicy, _ version: CInt) throws {
        let meeting = try Meeting(
            contexts([Self.site], policy: policy), .init(versions: version...version, ciphers: "ALL:@SECLEVEL=0"))
        #expect(!meeting.shakeHands())
        guard case .failed(let fault) = meeting.serverProgress else {
            Issue.record("\(meeting.serverProgress)")
            return
        }
        #expect(fault.code == .unsupportedVersion)
        #expect(meeting.clientOutcome == .failed(reason: SSL_R_TLSV1_ALERT_PROTOCOL_VERSION))
    }

    @Test(
        "refuses TLS 1.2 suites without forward secrecy or authenticated encryption",
        arguments: [
            "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA",
        ])
    func weakSuites(_ suite: String) throws {
        let meeting = try Meeting(
            contexts([Self.site]), .init(versions: TLS1_2_VERSION...TLS1_2_VERSION, ciphers: suite))
        #expect(!meeting.shakeHands())
        guard case .failed(let fault) = meeting.serverProgress else {
            Issue.record("\(meeting.serverProgress)")
            return
        }
        #expect(fault.code == .noSharedCipher)
        #expect(fault.name.description == "no_shared_cipher")
    }

    @Test("ends with no_application_protocol when the client speaks none of ours")
    func foreignProtocol() throws {
        let meeting = try Meeting(contexts([Self.site]), .init(protocols: ["ftp"]))
        #expect(!meeting.shakeHands())
        guard case .failed(let fault) = meeting.serverProgress else {
            Issue.record("\(meeting.serverProgress)")
            return
        }
        #expect(fault.code == .noApplicationProtocol)
        #expect(meeting.clientOutcome == .failed(reason: SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL))
    }

    @Test("without any certificate ends with unrecognized_name", arguments: ["site.test", nil])
    func withoutCertificates(_ name: String?) throws {
        let none = contexts([])
        #expect(none.isEmpty)
        let meeting = try Meeting(none, .init(name: name))
        #expect(!meeting.shakeHands())
        guard case .failed(let fault) = meeting.serverProgress else {
            Issue.record("\(meeting.serverProgress)")
            return
        }
        #expect(fault.code == .unknownName)
        #expect(meeting.clientOutcome == .failed(reason: SSL_R_TLSV1_UNRECOGNIZED_NAME))
    }

    @Test(
        "tells plain HTTP and noise from TLS, and sends neither an answer",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", TLSFault.Code.httpRequest), ("POST / HTTP/1.1\r\n\r\n", .httpRequest),
            ("DELETE / HTTP/1.1\r\n\r\n", .httpRequest), ("CONNECT a:443 HTTP/1.1\r\n\r\n", .httpRequest),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .httpRequest), ("SSH-2.0-OpenSSH_9.2\r\n", .notTLS),
            ("\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}", .notTLS), ("* OK IMAP4\r\n", .notTLS),
        ])
    func notTLS(_ text: String, _ code: TLSFault.Code) throws {
        let sockets = SocketPair()
        let session = try #require(TLSSession.accept(contexts([Self.site]), descriptor: sockets.near))
        defer { session.free() }
        let bytes = Array(text.utf8)
        #expect(unsafe send(sockets.far, bytes, bytes.count, 0) == bytes.count)
        guard case .failed(let fault) = session.handshake() else {
            Issue.record("no failure")
            return
        }
        #expect(fault.code == code)
        session.shutdown()
        var answer: [UInt8] = [0]
        #expect(unsafe recv(sockets.far, &answer, 1, 0) == -1)
    }

    @Test("accepts a ClientHello that arrives byte by byte")
    func dribbled() throws {
        let (outer, inner) = (SocketPair(), SocketPair())
        let session = try #require(TLSSession.accept(contexts([Self.site]), descriptor: inner.near))
        defer { session.free() }
        let client = TestClient(outer.far, .init(name: "site.test"))
        var (progress, outcome) = (TLSProgress.wantsRead, TestClient.Outcome.waits)
        var steps = 0
        var block = [UInt8](repeating: 0, count: 65_536)
        while progress != .done || outcome == .waits {
            steps += 1
            try #require(steps < 5_000)
            if outcome == .waits { outcome = client.handshake() }
            if unsafe recv(outer.near, &block, 1, 0) == 1 {
                #expect(unsafe send(inner.far, block, 1, 0) == 1)
            }
            if progress != .done {
                progress = session.handshake()
                #expect(progress == .wantsRead || progress == .done)
            }
            let count = unsafe recv(inner.far, &block, block.count, 0)
            if count > 0 { #expect(unsafe send(outer.near, block, count, 0) == count) }
        }
        #expect(steps > 250)
        #expect(outcome == .done(0))
        #expect(client.presented == "site")
    }

    @Test("an end or reset in the middle of the handshake is told as such", arguments: [0, 1, 4, 5, 6, 60, 200])
    func cutHandshake(after kept: Int) throws {
        let (outer, inner) = (SocketPair(), SocketPair())
        let session = try #require(TLSSession.accept(contexts([Self.site]), descriptor: inner.near))
        defer { session.free() }
        let client = TestClient(outer.far, .init(name: "site.test"))
        #expect(client.handshake() == .waits)
        var hello = [UInt8](repeating: 0, count: kept)
        if kept > 0 {
            #expect(unsafe recv(outer.near, &hello, kept, 0) == kept)
            #expect(unsafe send(inner.far, hello, kept, 0) == kept)
        }
        #expect(session.handshake() == .wantsRead)
        inner.closeFar()
        guard case .failed(let fault) = session.handshake() else {
            Issue.record("no failure")
            return
        }
        #expect(fault.code == .truncated || fault.code == .system)
    }

    @Test("a record that was tampered with is a protocol error")
    func tampered() throws {
        let (outer, inner) = (SocketPair(), SocketPair())
        let session = try #require(TLSSession.accept(contexts([Self.site]), descriptor: inner.near))
        defer { session.free() }
        let client = TestClient(outer.far)
        var block = [UInt8](repeating: 0, count: 65_536)
        func relay(from: CInt, to: CInt, flipping: Bool = false) {
            let count = unsafe recv(from, &block, block.count, 0)
            guard count > 0 else { return }
            if flipping { block[count - 1] ^= 1 }
            #expect(unsafe send(to, block, count, 0) == count)
        }
        for _ in 0..<3 {
            _ = client.handshake()
            relay(from: outer.near, to: inner.far)
            _ = session.handshake()
            relay(from: inner.far, to: outer.near)
        }
        #expect(session.handshake() == .done)
        #expect(client.write([1, 2, 3]) == .done(3))
        relay(from: outer.near, to: inner.far, flipping: true)
        var pool = BufferPool()
        let buffer = pool.take(.normal)
        defer { pool.give(buffer) }
        guard case .failed(let fault) = session.read(into: buffer) else {
            Issue.record("no failure")
            return
        }
        #expect(fault.code == .protocolError)
    }

    @Test("contexts serve several threads at once")
    func shared() async throws {
        let contexts = contexts([Self.site])
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try (0..<50).filter { _ in try Meeting(contexts, .init(name: "site.test")).shakeHands() }.count
                }
            }
            for try await count in group { #expect(count == 50) }
        }
    }
}
