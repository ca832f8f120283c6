import COpenSSL

@testable import TLS

/// Makes certificates on the fly.
@safe final class TestAuthority {
    enum Kind {
        case ecdsa, rsa(bits: Int)
    }

    /// A certificate with its key.
    @safe final class Identity {
        let certificate: OpaquePointer
        let key: OpaquePointer
        init(certificate: OpaquePointer, key: OpaquePointer) {
            unsafe self.certificate = unsafe certificate
            unsafe self.key = unsafe key
        }
        deinit {
            unsafe X509_free(certificate)
            unsafe EVP_PKEY_free(key)
        }

        var chainPEM: String { unsafe pem { unsafe PEM_write_bio_X509($0, certificate) } }
        var keyPEM: String { unsafe pem { unsafe PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) } }
        var encryptedKeyPEM: String {
            unsafe pem { unsafe PEM_write_bio_PrivateKey($0, key, EVP_aes_256_cbc(), "secret", 6, nil, nil) }
        }

        private func pem(_ write: (OpaquePointer) -> CInt) -> String {
            let memory = unsafe BIO_new(BIO_s_mem())!
            defer { unsafe BIO_free(memory) }
            precondition(unsafe write(memory) == 1)
            var bytes = [UInt8](repeating: 0, count: 65536)
            let count = unsafe BIO_read(memory, &bytes, CInt(bytes.count))
            return String(decoding: bytes[..<Int(count)], as: UTF8.self)
        }
    }

    let root: Identity

    init(_ name: String = "Test authority") {
        root = Self.make(subject: name, names: [], kind: .ecdsa, issuer: nil, days: -1...30, isAuthority: true)
    }

    /// A leaf for these names; `subject` is its commonName.
    func leaf(
        _ names: [String], subject: String = "test leaf", kind: Kind = .ecdsa, days: ClosedRange<Int> = -1...30
    ) -> Identity {
        Self.make(subject: subject, names: names, kind: kind, issuer: root, days: days, isAuthority: false)
    }

    func input(_ name: String, for names: [String], kind: Kind = .ecdsa, days: ClosedRange<Int> = -1...30)
        -> CertificateInput
    {
        let leaf = leaf(names, subject: name, kind: kind, days: days)
        return CertificateInput(name: name, chain: leaf.chainPEM, key: leaf.keyPEM)
    }

    func intermediate(_ name: String) -> TestAuthority {
        TestAuthority(
            root: Self.make(subject: name, names: [], kind: .ecdsa, issuer: root, days: -1...30, isAuthority: true))
    }

    private init(root: Identity) { self.root = root }

    private static func makeKey(_ kind: Kind) -> OpaquePointer {
        let name =
            switch kind {
            case .ecdsa: "EC"
            case .rsa: "RSA"
            }
        let work = unsafe EVP_PKEY_CTX_new_from_name(nil, name, nil)!
        defer { unsafe EVP_PKEY_CTX_free(work) }
        precondition(unsafe EVP_PKEY_keygen_init(work) == 1)
        switch kind {
        case .ecdsa: precondition(unsafe EVP_PKEY_CTX_set_group_name(work, "P-256") == 1)
        case .rsa(let bits): precondition(unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(work, CInt(bits)) == 1)
        }
        var key: OpaquePointer?
        precondition(unsafe EVP_PKEY_generate(work, &key) == 1)
        return unsafe key!
    }

    private static func make(
        subject: String, names: [String], kind: Kind, issuer: Identity?, days: ClosedRange<Int>, isAuthority: Bool
    ) -> Identity {
        let key = unsafe makeKey(kind)
        let certificate = unsafe X509_new()!
        let serial = Sealing.randomBytes(7).reduce(0) { $0 << 8 | Int($1) }
        unsafe ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial)
        unsafe X509_set_version(certificate, 2)
        unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), days.lowerBound * 86_400)
        unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), days.upperBound * 86_400)
        let title = unsafe X509_get_subject_name(certificate)
        unsafe X509_NAME_add_entry_by_txt(title, "CN", MBSTRING_UTF8, subject, -1, -1, 0)
        unsafe X509_set_issuer_name(
            certificate, issuer.map { unsafe X509_get_subject_name($0.certificate) } ?? title)
        unsafe X509_set_pubkey(certificate, key)
        if isAuthority {
            unsafe add(NID_basic_constraints, "critical,CA:TRUE", to: certificate)
        } else if !names.isEmpty {
            let list = names.map { $0.first?.isNumber == true ? "IP:\($0)" : "DNS:\($0)" }.joined(separator: ",")
            unsafe add(NID_subject_alt_name, list, to: certificate)
        }
        precondition(unsafe X509_sign(certificate, issuer?.key ?? key, EVP_sha256()) > 0)
        return unsafe Identity(certificate: certificate, key: key)
    }

    private static func add(_ kind: CInt, _ value: String, to certificate: OpaquePointer) {
        let made = unsafe X509V3_EXT_conf_nid(nil, nil, kind, value)!
        unsafe X509_add_ext(certificate, made, -1)
        unsafe X509_EXTENSION_free(made)
    }
}
