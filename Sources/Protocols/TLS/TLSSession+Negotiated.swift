import COpenSSL

// What the handshake agreed on. Each is of use once the handshake is done.

extension TLSSession {
    /// The name the client asked for, as it was sent (not lower-cased, any bytes but zero, 255 at most); empty when it
    /// sent none. Valid until ``free()``.
    public var serverName: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let text = unsafe SSL_get_servername(session, TLSEXT_NAMETYPE_host_name)
            let span = unsafe bytes(ofText: text)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// As on the wire: 0x0303 is TLS 1.2, 0x0304 is TLS 1.3.
    public var negotiatedVersion: UInt16 { unsafe UInt16(truncatingIfNeeded: SSL_version(session)) }

    /// OpenSSL's name of the cipher suite, such as `TLS_AES_128_GCM_SHA256`; `(NONE)` before it is agreed.
    public var cipherName: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let text = unsafe SSL_CIPHER_get_name(SSL_get_current_cipher(session))
            let span = unsafe bytes(ofText: text)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Whether a ticket spared the full handshake.
    public var isResumed: Bool { unsafe SSL_session_reused(session) == 1 }

    /// The protocol that ALPN agreed on, as on the wire; empty when none was. Valid until ``free()``.
    public var agreedProtocol: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            var identifier: UnsafePointer<UInt8>?
            var count: UInt32 = 0
            unsafe SSL_get0_alpn_selected(session, &identifier, &count)
            guard let identifier = unsafe identifier else { return Span() }
            let span = unsafe Span(_unsafeStart: identifier, count: Int(count))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// What ALPN agreed on; `nil` when the client did not ask.
    public var applicationProtocol: TLSApplicationProtocol? {
        var identifier: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(session, &identifier, &count)
        let selected = unsafe UnsafeBufferPointer(start: identifier, count: Int(count))
        return TLSPolicy.applicationProtocols.first { known in
            unsafe selected.elementsEqual(
                UnsafeBufferPointer(start: known.identifier.utf8Start, count: known.identifier.utf8CodeUnitCount))
        }
    }
}

/// The bytes of a C string of at most 255 bytes, for as long as the string lives.
@_lifetime(immortal)
private func bytes(ofText text: UnsafePointer<CChar>?) -> Span<UInt8> {
    guard let text = unsafe text else { return Span() }
    let count = unsafe OPENSSL_strnlen(text, 255)
    let base = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
    let span = unsafe Span(_unsafeStart: base, count: count)
    return unsafe _overrideLifetime(span, copying: ())
}
