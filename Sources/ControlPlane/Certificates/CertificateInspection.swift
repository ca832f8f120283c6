public import Foundation
import SwiftASN1
import X509

/// What a certificate says of itself, once it and its key were found fit to serve.
public struct CertificateFacts: Equatable, Sendable {
    /// DNS names in lower case, as they stand in the certificate (`*.` included), then IP addresses as text.
    public var names: [String]
    public var notBefore: Date
    public var notAfter: Date
    /// For people: `ECDSA P-256`, `RSA 2048`, `Ed25519`.
    public var keyType: String
    /// Certificates in the file, the host's own included.
    public var chainLength: Int

    public init(names: [String], notBefore: Date, notAfter: Date, keyType: String, chainLength: Int = 1) {
        self.names = names
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.keyType = keyType
        self.chainLength = chainLength
    }

    /// Whether clients accept the certificate for `host`, a rule's host in lower case: exact, or `*.suffix`.
    ///
    /// RFC 6125 §6.4.3: a wildcard stands for one whole label, the first. A host `*.suffix` is covered when all its
    /// names one label deep are, that is by the same wildcard.
    public func covers(_ host: String) -> Bool {
        if names.contains(host) { return true }
        guard !host.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
        return names.contains("*" + host[dot...])
    }
}

/// Something wrong with a certificate or its key.
public struct CertificateProblem: Equatable, Sendable {
    public enum Severity: Sendable { case warning, error }
    /// Which of the two files it is about.
    public enum Part: Sendable { case chain, key }

    public var code: String
    public var severity: Severity
    public var part: Part
    /// "found …".
    public var found: String
    /// "wanted …".
    public var wanted: String
}

/// Reads a certificate chain with its key and says whether they can be served.
public enum CertificateInspection {
    /// A certificate that ends sooner is worth a warning.
    public static let expiryNotice: TimeInterval = 14 * 86_400
    /// Longer PEM texts are not read, in bytes.
    public static let textLimit = 1 << 20

    /// - Returns: the facts of the first certificate when it can be read, whatever else is wrong; and the problems.
    ///   Without a problem of severity `error` the pair can be served.
    public static func inspect(
        chainPEM: String, keyPEM: String, now: Date = Date()
    ) -> (facts: CertificateFacts?, problems: [CertificateProblem]) {
        var problems: [CertificateProblem] = []
        let chain = readChain(chainPEM, &problems)
        let key = readKey(keyPEM, &problems)
        guard let leaf = chain.first else { return (nil, problems) }

        if let key, key.publicKey != leaf.publicKey {
            problems.append(mismatch(chain: chain, key: key))
        }
        for (lower, upper) in zip(chain, chain.dropFirst()) where lower.issuer != upper.subject {
            problems.append(
                .init(
                    code: "chain-order", severity: .warning, part: .chain,
                    found:
                        "found a chain where \"\(upper.subject)\" follows a certificate issued by \"\(lower.issuer)\"",
                    wanted: "wanted each certificate followed by its issuer's"))
            break
        }
        let names = names(of: leaf)
        if names.isEmpty {
            problems.append(
                .init(
                    code: "certificate-without-names", severity: .warning, part: .chain,
                    found: "found no subject alternative name; clients no longer look at the common name",
                    wanted: "wanted a certificate with the host names as subject alternative names"))
        }
        problems += timeProblems(leaf, now: now)
        let facts = CertificateFacts(
            names: names, notBefore: leaf.notValidBefore, notAfter: leaf.notValidAfter,
            keyType: keyType(leaf.publicKey), chainLength: chain.count)
        return (facts, problems)
    }

    /// Why a PEM text holds no authorities to believe, or `nil`.
    public static func problem(ofAuthorities text: String) -> CertificateProblem? {
        var problems: [CertificateProblem] = []
        _ = readChain(text, &problems)
        return problems.first
    }

    private static func readChain(_ text: String, _ problems: inout [CertificateProblem]) -> [X509.Certificate] {
        func problem(_ code: String, _ found: String, _ wanted: String) -> CertificateProblem {
            .init(code: code, severity: .error, part: .chain, found: found, wanted: wanted)
        }
        guard text.utf8.count <= textLimit else {
            problems.append(problem("bad-certificate", "found more than \(textLimit) bytes", "wanted a chain as PEM"))
            return []
        }
        let blocks = PEMBlock.blocks(in: text)
        // "TRUSTED CERTIFICATE" is OpenSSL's own form, with data after the certificate that others do not read.
        let certificates = blocks.filter { $0.label == "CERTIFICATE" || $0.label == "X509 CERTIFICATE" }
        guard !certificates.isEmpty else {
            problems.append(
                blocks.contains { $0.label.hasSuffix("PRIVATE KEY") }
                    ? problem(
                        "bad-certificate", "found a private key in place of a certificate",
                        "wanted the chain here: are \"certificate\" and \"key\" swapped?")
                    : problem(
                        "bad-certificate", "found no certificate in it",
                        "wanted PEM: a block from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"))
            return []
        }
        var chain: [X509.Certificate] = []
        for (index, block) in certificates.enumerated() {
            do {
                let body = block.text.replacing("X509 CERTIFICATE-----", with: "CERTIFICATE-----")
                chain.append(try X509.Certificate(pemEncoded: body))
            } catch {
                problems.append(
                    problem(
                        "bad-certificate", "found certificate \(index + 1) of the chain damaged or of an unknown kind",
                        "wanted an X.509 certificate: obtain the file again"))
                return []
            }
        }
        return chain
    }

