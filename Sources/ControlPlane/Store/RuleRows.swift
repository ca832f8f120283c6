import Foundation
import GRDB
import KontainersConfiguration

/// Rules between their rows and what the interface speaks of. What the original table has no column for lies in
/// `config`, as JSON.
extension ProxyRule {
    /// The fields of `config`.
    private struct Rest: Codable {
        var sslCertificate: String?
        var headers: [String: String]?
        var responseHeaders: [String: String]?
        var healthCheck: HealthCheck?
        var loadBalancing: JSONValue?
        var advancedConfig: JSONValue?
        var customNginxConfig: String?
        var domain: String?
        var letsEncryptEnabled: Bool?
        var letsEncryptEmail: String?
        var letsEncryptStatus: LetsEncryptStatus?
        var letsEncryptLastRenewal: Int64?
        var hosts: [String]?
        var listeners: [String]?
        var endpoints: [JSONValue]?
    }

    init(row: Row) throws {
        self.init(
            id: row["id"], name: row["name"], sourceHost: row["source_host"], sourcePath: row["source_path"],
            targetContainer: row["target_container"], targetPort: row["target_port"],
            proxyProtocol: ProxyProtocol(rawValue: row["protocol"]) ?? .http, sslEnabled: row["ssl_enabled"],
            created: row["created"], enabled: row["enabled"])
        sslCertPath = row["ssl_cert_path"]
        sslKeyPath = row["ssl_key_path"]
        updated = row["updated"]
        userId = row["user_id"]
        guard let config = row["config"] as String? else { return }
        let rest = try JSONDecoder().decode(Rest.self, from: Data(config.utf8))
        sslCertificate = rest.sslCertificate
        headers = rest.headers
        responseHeaders = rest.responseHeaders
        healthCheck = rest.healthCheck
        loadBalancing = rest.loadBalancing
        advancedConfig = rest.advancedConfig
        customNginxConfig = rest.customNginxConfig
        domain = rest.domain
        letsEncryptEnabled = rest.letsEncryptEnabled
        letsEncryptEmail = rest.letsEncryptEmail
        letsEncryptStatus = rest.letsEncryptStatus
        letsEncryptLastRenewal = rest.letsEncryptLastRenewal
        hosts = rest.hosts
        listeners = rest.listeners
        endpoints = rest.endpoints
    }

    private var rest: Rest {
        Rest(
            sslCertificate: sslCertificate, headers: headers, responseHeaders: responseHeaders,
            healthCheck: healthCheck, loadBalancing: loadBalancing, advancedConfig: advancedConfig,
            customNginxConfig: customNginxConfig, domain: domain, letsEncryptEnabled: letsEncryptEnabled,
            letsEncryptEmail: letsEncryptEmail, letsEncryptStatus: letsEncryptStatus,
            letsEncryptLastRenewal: letsEncryptLastRenewal, hosts: hosts, listeners: listeners, endpoints: endpoints)
    }

    func save(_ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO proxy_rules (id, user_id, name, source_host, source_path, target_container, target_port,
                    protocol, ssl_enabled, ssl_cert_path, ssl_key_path, enabled, created, updated, config)
                VALUES (?, (SELECT id FROM users WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, name = excluded.name,
                    source_host = excluded.source_host, source_path = excluded.source_path,
                    target_container = excluded.target_container, target_port = excluded.target_port,
                    protocol = excluded.protocol, ssl_enabled = excluded.ssl_enabled,
                    ssl_cert_path = excluded.ssl_cert_path, ssl_key_path = excluded.ssl_key_path,
                    enabled = excluded.enabled, created = excluded.created, updated = excluded.updated,
                    config = excluded.config
                """,
            arguments: [
                id, userId, name, sourceHost, sourcePath, targetContainer, targetPort, proxyProtocol.rawValue,
                sslEnabled, sslCertPath, sslKeyPath, enabled, created, updated, try Document.text(rest),
            ])
    }

    static func all(_ database: Database) throws -> [ProxyRule] {
        try Row.fetchAll(database, sql: "SELECT * FROM proxy_rules ORDER BY name").map(ProxyRule.init)
    }

    static func one(_ id: String, _ database: Database) throws -> ProxyRule? {
        try Row.fetchOne(database, sql: "SELECT * FROM proxy_rules WHERE id = ?", arguments: [id]).map(ProxyRule.init)
    }
}

/// JSON as the store keeps it: keys in order, so that equal values are equal texts.
enum Document {
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func value<Value: Decodable>(_ text: String, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}
