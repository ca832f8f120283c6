import Crypto
import Foundation
import SwiftASN1
import X509

/// A folder of one test's own, gone with it.
final class Folder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "kontainers-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
        try write(Data(text.utf8), to: name, mode: mode)
    }

    @discardableResult
    func write(_ data: Data, to name: String, mode: Int = 0o600) throws -> String {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try data.write(to: URL(fileURLWithPath: file))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        return file
    }

    /// Writes `certs/local.pem` and `certs/local.key` for `names`, valid around now.
    func writeCertificate(names: [String] = ["site.test", "*.site.test"], until: TimeInterval = 90 * 86_400) throws {
        let key = X509.Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("local") }
        let certificate = try X509.Certificate(
            version: .v3, serialNumber: .init(), publicKey: key.publicKey,
            notValidBefore: Date().addingTimeInterval(-86_400), notValidAfter: Date().addingTimeInterval(until),
            issuer: name, subject: name,
            extensions: try .init { SubjectAlternativeNames(names.map { .dnsName($0) }) }, issuerPrivateKey: key)
        try write(try certificate.serializeAsPEM().pemString, to: "certs/local.pem")
        try write(try key.serializeAsPEM().pemString, to: "certs/local.key")
    }
}
