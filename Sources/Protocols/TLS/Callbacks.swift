import COpenSSL

// What OpenSSL asks us in the middle of a handshake, on the thread that drives it.

/// Picks the certificate by the name the client asked for (RFC 6066 §3), from the contexts the session started with.
///
/// Called in every handshake, with or without a name. The session keeps the ticket keys of the context it was made
/// from; what changes here is the certificate.
@c(kontainers_tls_choose_certificate)
func chooseCertificate(
    _ session: OpaquePointer?, _ alert: UnsafeMutablePointer<CInt>?, _ argument: UnsafeMutableRawPointer?
) -> CInt {
    guard let session = unsafe session, let owner = unsafe wire_of(session).pointee.owner else {
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    // Alive: TLSSession holds one reference from accept to free.
    let contexts = unsafe Unmanaged<TLSContexts>.fromOpaque(owner).takeUnretainedValue()
    var asked: [UInt8] = []
    if let text = unsafe SSL_get_servername(session, TLSEXT_NAMETYPE_host_name) {
        // OpenSSL admits 255 bytes at most; a name takes 253, so a longer one is nobody's.
        let count = unsafe OPENSSL_strnlen(text, ServerName.bytesLimit + 1)
        unsafe text.withMemoryRebound(to: UInt8.self, capacity: count) { bytes in
            asked = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
        }
    }
    guard let certificate = contexts.certificate(forName: asked.span) else {
        unsafe alert?.pointee = CInt(SSL_AD_UNRECOGNIZED_NAME)
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    guard unsafe SSL_set_SSL_CTX(session, certificate.context) != nil else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    return SSL_TLSEXT_ERR_OK
}

/// Picks the first of our protocols that the client offers. When there is none the handshake ends with the alert
/// no_application_protocol (RFC 7301 §3.2): going on in another protocol than the client's is how attacks across
/// protocols work.
@c(kontainers_tls_choose_application_protocol)
func chooseApplicationProtocol(
    _ session: OpaquePointer?, _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?, _ offers: UnsafePointer<UInt8>?, _ offersCount: UInt32,
    _ argument: UnsafeMutableRawPointer?
) -> CInt {
    let offered = unsafe UnsafeBufferPointer(start: offers, count: Int(offersCount))
    for ours in TLSPolicy.applicationProtocols {
        let wanted = unsafe UnsafeBufferPointer(
            start: ours.identifier.utf8Start, count: ours.identifier.utf8CodeUnitCount)
        var at = 0
        // Each offer is a length and that many bytes; OpenSSL has checked that they fit.
        while at < offered.count {
            let (start, end) = unsafe (at + 1, at + 1 + Int(offered[at]))
            guard end <= offered.count else { break }
            if unsafe offered[start..<end].elementsEqual(wanted) {
                unsafe chosen?.pointee = offers.map { unsafe $0 + start }
                unsafe chosenCount?.pointee = UInt8(end - start)
                return SSL_TLSEXT_ERR_OK
            }
            at = end
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
