/// A certificate chain with its private key, as configured.
public struct CertificateInput: Sendable, Equatable {
    /// Unique among the certificates of a revision; the identity by which a certificate survives a change.
    public let name: String
    /// PEM, leaf first.
    public let chain: String
    /// PEM, without a passphrase.
    public let key: String

    public init(name: String, chain: String, key: String) {
        self.name = name
        self.chain = chain
        self.key = key
    }
}

/// What is wrong with a certificate: what was found, what is wanted, what to do next. Never holds key material.
public struct CertificateFailure: Sendable, Equatable {
    public enum Severity: Sendable {
        /// It serves, and somebody should look at it.
        case warning
        /// It does not serve; the last good certificate of the same name does, if there is one.
        case error
    }

    /// The certificate's name.
    public let name: String
    public let message: String
    public let severity: Severity

    public init(name: String, message: String, severity: Severity = .error) {
        self.name = name
        self.message = message
        self.severity = severity
    }
}

/// Bounds on what is read.
enum CertificateLimits {
    /// Of a chain or a key, in bytes of PEM.
    static let pemBytesLimit = 256 << 10
    /// Certificates in a chain, the leaf included. Clients give up at about ten.
    static let chainCountLimit = 10
    /// Names taken from one certificate. Public authorities stop at a hundred.
    static let namesCountLimit = 1_000
}
