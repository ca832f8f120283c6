import COpenSSL

// Owners of what OpenSSL reads from PEM, and what can be asked of them. Used while a revision is built, not on the path
// of a request.

/// A PEM text being read from its start.
@safe struct PEMText: ~Copyable {
    private let reader: OpaquePointer
    private let copy: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) {
        // A memory BIO reads in place: the bytes must stay where they are for as long as it lives.
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, text.utf8.count))
        let (_, count) = unsafe copy.initialize(from: text.utf8)
        guard let reader = unsafe tls_memory(copy.baseAddress, CInt(count)) else {
            preconditionFailure("out of memory")
        }
        unsafe self.copy = unsafe copy
        unsafe self.reader = unsafe reader
    }

    deinit {
        unsafe BIO_free(reader)
        // It may be a key.
        unsafe OPENSSL_cleanse(copy.baseAddress, copy.count)
        unsafe copy.deallocate()
    }

    /// `nil` at the end, or at a block that cannot be read: the error queue tells which.
    func nextCertificate() -> X509Certificate? {
        unsafe tls_read_certificate(reader).map { unsafe X509Certificate(adopting: $0) }
    }

    /// The first private key of any kind.
    func key() -> PrivateKey? {
        unsafe tls_read_key(reader).map { unsafe PrivateKey(adopting: $0) }
    }
}

@safe final class PrivateKey {
    let handle: OpaquePointer

    init(adopting handle: OpaquePointer) { unsafe self.handle = unsafe handle }
    deinit { unsafe EVP_PKEY_free(handle) }

    var publicKey: PublicKey { unsafe PublicKey(handle) }
}

/// What may be told about a key: its public half.
struct PublicKey {
    /// Such as `EC prime256v1` or `RSA 2048 bits`.
    let kind: String
    /// SHA-256 of the SubjectPublicKeyInfo (RFC 5280 §4.1), what pins are made of.
    let fingerprint: [UInt8]

    init(_ handle: OpaquePointer?) {
        guard let handle = unsafe handle else {
            (kind, fingerprint) = ("of an unknown kind", [])
            return
        }
        let type = unsafe EVP_PKEY_get0_type_name(handle).map { unsafe String(cString: $0) } ?? "unknown"
        var group = [CChar](repeating: 0, count: 64)
        var count = 0
        if unsafe EVP_PKEY_get_group_name(handle, &group, group.count, &count) == 1, count < group.count {
            kind = "\(type) \(String(decoding: group[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self))"
        } else {
            kind = unsafe "\(type) \(EVP_PKEY_get_bits(handle)) bits"
        }
        var encoded: UnsafeMutablePointer<UInt8>?
        let encodedCount = unsafe i2d_PUBKEY(handle, &encoded)
        var digest = [UInt8](repeating: 0, count: 32)
        if encodedCount > 0, unsafe EVP_Digest(encoded, Int(encodedCount), &digest, nil, EVP_sha256(), nil) == 1 {
            fingerprint = digest
        } else {
            fingerprint = []
        }
        unsafe CRYPTO_free(encoded, #file, #line)
        ERR_clear_error()
    }

    var description: String {
        let digits = Array("0123456789abcdef")
        // Eight bytes are enough to compare by eye.
        let start = fingerprint.prefix(8).map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
        return "\(kind) (SHA-256 of the public key: \(start)…)"
    }
}

/// Never changed once read; what OpenSSL computes about it later, it computes under a lock.
@safe final class X509Certificate: @unchecked Sendable {
    enum Validity { case valid, expired, notYet }

    let handle: OpaquePointer

    init(adopting handle: OpaquePointer) { unsafe self.handle = unsafe handle }
    deinit { unsafe X509_free(handle) }

    var publicKey: PublicKey { unsafe PublicKey(X509_get0_pubkey(handle)) }
    var subject: String { unsafe text(X509_get_subject_name(handle)) }
    var issuer: String { unsafe text(X509_get_issuer_name(handle)) }
    var notBefore: String { unsafe text(time: X509_get0_notBefore(handle)) }
    var notAfter: String { unsafe text(time: X509_get0_notAfter(handle)) }

    /// Judged by the system's clock, as the clients judge by theirs.
    var validity: Validity {
        if unsafe X509_cmp_current_time(X509_get0_notAfter(handle)) < 0 { return .expired }
        return unsafe X509_cmp_current_time(X509_get0_notBefore(handle)) > 0 ? .notYet : .valid
    }

    /// What a person should know about its time; `nil` when it is valid.
    var validityWarning: String? {
        switch validity {
        case .valid: nil
        case .expired: "the certificate “\(subject)” expired at \(notAfter): clients will refuse it; renew it"
        case .notYet:
            "the certificate “\(subject)” is valid only from \(notBefore): clients refuse it until then; is this "
                + "machine's clock right?"
        }
    }

    /// The hosts it vouches for: every dNSName of subjectAltName; the commonName only without such an extension
    /// (RFC 6125 §6.4.4).
    var names: [NamePattern] {
        guard let list = unsafe tls_names(handle) else {
            ERR_clear_error()
            var count: CInt = 0
            guard let text = unsafe tls_common_name(handle, &count) else { return [] }
            return unsafe [NamePattern(UnsafeBufferPointer(start: text, count: Int(count)))].compactMap { $0 }
        }
        defer { unsafe tls_names_free(list) }
        var found: [NamePattern] = []
        for place in 0..<min(Int(unsafe tls_name_count(list)), CertificateLimits.namesCountLimit) {
            var count: CInt = 0
            guard let text = unsafe tls_name_at(list, CInt(place), &count) else { continue }
            if let pattern = unsafe NamePattern(UnsafeBufferPointer(start: text, count: Int(count))) {
                found.append(pattern)
            }
        }
        return found
    }

    private func text(_ name: OpaquePointer?) -> String {
        unsafe printed { unsafe tls_print_name($0, name) }
    }

    private func text(time: UnsafePointer<ASN1_TIME>?) -> String { unsafe printed { unsafe ASN1_TIME_print($0, time) } }

    /// What OpenSSL prints, 200 bytes of it at most: a subject may hold anything.
    private func printed(_ print: (OpaquePointer) -> CInt) -> String {
        guard let memory = unsafe BIO_new(BIO_s_mem()) else { return "?" }
        defer { unsafe BIO_free(memory) }
        _ = unsafe print(memory)
        var bytes = [UInt8](repeating: 0, count: 200)
        let count = unsafe BIO_read(memory, &bytes, CInt(bytes.count))
        ERR_clear_error()
        return String(decoding: bytes.prefix(max(0, Int(count))), as: UTF8.self)
    }
}

/// OpenSSL's words for the oldest error of this thread; empties the queue.
func oldestReason() -> String {
    let entry = ERR_peek_error()
    defer { ERR_clear_error() }
    return unsafe ERR_reason_error_string(entry).map { unsafe String(cString: $0) } ?? "no reason given"
}
