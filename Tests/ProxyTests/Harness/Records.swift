import Contract
import Foundation
import Kernel
import TLS
import TestKit
import Testing

@testable import Proxy

/// The lines of the access log that `body` made.
func recordLines(
    _ rules: [Rule], settings: Settings = Settings(), certificate: CertificateInput? = nil,
    connectionTLS: [String: ConnectionTLS] = [:], _ body: (TestProxy) throws -> Void
) throws -> [String] {
    let folder = try TemporaryFolder("access")
    let sink = try AccessLogSink(output: .file(folder("access.log")))
    try proxying(rules, settings: settings, certificate: certificate, log: sink, connectionTLS: connectionTLS, body)
    sink.flush()
    return try System.readFile(folder("access.log")).split(separator: 10).map(\.text)
}

/// The same, each line read as JSON.
func records(
    _ rules: [Rule], settings: Settings = Settings(), certificate: CertificateInput? = nil,
    connectionTLS: [String: ConnectionTLS] = [:], _ body: (TestProxy) throws -> Void
) throws -> [[String: Any]] {
    try recordLines(rules, settings: settings, certificate: certificate, connectionTLS: connectionTLS, body).map {
        line in
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
        return try #require(object as? [String: Any], "\(line)")
    }
}