    private static func readKey(
        _ text: String, _ problems: inout [CertificateProblem]
    ) -> X509.Certificate.PrivateKey? {
        func problem(_ found: String, _ wanted: String) -> CertificateProblem {
            .init(code: "bad-key-file", severity: .error, part: .key, found: found, wanted: wanted)
        }
        guard text.utf8.count <= textLimit else {
            problems.append(problem("found more than \(textLimit) bytes", "wanted a private key as PEM"))
            return nil
        }
        let blocks = PEMBlock.blocks(in: text)
        guard let block = blocks.first(where: { $0.label.hasSuffix("PRIVATE KEY") }) else {
            problems.append(
                blocks.contains { $0.label == "CERTIFICATE" }
                    ? problem(
                        "found a certificate in place of a private key",
                        "wanted the key here: are \"certificate\" and \"key\" swapped?")
                    : problem(
                        "found no private key in it",
                        "wanted PEM: a block from -----BEGIN PRIVATE KEY----- to -----END PRIVATE KEY-----"))
            return nil
        }
        if block.label == "ENCRYPTED PRIVATE KEY" || block.text.contains("Proc-Type: 4,ENCRYPTED") {
            problems.append(
                problem(
                    "found a private key locked with a passphrase",
                    "wanted it without: openssl pkey -in KEY -out NEWKEY, and only the owner may read NEWKEY"))
            return nil
        }
        do {
            return try X509.Certificate.PrivateKey(pemEncoded: block.text)
        } catch {
            problems.append(
                problem(
                    "found a private key that is damaged or of an unknown kind",
                    "wanted ECDSA (P-256, P-384, P-521), RSA of 2048 bits or more, or Ed25519"))
            return nil
        }
    }

    private static func mismatch(
        chain: [X509.Certificate], key: X509.Certificate.PrivateKey
    ) -> CertificateProblem {
        if let position = chain.firstIndex(where: { $0.publicKey == key.publicKey }) {
            return .init(
                code: "key-mismatch", severity: .error, part: .chain,
                found: "found a key that belongs to certificate \(position + 1) of the chain, not to the first",
                wanted: "wanted the host's certificate first")
        }
        return .init(
            code: "key-mismatch", severity: .error, part: .key,
            found: "found a key (\(keyType(key.publicKey))) that does not belong to the certificate "
                + "(\(keyType(chain[0].publicKey)))",
            wanted: "wanted the key that the certificate was made for")
    }

    private static func timeProblems(_ leaf: X509.Certificate, now: Date) -> [CertificateProblem] {
        func problem(_ code: String, _ severity: CertificateProblem.Severity, _ found: String) -> CertificateProblem {
            .init(code: code, severity: severity, part: .chain, found: found, wanted: "wanted one valid now: renew it")
        }
        if leaf.notValidAfter < now {
            return [problem("certificate-expired", .error, "found it expired since \(day(leaf.notValidAfter))")]
        }
        if leaf.notValidBefore > now {
            return [
                problem("certificate-not-yet-valid", .warning, "found it valid only from \(day(leaf.notValidBefore))")
            ]
        }
        if leaf.notValidAfter < now.addingTimeInterval(expiryNotice) {
            return [problem("certificate-expires-soon", .warning, "found it to expire on \(day(leaf.notValidAfter))")]
        }
        return []
    }

    private static func day(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day())
    }

    private static func names(of leaf: X509.Certificate) -> [String] {
        guard let alternatives = try? leaf.extensions.subjectAlternativeNames else { return [] }
        var names: [String] = []
        var addresses: [String] = []
        for alternative in alternatives {
            if case .dnsName(let name) = alternative { names.append(name.lowercased()) }
            guard case .ipAddress(let octets) = alternative else { continue }
            switch octets.bytes.count {
            case 4: addresses.append(octets.bytes.map { String($0) }.joined(separator: "."))
            case 16:
                let bytes = Array(octets.bytes)
                addresses.append(
                    stride(from: 0, to: 16, by: 2)
                        .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
                        .joined(separator: ":"))
            default: continue
            }
        }
        return names + addresses
    }

    /// The library says `P256.PublicKey`, `RSA2048.PublicKey`, `Ed25519.PublicKey`.
    private static func keyType(_ key: X509.Certificate.PublicKey) -> String {
        let name = key.description.prefix { $0 != "." }
        if name.hasPrefix("RSA") { return "RSA \(name.dropFirst(3))" }
        if name.hasPrefix("P") { return "ECDSA P-\(name.dropFirst())" }
        return String(name)
    }
}
