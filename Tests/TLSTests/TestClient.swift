import COpenSSL
import Glibc

@testable import TLS

/// An OpenSSL client on a descriptor that does not block.
@safe final class TestClient {
    struct Options {
        var name: String?
        var versions: ClosedRange<CInt> = TLS1_2_VERSION...TLS1_3_VERSION
        var ciphers: String?
        var protocols: [String] = []
        var resuming: Ticket?
    }

    @safe final class Ticket {
        let session: OpaquePointer
        init(_ session: OpaquePointer) { unsafe self.session = unsafe session }
        deinit { unsafe SSL_SESSION_free(session) }
    }

    enum Outcome: Equatable {
        case done(Int), waits, closed
        case failed(reason: CInt)
    }

    private let context: OpaquePointer
    private let session: OpaquePointer

    init(_ descriptor: CInt, _ options: Options = Options()) {
        unsafe context = unsafe SSL_CTX_new(TLS_client_method())!
        unsafe SSL_CTX_set_security_level(context, 0)
        unsafe tls_ctx_set_versions(context, options.versions.lowerBound, options.versions.upperBound)
        if let ciphers = options.ciphers { unsafe SSL_CTX_set_cipher_list(context, ciphers) }
        unsafe session = unsafe SSL_new(context)!
        unsafe SSL_set_fd(session, descriptor)
        unsafe SSL_set_connect_state(session)
        if let name = options.name { unsafe tls_set_host_name(session, name) }
        if !options.protocols.isEmpty {
            let list = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
            unsafe SSL_set_alpn_protos(session, list, UInt32(list.count))
        }
        if let ticket = options.resuming { unsafe SSL_set_session(session, ticket.session) }
    }

    deinit {
        // OpenSSL takes a session whose connection was not closed for unfit to resume, also in tickets taken before.
        unsafe SSL_set_quiet_shutdown(session, 1)
        _ = unsafe SSL_shutdown(session)
        unsafe SSL_free(session)
        unsafe SSL_CTX_free(context)
    }

    func handshake() -> Outcome {
        ERR_clear_error()
        return outcome(unsafe SSL_do_handshake(session), 0)
    }

    func read(into bytes: inout [UInt8]) -> Outcome {
        ERR_clear_error()
        var room = [UInt8](repeating: 0, count: 20_000)
        var count = 0
        let result = unsafe SSL_read_ex(session, &room, room.count, &count)
        bytes += room[..<count]
        return outcome(result, count)
    }

    func write(_ bytes: ArraySlice<UInt8>) -> Outcome {
        ERR_clear_error()
        var count = 0
        unsafe tls_ctx_set_mode(context, tls_modes)
        let result = unsafe bytes.withUnsafeBytes { unsafe SSL_write_ex(session, $0.baseAddress, $0.count, &count) }
        return outcome(result, count)
    }

    func shutdown() { _ = unsafe SSL_shutdown(session) }

    private func outcome(_ result: CInt, _ count: Int) -> Outcome {
        if result > 0 { return .done(count) }
        switch unsafe SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .waits
        case SSL_ERROR_ZERO_RETURN: return .closed
        case _: return .failed(reason: ERR_GET_REASON(ERR_peek_error()))
        }
    }

    /// The commonName of the certificate that was presented.
    var presented: String? {
        guard let certificate = unsafe SSL_get1_peer_certificate(session) else { return nil }
        let subject = unsafe X509Certificate(adopting: certificate).subject
        return String(subject.dropFirst("CN=".count))
    }

    var chainCount: Int { Int(unsafe OPENSSL_sk_num(SSL_get_peer_cert_chain(session))) }
    var isResumed: Bool { unsafe SSL_session_reused(session) == 1 }
    var ticket: Ticket? { unsafe SSL_get1_session(session).map { unsafe Ticket($0) } }
}

/// Two connected descriptors that do not block; closed at the end.
final class SocketPair {
    let near: CInt
    let far: CInt
    private var farIsOpen = true

    init(bufferBytes: CInt? = nil) {
        var pair: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        precondition(unsafe socketpair(AF_UNIX, kind, 0, &pair) == 0)
        (near, far) = (pair[0], pair[1])
        if var bufferBytes {
            for end in pair {
                unsafe setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bufferBytes, UInt32(MemoryLayout<CInt>.size))
            }
        }
        // OpenSSL's own socket BIO, which the client uses, raises it.
        _ = signal(SIGPIPE, SIG_IGN)
    }

    func closeFar() {
        if farIsOpen { _ = close(far) }
        farIsOpen = false
    }

    deinit {
        closeFar()
        _ = close(near)
    }
}
