import COpenSSL

/// What a client's sessions are made from. Without authorities it takes any certificate: for asking endpoints whether
/// they are well, whose certificates are made for other names, or by nobody that anyone knows.
///
/// Immutable once made, and OpenSSL counts its uses with atomics: sessions on any thread may be made from it.
@safe
public final class TLSClientContext: @unchecked Sendable {
    let context: OpaquePointer
    /// Sessions verify whom they talk to.
    public let verifies: Bool

    /// Whose signature on a server's certificate counts.
    public enum Trust: Equatable, Sendable {
        /// Nobody's is needed.
        case anybody
        /// The system's authorities.
        case system
        /// Those of a PEM text.
        case authorities(String)
    }

    /// `nil` when out of memory, or when the text of the authorities holds no certificate or a damaged one.
    ///
    /// - Parameter protocols: what is offered (RFC 7301), best first; empty: nothing is.
    public init?(trusting trust: Trust = .anybody, protocols: [String] = ["http/1.1"]) {
        guard let made = unsafe SSL_CTX_new(TLS_client_method()) else { return nil }
        let offers = protocols.flatMap { [UInt8(truncatingIfNeeded: $0.utf8.count)] + Array($0.utf8) }
        guard unsafe tls_ctx_set_versions(made, TLS1_2_VERSION, TLS1_3_VERSION) == 1,
            // Here 0 is success.
            unsafe offers.isEmpty || SSL_CTX_set_alpn_protos(made, offers, UInt32(offers.count)) == 0,
            unsafe Self.trust(trust, made)
        else {
            unsafe SSL_CTX_free(made)
            ERR_clear_error()
            return nil
        }
        _ = unsafe SSL_CTX_set_options(made, tls_options)
        _ = unsafe tls_ctx_set_mode(made, tls_modes)
        unsafe tls_ctx_set_read_ahead(made, 1)
        unsafe tls_ctx_set_session_cache_off(made)
        verifies = trust != .anybody
        unsafe SSL_CTX_set_verify(made, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        unsafe context = unsafe made
    }

    private static func trust(_ trust: Trust, _ context: OpaquePointer) -> Bool {
        switch trust {
        case .anybody: return true
        case .system: return unsafe SSL_CTX_set_default_verify_paths(context) == 1
        case .authorities(let text):
            let pem = PEMText(text)
            ERR_clear_error()
            var count = 0
            while let certificate = pem.nextCertificate() {
                guard unsafe X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.handle) == 1 else {
                    return false
                }
                count += 1
            }
            let end = ERR_peek_last_error()
            ERR_clear_error()
            return count > 0 && ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE
        }
    }

    deinit { unsafe SSL_CTX_free(context) }
}

extension TLSSession {
    /// A session about to send a ClientHello; `nil` when out of memory. It keeps `context` alive until ``free()``.
    /// - Parameter host: the name that the server picks its certificate by, and that a context with authorities wants
    ///   in it; `nil` or empty sends none. An IP address is no name (RFC 6066 §3).
    public static func connect(_ context: TLSClientContext, descriptor: Int32, host: String?) -> TLSSession? {
        let owner = unsafe Unmanaged.passRetained(context)
        let session =
            if let host, !host.isEmpty {
                unsafe wire_connect(context.context, descriptor, owner.toOpaque(), host)
            } else {
                unsafe wire_connect(context.context, descriptor, owner.toOpaque(), nil)
            }
        guard let session = unsafe session else {
            unsafe owner.release()
            ERR_clear_error()
            return nil
        }
        if context.verifies, let host, !host.isEmpty, unsafe SSL_set1_host(session, host) != 1 {
            unsafe TLSSession(session: session).free()
            ERR_clear_error()
            return nil
        }
        return unsafe TLSSession(session: session)
    }
}
