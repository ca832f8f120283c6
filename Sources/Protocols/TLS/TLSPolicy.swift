import COpenSSL

/// What is negotiated, after Mozilla's recommendations for servers (version 5.7).
public enum TLSPolicy: String, Sendable, CaseIterable {
    /// TLS 1.3 only.
    case modern
    /// TLS 1.2 with ephemeral elliptic curves and authenticated encryption, and TLS 1.3.
    case intermediate

    /// The application protocols offered, best first. The one place that says so.
    static let applicationProtocols: [TLSApplicationProtocol] = [.http11]

    /// TLS 1.2 only; TLS 1.3 keeps OpenSSL's three suites. The client's order decides (all are good, and a client
    /// without AES instructions knows that ChaCha20 serves it best).
    private static let cipherList = """
        ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
        ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
        """
    private static let groupList = "X25519:P-256:P-384"

    /// Names sessions that may be resumed here; any value does, but OpenSSL wants one.
    private static let sessionIdentity: StaticString = "kontainers"

    private var leastVersion: CInt {
        switch self {
        case .modern: TLS1_3_VERSION
        case .intermediate: TLS1_2_VERSION
        }
    }

    /// A context without a certificate, or `nil` when OpenSSL is out of memory. The caller frees it.
    func makeContext() -> OpaquePointer? {
        guard let context = unsafe SSL_CTX_new(TLS_server_method()) else { return nil }
        let configured =
            unsafe tls_ctx_set_versions(context, leastVersion, TLS1_3_VERSION) == 1
            && SSL_CTX_set_cipher_list(context, Self.cipherList) == 1
            && tls_ctx_set_groups(context, Self.groupList) == 1
            && SSL_CTX_set_session_id_context(
                context, Self.sessionIdentity.utf8Start, UInt32(Self.sessionIdentity.utf8CodeUnitCount)) == 1
        guard configured else {
            unsafe SSL_CTX_free(context)
            return nil
        }
        _ = unsafe SSL_CTX_set_options(context, tls_options)
        _ = unsafe tls_ctx_set_mode(context, tls_modes)
        // One recv takes a whole record, or several small ones, instead of the header and then the body.
        unsafe tls_ctx_set_read_ahead(context, 1)
        // Resumption is by tickets, which the client keeps; nothing is kept here.
        unsafe tls_ctx_set_session_cache_off(context)
        _ = unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(context, readyTicket)
        unsafe tls_ctx_set_name_callback(context, chooseCertificate)
        unsafe SSL_CTX_set_alpn_select_cb(context, chooseApplicationProtocol, nil)
        return unsafe context
    }
}

/// What a server agrees to speak inside TLS (RFC 7301).
enum TLSApplicationProtocols: Sendable {
    /// One of ``TLSPolicy/applicationProtocols``.
    case http
    /// One of these, best first.
    case of([[UInt8]])
    /// Nothing is agreed on.
    case anything
}

/// What is spoken inside TLS (RFC 7301).
public enum TLSApplicationProtocol: Sendable, Equatable {
    case http11

    /// The identifier on the wire.
    var identifier: StaticString {
        switch self {
        case .http11: "http/1.1"
        }
    }
}
