public import KontainersConfiguration

/// A rule as people and programs make it over the interface: what the store keeps and the interface answers.
///
/// Times are milliseconds since 1970. What is left out asks for nothing.
public struct ProxyRule: Equatable, Sendable, Codable {
    /// `http` rules speak plainly or, as ``https``, TLS with the client.
    public enum ProxyProtocol: String, Sendable, Codable, CaseIterable {
        case http = "HTTP"
        case https = "HTTPS"
        case tcp = "TCP"
        case udp = "UDP"
    }

    /// How endpoints are asked whether they are well.
    public struct HealthCheck: Equatable, Sendable, Codable {
        public var path: String
        /// Seconds between two checks, and how long one may take.
        public var interval: Int
        public var timeout: Int
        /// Checks that fail in a row until an endpoint counts as down.
        public var retries: Int
        /// Codes and ranges: `200`, `200-399`, `200,204`.
        public var successCodes: String

        public init(path: String, interval: Int, timeout: Int, retries: Int, successCodes: String) {
            self.path = path
            self.interval = interval
            self.timeout = timeout
            self.retries = retries
            self.successCodes = successCodes
        }
    }

    /// What became of a certificate that is obtained automatically.
    public enum LetsEncryptStatus: String, Sendable, Codable, CaseIterable {
        case none = "NONE"
        case pending = "PENDING"
        case valid = "VALID"
        case expired = "EXPIRED"
        case failed = "FAILED"
    }

    public var id: String
    /// Unique in the store.
    public var name: String
    public var sourceHost: String
    public var sourcePath: String
    /// A container's name or id; empty where ``endpoints`` say where the traffic goes.
    public var targetContainer: String
    /// 0 where the image exposes one port alone, or where ``endpoints`` say.
    public var targetPort: Int
    public var proxyProtocol: ProxyProtocol
    public var sslEnabled: Bool
    /// PEM files on this machine.
    public var sslCertPath: String?
    public var sslKeyPath: String?
    /// The name of a certificate that is configured.
    public var sslCertificate: String?
    /// Set on requests, and on responses.
    public var headers: [String: String]?
    public var responseHeaders: [String: String]?
    public var healthCheck: HealthCheck?
    /// The fields of `pool` in the file's grammar.
    public var loadBalancing: JSONValue?
    /// Every other field of a rule in the file's grammar.
    public var advancedConfig: JSONValue?
    /// For the exporter alone.
    public var customNginxConfig: String?
    public var created: Int64
    public var enabled: Bool
    /// Another host.
    public var domain: String?
    public var letsEncryptEnabled: Bool?
    public var letsEncryptEmail: String?
    public var letsEncryptStatus: LetsEncryptStatus?
    public var letsEncryptLastRenewal: Int64?

    /// Hosts beside ``sourceHost``.
    public var hosts: [String]?
    /// Names of listeners; none means every one that fits.
    public var listeners: [String]?
    /// Addresses in place of a container: texts, or mappings with address, weight and tier.
    public var endpoints: [JSONValue]?
    public var updated: Int64
    /// Who made it; `nil`: the machine's administrator.
    public var userId: String?

    enum CodingKeys: String, CodingKey {
        case id, name, sourceHost, sourcePath, targetContainer, targetPort, sslEnabled, sslCertPath, sslKeyPath,
            sslCertificate, headers, responseHeaders, healthCheck, loadBalancing, advancedConfig, customNginxConfig,
            created, enabled, domain, letsEncryptEnabled, letsEncryptEmail, letsEncryptStatus, letsEncryptLastRenewal,
            hosts, listeners, endpoints, updated, userId
        case proxyProtocol = "protocol"
    }

    public init(
        id: String, name: String, sourceHost: String, sourcePath: String = "/", targetContainer: String = "",
        targetPort: Int = 0, proxyProtocol: ProxyProtocol = .http, sslEnabled: Bool = false, created: Int64,
        enabled: Bool = true
    ) {
        self.id = id
        self.name = name
        self.sourceHost = sourceHost
        self.sourcePath = sourcePath
        self.targetContainer = targetContainer
        self.targetPort = targetPort
        self.proxyProtocol = proxyProtocol
        self.sslEnabled = sslEnabled
        self.created = created
        self.enabled = enabled
        updated = created
    }
}
