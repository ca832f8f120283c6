import COpenSSL

/// What a client's sessions are made from. It takes any certificate: for asking endpoints whether they are well, whose
/// certificates are made for other names, or by nobody that anyone knows.
///
/// Immutable once made, and OpenSSL counts its uses with atomics: sessions on any thread may be made from it.
@safe
public final class TLSClientContext: @unchecked Sendable {
    let context: OpaquePointer

    /// `nil` when out of memory.
    public init?() {
        guard let made = unsafe SSL_CTX_new(TLS_client_method()) else { return nil }
        let protocols: [UInt8] = [8] + Array("http/1.1".utf8)
        guard unsafe tls_ctx_set_versions(made, TLS1_2_VERSION, TLS1_3_VERSION) == 1,
            // Here 0 is success.
            unsafe SSL_CTX_set_alpn_protos(made, protocols, UInt32(protocols.count)) == 0
        else {
            unsafe SSL_CTX_free(made)
            return nil
        }
        _ = unsafe SSL_CTX_set_options(made, tls_options)
        _ = unsafe tls_ctx_set_mode(made, tls_modes)
        unsafe tls_ctx_set_read_ahead(made, 1)
        unsafe tls_ctx_set_session_cache_off(made)
        unsafe SSL_CTX_set_verify(made, SSL_VERIFY_NONE, nil)
        unsafe context = unsafe made
    }

    deinit { unsafe SSL_CTX_free(context) }
}

extension TLSSession {
    /// A session about to send a ClientHello; `nil` when out of memory. It keeps `context` alive until ``free()``.
    /// - Parameter host: the name that the server picks its certificate by; `nil` or empty sends none. An IP address is
    ///   no name (RFC 6066 §3).
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
        return unsafe TLSSession(session: session)
    }
}
