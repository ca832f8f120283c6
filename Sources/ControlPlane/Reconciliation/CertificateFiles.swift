import Certificates
import Contract
import FoundationEssentials
public import KontainersConfiguration

/// Reads the certificates that the configuration names. What is wrong with them is told by whoever reads the
/// configuration; here it only decides what is served.
public enum CertificateFiles {
    /// A key or chain with more bytes is not read.
    private static let sizeLimit = CertificateInspection.textLimit

    public static func read(_ file: ApplianceConfiguration.CertificateFile) -> FileSource.CertificateReading {
        guard let chain = text(file.certificatePath), let key = text(file.keyPath) else { return .bad }
        let (facts, problems) = CertificateInspection.inspect(chainPEM: chain, keyPEM: key)
        guard let facts else { return .bad }
        let certificate = LoadedCertificate(
            certificate: Certificate(name: file.name, chain: chain, key: key), names: facts.names)
        let errors = problems.filter { $0.severity == .error }
        if errors.isEmpty { return .good(certificate) }
        // A client's complaint about a date is better than no answer; a key that does not belong cannot answer at all.
        return errors.allSatisfy { $0.code == "certificate-expired" } ? .doubtful(certificate) : .bad
    }

    private static func text(_ path: String) -> String? {
        guard let data = try? Data(contentsOf: URL(filePath: path)), data.count <= sizeLimit else { return nil }
        return String(validating: data, as: UTF8.self)
    }
}
