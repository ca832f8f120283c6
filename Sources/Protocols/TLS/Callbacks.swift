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
    guard let session = unsafe session, let owner = unsafe wire_of(session).pointee.owner else {
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    let offered = unsafe UnsafeBufferPointer(start: offers, count: Int(offersCount))
    let found: Range<Int>?
    switch unsafe Unmanaged<TLSContexts>.fromOpaque(owner).takeUnretainedValue().protocols {
    case .anything: return SSL_TLSEXT_ERR_NOACK
    case .of(let names):
        found =
            names.lazy.compactMap { name in
                unsafe name.withUnsafeBufferPointer { unsafe place(of: $0, among: offered) }
            }.first
    case .http:
        found =
            TLSPolicy.applicationProtocols.lazy.compactMap { ours in
                let name = unsafe UnsafeBufferPointer(
                    start: ours.identifier.utf8Start, count: ours.identifier.utf8CodeUnitCount)
                return unsafe place(of: name, among: offered)
            }.first
    }
    guard let found else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    unsafe chosen?.pointee = offers.map { unsafe $0 + found.lowerBound }
    unsafe chosenCount?.pointee = UInt8(found.count)
    return SSL_TLSEXT_ERR_OK
}

/// Where a name lies in a client's offers. Each offer is a length and that many bytes; OpenSSL has checked that they
/// fit.
private func place(of name: UnsafeBufferPointer<UInt8>, among offers: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
    var at = 0
    while at < offers.count {
        let (start, end) = unsafe (at + 1, at + 1 + Int(offers[at]))
        guard end <= offers.count else { break }
        if unsafe offers[start..<end].elementsEqual(name) { return start..<end }
        at = end
    }
    return nil
}

/// Readies OpenSSL to make (`isMaking` is 1) or to read a session ticket.
///
/// Answers as OpenSSL asks: below 0 the handshake fails, 0 stands for no ticket, 1 for a good one, 2 for a good one to
/// be replaced. In TLS 1.3 every ticket is replaced, since a client should use it once (RFC 8446 appendix C.4).
@c(kontainers_tls_ready_ticket)
func readyTicket(
    _ session: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?, _ iv: UnsafeMutablePointer<UInt8>?,
    _ cipher: OpaquePointer?, _ mac: OpaquePointer?, _ isMaking: CInt
) -> CInt {
    guard let session = unsafe session, let name = unsafe name, let iv = unsafe iv,
        let owner = unsafe wire_of(session).pointee.owner
    else { return -1 }
    let keys = unsafe Unmanaged<TLSContexts>.fromOpaque(owner).takeUnretainedValue().ticketKeys
    let named = unsafe UnsafeMutableBufferPointer(start: name, count: TicketKeys.Key.nameCount)
    let now = tls_seconds()
    if isMaking == 1 {
        let key = keys.current(at: now)
        _ = unsafe named.update(fromContentsOf: key.name)
        guard unsafe RAND_bytes(iv, CInt(EVP_MAX_IV_LENGTH)) == 1 else { return -1 }
        return unsafe tls_ready_ticket(cipher, mac, key.secret, key.proof, iv, 1) == 1 ? 1 : -1
    }
    guard let (key, isCurrent) = unsafe keys.key(named: Array(named), at: now) else { return 0 }
    guard unsafe tls_ready_ticket(cipher, mac, key.secret, key.proof, iv, 0) == 1 else { return -1 }
    let mayBeUsedAgain = unsafe SSL_version(session) < TLS1_3_VERSION
    return isCurrent && mayBeUsedAgain ? 1 : 2
}
