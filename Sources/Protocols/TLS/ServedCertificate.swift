import COpenSSL

/// The owner of an `SSL_CTX`: settings shared by sessions, and perhaps a certificate. Never changed once made, and
/// counted atomically by OpenSSL, so every worker may use it.
@safe final class ServingContext: @unchecked Sendable {
    let context: OpaquePointer

    /// Settings without a certificate; `nil` when out of memory.
    init?(_ policy: TLSPolicy) {
        guard let context = unsafe policy.makeContext() else { return nil }
        unsafe self.context = unsafe context
    }

    deinit { unsafe SSL_CTX_free(context) }
}

/// A certificate in service.
final class ServedCertificate: Sendable {
    let input: CertificateInput
    let names: [NamePattern]
    private let leaf: X509Certificate
    private let lastingWarnings: [String]
    private let serving: ServingContext

    var context: OpaquePointer { unsafe serving.context }
    /// Whether the present is inside its time.
    var isValid: Bool { leaf.validity == .valid }
    /// What is odd about it today.
    var warnings: [String] { lastingWarnings + (leaf.validityWarning.map { [$0] } ?? []) }

    init(_ input: CertificateInput, policy: TLSPolicy) throws(CertificateRefusal) {
        let read = try CertificateReader(input)
        ERR_clear_error()
        guard let serving = ServingContext(policy) else {
            throw CertificateRefusal(message: "OpenSSL cannot make a context (\(oldestReason())): is memory short?")
        }
        guard
            unsafe SSL_CTX_use_certificate(serving.context, read.leaf.handle) == 1
                && SSL_CTX_use_PrivateKey(serving.context, read.key.handle) == 1
        else {
            throw CertificateRefusal(
                message: "OpenSSL refuses “\(read.leaf.subject)”, \(read.leaf.publicKey.description): "
                    + "\(oldestReason()); wanted ECDSA P-256 or RSA of 2048 bits or more, signed with SHA-256 or better"
            )
        }
        for issuer in read.chain.dropFirst() {
            guard unsafe tls_ctx_add_chain(serving.context, issuer.handle) == 1 else {
                throw CertificateRefusal(
                    message: "OpenSSL refuses “\(issuer.subject)” in the chain: \(oldestReason())")
            }
        }
        self.input = input
        self.names = read.leaf.names
        self.leaf = read.leaf
        self.lastingWarnings = read.warnings
        self.serving = serving
    }
}
