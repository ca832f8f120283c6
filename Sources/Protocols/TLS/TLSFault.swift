import COpenSSL

/// Why a session ended badly. The peer's fault nearly always: counted, and told at debug level.
public struct TLSFault: Equatable, Sendable {
    public enum Code: UInt8, Sendable, CaseIterable {
        /// No cipher suite that client and certificate both know, or no signature algorithm or group in common.
        case noSharedCipher
        /// The client offers no version that the policy admits.
        case unsupportedVersion
        /// There is no certificate to answer with; the alert unrecognized_name was sent.
        case unknownName
        /// The client offers application protocols, and none is ours.
        case noApplicationProtocol
        /// HTTP without TLS on this port. Nothing was sent: the answer may still go out in plain text.
        case httpRequest
        /// Neither TLS nor HTTP. Nothing was sent.
        case notTLS
        /// The peer ended the session by an alert; ``TLSFault/detail`` is its number (RFC 8446 §6).
        case peerAlert
        /// The connection ended without close_notify. Common and harmless between exchanges.
        case truncated
        /// What came breaks the protocol, or was tampered with.
        case protocolError
        /// A system call failed; ``TLSFault/detail`` is errno.
        case system
        /// Out of memory, or OpenSSL is wrong in itself.
        case library
    }

    public let code: Code
    /// The alert's number, errno, or OpenSSL's reason code, as ``code`` says.
    public let detail: Int32

    public init(code: Code, detail: Int32 = 0) {
        self.code = code
        self.detail = detail
    }

    /// For counters and logs.
    public var name: StaticString {
        switch code {
        case .noSharedCipher: "no_shared_cipher"
        case .unsupportedVersion: "unsupported_version"
        case .unknownName: "unknown_name"
        case .noApplicationProtocol: "no_application_protocol"
        case .httpRequest: "http_request"
        case .notTLS: "not_tls"
        case .peerAlert: "peer_alert"
        case .truncated: "truncated"
        case .protocolError: "protocol_error"
        case .system: "system"
        case .library: "library"
        }
    }

    /// Reason codes that tell of a peer's alert: its number, plus an offset. Beyond them are codes with flags.
    private static let alertReasons = SSL_AD_REASON_OFFSET...(SSL_AD_REASON_OFFSET + 255)

    /// What the oldest entry of this thread's error queue means; later entries only say who noticed.
    static func oldest(startsLikeHTTP: Bool) -> TLSFault {
        let entry = ERR_peek_error()
        let reason = ERR_GET_REASON(entry)
        guard ERR_GET_LIB(entry) == ERR_LIB_SSL else {
            // A bad key share, signature or point shows as an error of the library that computes it.
            return TLSFault(code: reason == CInt(ERR_R_MALLOC_FAILURE) ? .library : .protocolError, detail: reason)
        }
        if alertReasons.contains(reason) { return TLSFault(code: .peerAlert, detail: reason - SSL_AD_REASON_OFFSET) }
        switch reason {
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SUITABLE_GROUPS,
            SSL_R_NO_CIPHERS_AVAILABLE:
            return TLSFault(code: .noSharedCipher, detail: reason)
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH, SSL_R_UNKNOWN_PROTOCOL,
            SSL_R_INAPPROPRIATE_FALLBACK:
            return TLSFault(code: .unsupportedVersion, detail: reason)
        case SSL_R_CALLBACK_FAILED, SSL_R_CLIENTHELLO_TLSEXT:
            return TLSFault(code: .unknownName, detail: reason)
        case SSL_R_NO_APPLICATION_PROTOCOL:
            return TLSFault(code: .noApplicationProtocol, detail: reason)
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
            return TLSFault(code: .httpRequest, detail: reason)
        case SSL_R_WRONG_VERSION_NUMBER:
            return TLSFault(code: startsLikeHTTP ? .httpRequest : .notTLS, detail: reason)
        case SSL_R_UNEXPECTED_EOF_WHILE_READING:
            return TLSFault(code: .truncated, detail: reason)
        case CInt(ERR_R_MALLOC_FAILURE), CInt(ERR_R_INTERNAL_ERROR):
            return TLSFault(code: .library, detail: reason)
        case _:
            return TLSFault(code: .protocolError, detail: reason)
        }
    }
}

/// Empties this thread's error queue. OpenSSL keeps it a thread, whoever made the entries, so it is emptied before
/// each call whose failure will be read from it; it is empty already, as a rule, and looking costs less than clearing.
@inline(__always)
func forgetErrors() {
    if ERR_peek_error() != 0 { ERR_clear_error() }
}
