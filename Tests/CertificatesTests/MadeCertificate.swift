import Crypto
import Foundation
import SwiftASN1
import X509
import _CryptoExtras

/// A self-signed certificate with its key, made for one test.
struct MadeCertificate {
    enum Key: CaseIterable { case p256, p384, rsa, ed25519 }

    /// Noon of a day; tests count from here.
    static let now = Date(timeIntervalSince1970: 1_800_000_000)

    var chain: String
    var key: String

    init(
        names: [String] = ["site.test", "*.site.test"], key kind: Key = .p256, from: TimeInterval = -86_400,
        until: TimeInterval = 90 * 86_400
    ) throws {
        let key: X509.Certificate.PrivateKey =
            switch kind {
            case .p256: .init(P256.Signing.PrivateKey())
            case .p384: .init(P384.Signing.PrivateKey())
            case .rsa: .init(try _RSA.Signing.PrivateKey(keySize: .bits2048))
            case .ed25519: .init(Curve25519.Signing.PrivateKey())
            }
        let name = try DistinguishedName { CommonName(names.first ?? "nameless") }
        let certificate = try X509.Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            notValidBefore: Self.now.addingTimeInterval(from), notValidAfter: Self.now.addingTimeInterval(until),
            issuer: name, subject: name,
            extensions: names.isEmpty
                ? .init()
                : try .init {
                    SubjectAlternativeNames(
                        names.map { .dnsName($0) } + [.ipAddress(.init(contentBytes: [127, 0, 0, 1]))])
                },
            issuerPrivateKey: key)
        chain = try certificate.serializeAsPEM().pemString
        self.key = try key.serializeAsPEM().pemString
    }
}
