import Certificates
import Contract
import Foundation

extension FileReader {
    mutating func readCertificates(_ file: Fields) {
        var named: [String: Position] = [:]
        for (written, subject) in items("certificates", of: file) {
            // A rule that names it is not at fault for what is wrong here.
            certificateFacts.updateValue(nil, forKey: subject)
            let errorsBefore = reader.errorCount
            guard let fields = reader.fields(written, as: Schema.certificate, subject: subject) else { continue }
            let name = reader.text("name", of: fields)
            let chain = reader.text("certificate", of: fields)
            let key = reader.text("key", of: fields)
            guard let name, let chain, let key, reader.errorCount == errorsBefore else { continue }
            guard isFirst(name, in: &named, at: fields.position("name"), kind: "certificate") else { continue }
            if name == "auto" || name == "off" {
                reader.report(
                    "bad-name", at: fields.position("name"), subject: name,
                    found: "found a certificate named \"\(name)\", a word with its own meaning in a rule's \"tls\"",
                    wanted: "wanted another name")
                continue
            }
            let certificate = ApplianceConfiguration.CertificateFile(
                name: name, certificatePath: FileText.resolved(chain, against: path),
                keyPath: FileText.resolved(key, against: path), place: reader.place(fields.position))
            configuration.certificates.append(certificate)
            inspect(certificate, fields)
        }
        guard configuration.certificates.isEmpty, reader.errorCount == 0,
            let listener = configuration.listeners.first(where: { $0.wireProtocol == .https })
        else { return }
        reader.report(
            "no-certificate", .warning, at: file.position("listeners"), subject: listener.name,
            found: "found an https listener and no certificate",
            wanted: "wanted \"certificates\" with a chain and a key")
    }

    private mutating func inspect(_ certificate: ApplianceConfiguration.CertificateFile, _ fields: Fields) {
        let chain = contents(certificate.certificatePath, at: fields.position("certificate"), certificate.name)
        let key = contents(certificate.keyPath, at: fields.position("key"), certificate.name)
        guard let chain, let key else { return }
        warnOfReaders(certificate.keyPath, at: fields.position("key"), certificate.name)
        let (facts, problems) = CertificateInspection.inspect(chainPEM: chain, keyPEM: key, now: now)
        for problem in problems {
            let (field, path) =
                switch problem.part {
                case .chain: ("certificate", certificate.certificatePath)
                case .key: ("key", certificate.keyPath)
                }
            reader.report(
                problem.code, problem.severity == .error ? .error : .warning, at: fields.position(field),
                subject: certificate.name, found: "\(problem.found), in \(Shown.quoted(path))", wanted: problem.wanted)
        }
        certificateFacts.updateValue(facts, forKey: certificate.name)
    }

    mutating func contents(_ path: String, at position: Position, _ subject: String) -> String? {
        do {
            return String(decoding: try FileText.read(path, limit: CertificateInspection.textLimit), as: UTF8.self)
        } catch {
            var fault = error
            fault.wanted += "; relative paths start from the folder of \(Shown.plain(self.path))"
            reader.report(fault.diagnosis(at: reader.place(position), subject: subject))
            return nil
        }
    }

    /// A key that every user of the machine may read is no secret.
    private mutating func warnOfReaders(_ path: String, at position: Position, _ subject: String) {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        guard let mode = (attributes?[.posixPermissions] as? NSNumber)?.intValue, mode & 0o004 != 0 else { return }
        reader.report(
            "key-readable-by-all", .warning, at: position, subject: subject,
            found: "found a private key that every user may read, \(Shown.quoted(path))",
            wanted: "wanted mode 600: chmod 600 \(Shown.plain(path))")
    }
}
