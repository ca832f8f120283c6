import Contract
import Foundation
import Testing

@testable import KontainersConfiguration

@Suite("Certificates of a file")
struct FileCertificatesTests {
    private func load(
        _ folder: Folder, rules: String = "rules: []", certificates: String? = nil, now: Date = Date()
    ) throws -> (configuration: ApplianceConfiguration?, said: [String]) {
        let path = try folder.write(
            """
            listeners: [{ name: web, address: 80, protocol: http }, { name: secure, address: 443, protocol: https }]
            certificates:
            \(certificates ?? "- { name: local, certificate: certs/local.pem, key: certs/local.key }")
            \(rules)
            """, to: "kontainers.yaml")
        let (configuration, diagnoses) = ConfigurationFile.load(path: path, now: now)
        return (
            configuration, diagnoses.map { String("\($0)".dropFirst(path.count + 1)).replacing(folder.path, with: "") }
        )
    }

    @Test("are found from the file's own folder, whatever the working folder is")
    func found() throws {
        let folder = try Folder()
        try folder.writeCertificate()
        let rules = "rules: [{ name: a, hosts: [site.test, '*.site.test', '*'], endpoint: 'h:1', tls: local }]"
        let (configuration, said) = try load(folder, rules: rules)
        #expect(said.isEmpty)
        #expect(configuration?.certificates.map(\.certificatePath) == [folder.path + "/certs/local.pem"])
        #expect(configuration?.rules.map(\.tls) == [.certificate("local")])
    }

    @Test("missing ones are told; they and the rules that name them stay, so that the last good one can be kept")
    func missing() throws {
        let folder = try Folder()
        let (configuration, said) = try load(
            folder, rules: "rules: [{ name: a, host: x, endpoint: 'h:1', tls: local }]")
        #expect(said.count == 2)
        #expect(
            said.first?.hasPrefix("3:31: error: found no file \"/certs/local.pem\"; wanted a file that is there")
                == true)
        #expect(said.last?.hasPrefix("3:53: error: found no file \"/certs/local.key\"") == true)
        #expect(configuration?.certificates.map(\.name) == ["local"])
        #expect(configuration?.rules.map(\.name) == ["a"])
    }

    @Test("a key of another certificate, and swapped files, are told at their fields")
    func wrongFiles() throws {
        let folder = try Folder()
        try folder.writeCertificate()
        let chain = try String(contentsOfFile: folder.path + "/certs/local.pem", encoding: .utf8)
        try folder.writeCertificate()
        try folder.write(chain, to: "certs/local.pem")
        #expect(
            try load(folder).said == [
                "3:53: error: found a key (ECDSA P-256) that does not belong to the certificate (ECDSA P-256), in "
                    + "\"/certs/local.key\"; wanted the key that the certificate was made for [key-mismatch]"
            ])
        let swapped = "- { name: local, certificate: certs/local.key, key: certs/local.pem }"
        #expect(try load(folder, certificates: swapped).said.map { $0.prefix(5) } == ["3:31:", "3:53:"])
    }

    @Test("an expired one is an error, one that ends soon a warning")
    func expiry() throws {
        let folder = try Folder()
        try folder.writeCertificate(until: 10 * 86_400)
        let soon = try load(folder).said
        #expect(soon.count == 1)
        #expect(soon.first?.hasPrefix("3:31: warning: found it to expire on ") == true)
        let expired = try load(folder, now: Date().addingTimeInterval(11 * 86_400)).said
        #expect(expired.first?.hasPrefix("3:31: error: found it expired since ") == true)
    }

    @Test("a key that everybody may read is a warning")
    func readable() throws {
        let folder = try Folder()
        try folder.writeCertificate()
        let key = try String(contentsOfFile: folder.path + "/certs/local.key", encoding: .utf8)
        try folder.write(key, to: "certs/local.key", mode: 0o644)
        #expect(
            try load(folder).said == [
                "3:53: warning: found a private key that every user may read, \"/certs/local.key\"; wanted mode 600: "
                    + "chmod 600 /certs/local.key [key-readable-by-all]"
            ])
    }

    @Test("rules are told when the certificate they name does not cover a host")
    func covering() throws {
        let folder = try Folder()
        try folder.writeCertificate()
        let (configuration, said) = try load(
            folder,
            rules: """
                rules:
                - { name: a, hosts: [site.test, a.b.site.test], endpoint: 'h:1', tls: local }
                - { name: b, hosts: www.site.test, endpoint: 'h:1', tls: auto }
                - { name: c, hosts: other.test, endpoint: 'h:1', tls: auto }
                - { name: d, hosts: d.test, endpoint: 'h:1', tls: lokal }
                - { name: e, hosts: e.test, endpoint: 'h:1', tls: off, listener: secure }
                """)
        #expect(
            said == [
                "5:71: warning: found certificate \"local\" without the name \"a.b.site.test\", which clients will "
                    + "refuse; wanted a certificate with that name; this one has site.test, *.site.test "
                    + "[certificate-does-not-cover]",
                "7:55: warning: found tls auto, and no certificate in the file for \"other.test\": none is "
                    + "obtained automatically yet; wanted a certificate in \"certificates\" that names the host "
                    + "[not-served-yet]",
                "8:51: error: found no certificate named \"lokal\"; did you mean \"local\"? [unknown-certificate]",
                "9:51: error: found tls off on https listeners alone; wanted an http listener, or no \"tls\" "
                    + "[no-http-listener]",
            ])
        #expect(configuration?.rules.map(\.name) == ["a", "b", "c"])
    }

    @Test("names are unique, and not words of their own in a rule's tls")
    func names() throws {
        let folder = try Folder()
        try folder.writeCertificate()
        let list = """
            - { name: auto, certificate: certs/local.pem, key: certs/local.key }
            - { name: a, certificate: certs/local.pem, key: certs/local.key }
            - { name: a, certificate: certs/local.pem, key: certs/local.key }
            - { name: b, certificate: certs/local.pem }
            """
        let (configuration, said) = try load(folder, certificates: list)
        #expect(said.map { $0.prefix(5) } == ["3:11:", "5:11:", "6:3: "])
        #expect(configuration?.certificates.map(\.name) == ["a"])
    }
}
