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
    /// What was odd about it when it was read.
    let warnings: [String]
    /// Whether the present was inside its time when it was read.
    let isValid: Bool
    private let serving: ServingContext

    var context: OpaquePointer { unsafe serving.context }

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
        self.warnings = read.warnings
        self.isValid = read.leaf.validity == .valid
        self.serving = serving
    }
}
