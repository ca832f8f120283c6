import Foundation
import Testing

@testable import Certificates

@Suite("Inspection of certificates")
struct CertificateInspectionTests {
    private func codes(_ chain: String, _ key: String) -> [String] {
        CertificateInspection.inspect(chainPEM: chain, keyPEM: key, now: MadeCertificate.now).problems.map(\.code)
    }

    @Test("tells names, dates and the key's type")
    func facts() throws {
        let made = try MadeCertificate()
        let (facts, problems) = CertificateInspection.inspect(
            chainPEM: made.chain, keyPEM: made.key, now: MadeCertificate.now)
        #expect(problems.isEmpty)
        #expect(facts?.names == ["site.test", "*.site.test", "127.0.0.1"])
        #expect(facts?.notBefore == MadeCertificate.now.addingTimeInterval(-86_400))
        #expect(facts?.notAfter == MadeCertificate.now.addingTimeInterval(90 * 86_400))
    }

    @Test(
        "knows the kinds of keys",
        arguments: zip(MadeCertificate.Key.allCases, ["ECDSA P-256", "ECDSA P-384", "RSA 2048", "Ed25519"]))
    func keys(_ key: MadeCertificate.Key, _ type: String) throws {
        let made = try MadeCertificate(key: key)
        let (facts, problems) = CertificateInspection.inspect(
            chainPEM: made.chain, keyPEM: made.key, now: MadeCertificate.now)
        #expect(problems.isEmpty)
        #expect(facts?.keyType == type)
    }

    @Test(
        "tells what is wrong with its dates",
        arguments: [
            (-200.0, -100.0, "certificate-expired", CertificateProblem.Severity.error),
            (100.0, 90 * 86_400.0, "certificate-not-yet-valid", .warning),
            (-100.0, 13 * 86_400.0, "certificate-expires-soon", .warning),
        ])
    func dates(_ from: Double, _ until: Double, _ code: String, _ severity: CertificateProblem.Severity) throws {
        let made = try MadeCertificate(from: from, until: until)
        let (facts, problems) = CertificateInspection.inspect(
            chainPEM: made.chain, keyPEM: made.key, now: MadeCertificate.now)
        #expect(problems.map(\.code) == [code])
        #expect(problems.first?.severity == severity)
        #expect(facts != nil)
    }

    @Test("tells a key that belongs to another certificate, and one that belongs to another of the chain")
    func mismatch() throws {
        let (first, second) = (try MadeCertificate(), try MadeCertificate(key: .ed25519))
        let (_, problems) = CertificateInspection.inspect(
            chainPEM: first.chain, keyPEM: second.key, now: MadeCertificate.now)
        #expect(problems.map(\.code) == ["key-mismatch"])
        #expect(problems.first?.found.contains("found a key (Ed25519) that does not belong") == true)
        #expect(problems.first?.part == .key)
        let wrongOrder = CertificateInspection.inspect(
            chainPEM: second.chain + "\n" + first.chain, keyPEM: first.key, now: MadeCertificate.now)
        #expect(wrongOrder.problems.first?.found.contains("certificate 2 of the chain") == true)
        #expect(wrongOrder.facts?.chainLength == 2)
    }

    @Test("tells files that are swapped, empty, damaged or locked")
    func files() throws {
        let made = try MadeCertificate()
        #expect(codes(made.key, made.chain) == ["bad-certificate", "bad-key-file"])
        #expect(codes("", "") == ["bad-certificate", "bad-key-file"])
        #expect(codes(made.chain, "") == ["bad-key-file"])
        #expect(
            codes("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", made.key) == ["bad-certificate"])
        #expect(codes(made.chain, "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n") == ["bad-key-file"])
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
        let problems = CertificateInspection.inspect(chainPEM: made.chain, keyPEM: locked, now: MadeCertificate.now)
            .problems
        #expect(problems.first?.found == "found a private key locked with a passphrase")
        #expect(
            codes(made.chain, String(repeating: "x", count: CertificateInspection.textLimit + 1)) == ["bad-key-file"])
    }

    @Test("reads text around the blocks, carriage returns and parameters before the key")
    func surroundings() throws {
        let made = try MadeCertificate()
        let chain = "subject=CN = site.test\n" + made.chain.replacing("\n", with: "\r\n") + "\ntrailer"
        let key = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + made.key
        #expect(codes(chain, key).isEmpty)
    }

    @Test("warns of a certificate without names")
    func nameless() throws {
        let made = try MadeCertificate(names: [])
        #expect(codes(made.chain, made.key) == ["certificate-without-names"])
    }

    @Test("never traps on bytes cut or changed anywhere")
    func anyBytes() throws {
        let made = try MadeCertificate()
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: .min ... .max, using: &random)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        for _ in 0..<300 {
            var chain = Array(made.chain.utf8)
            var key = Array(made.key.utf8)
            for _ in 0...next(4) {
                chain[next(chain.count)] = UInt8(next(256))
                key[next(key.count)] = UInt8(next(256))
            }
            let (facts, problems) = CertificateInspection.inspect(
                chainPEM: String(decoding: chain.prefix(next(chain.count) + 1), as: UTF8.self),
                keyPEM: String(decoding: key.prefix(next(key.count) + 1), as: UTF8.self), now: MadeCertificate.now)
            #expect(facts != nil || !problems.isEmpty, "seed \(seed)")
        }
    }

    @Test(
        "covers a host by its name or by one wildcard for its first label",
        arguments: [
            ("site.test", true), ("www.site.test", true), ("*.site.test", true), ("a.b.site.test", false),
            ("other.test", false), ("*.other.test", false), ("test", false), ("*", false), ("127.0.0.1", true),
        ])
    func covering(_ host: String, _ isCovered: Bool) {
        let facts = CertificateFacts(
            names: ["site.test", "*.site.test", "127.0.0.1"], notBefore: .distantPast, notAfter: .distantFuture,
            keyType: "ECDSA P-256")
        #expect(facts.covers(host) == isCovered)
    }
}
