import COpenSSL

/// Why a certificate cannot serve, in words.
struct CertificateRefusal: Error, Equatable {
    let message: String
}

/// A chain and its key, read and found to belong together.
struct CertificateReader {
    let chain: [X509Certificate]
    let key: PrivateKey
    /// What is odd and does not keep it from serving; its time aside, which passes.
    private(set) var warnings: [String] = []

    var leaf: X509Certificate { chain[0] }

    init(_ input: CertificateInput) throws(CertificateRefusal) {
        chain = try Self.readChain(input.chain)
        key = try Self.readKey(input.key)
        try checkKey()
        checkOrder()
        if leaf.names.isEmpty {
            warnings.append(
                "the certificate names no host (no dNSName in its subjectAltName, no host name as commonName): it is "
                    + "presented only where a rule asks for it, or as the fallback")
        }
    }

    private static func readChain(_ text: String) throws(CertificateRefusal) -> [X509Certificate] {
        try checkText(text, of: "certificate", wanted: "CERTIFICATE")
        var chain: [X509Certificate] = []
        let pem = PEMText(text)
        ERR_clear_error()
        while let certificate = pem.nextCertificate() {
            guard chain.count < CertificateLimits.chainCountLimit else {
                throw CertificateRefusal(
                    message: "the chain holds more than \(CertificateLimits.chainCountLimit) certificates: wanted the "
                        + "leaf and its intermediates only; a bundle of authorities does not belong here")
            }
            chain.append(certificate)
        }
        // The end of the text is told as an error too.
        let end = ERR_peek_last_error()
        let isEnd = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE
        let reason = oldestReason()
        guard isEnd else {
            throw CertificateRefusal(
                message: "certificate \(chain.count + 1) of the chain cannot be read (OpenSSL: \(reason)): the text "
                    + "between its BEGIN and END lines is damaged; copy the file again")
        }
        guard !chain.isEmpty else {
            throw CertificateRefusal(
                message: "no certificate found in the text: wanted one or more PEM blocks that begin with "
                    + "“-----BEGIN CERTIFICATE-----”, leaf first")
        }
        return chain
    }

    private static func readKey(_ text: String) throws(CertificateRefusal) -> PrivateKey {
        try checkText(text, of: "key", wanted: "PRIVATE KEY")
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            throw CertificateRefusal(
                message: "the key is protected by a passphrase, and nobody is there to type it: wanted an unprotected "
                    + "key; “openssl pkey -in KEY -out NEW” writes one")
        }
        ERR_clear_error()
        guard let key = PEMText(text).key() else {
            let reason = oldestReason()
            throw CertificateRefusal(
                message: "the key cannot be read (OpenSSL: \(reason)): wanted a PEM block that begins with "
                    + "“-----BEGIN PRIVATE KEY-----” (or EC, or RSA PRIVATE KEY)")
        }
        return key
    }

    /// Refuses what is not PEM at all, saying what it looks like.
    private static func checkText(_ text: String, of part: String, wanted: String) throws(CertificateRefusal) {
        guard text.utf8.count <= CertificateLimits.pemBytesLimit else {
            throw CertificateRefusal(
                message: "the \(part) has \(text.utf8.count) bytes: at most "
                    + "\(CertificateLimits.pemBytesLimit) are read; is this the right file?")
        }
        guard let begin = text.firstRange(of: "-----BEGIN ") else {
            let looks = text.utf8.first == 0x30 ? "; it looks like DER: “openssl x509 -inform DER” converts it" : ""
            throw CertificateRefusal(
                message: "the \(part) is not PEM: found \(text.isEmpty ? "nothing" : "no line “-----BEGIN …-----”")"
                    + "\(looks); wanted “-----BEGIN \(wanted)-----”")
        }
        guard !text.contains("-----BEGIN \(wanted)-----"), !text.contains(" \(wanted)-----") else { return }
        let label = text[begin.upperBound...].prefix(40).prefix { $0 != "-" && !$0.isNewline }
        throw CertificateRefusal(
            message: "the \(part) holds a PEM block “\(label)”: wanted “\(wanted)”; are certificate and key swapped?")
    }

    private func checkKey() throws(CertificateRefusal) {
        let (ofKey, ofLeaf) = (key.publicKey, leaf.publicKey)
        guard ofKey.fingerprint != ofLeaf.fingerprint else { return }
        if let place = chain.firstIndex(where: { $0.publicKey.fingerprint == ofKey.fingerprint }) {
            throw CertificateRefusal(
                message:
                    "the key belongs to certificate \(place + 1) of the chain (“\(chain[place].subject)”), and the "
                    + "first is “\(leaf.subject)”: wanted the leaf first, then its issuer, and so on")
        }
        throw CertificateRefusal(
            message: "the key does not belong to the certificate “\(leaf.subject)”: the certificate is for "
                + "\(ofLeaf.description), the key is \(ofKey.description); wanted the key that the certificate was "
                + "requested with")
    }

    private mutating func checkOrder() {
        for (place, pair) in zip(chain, chain.dropFirst()).enumerated() where pair.0.issuer != pair.1.subject {
            warnings.append(
                "the chain is out of order: certificate \(place + 1) was issued by “\(pair.0.issuer)”, and certificate "
                    + "\(place + 2) is “\(pair.1.subject)”; some clients will not trust it. Wanted the leaf first, "
                    + "then the issuer of each")
        }
    }
}
