import Balancing
import Contract
import HTTP
import Kernel

/// A health check in the form in which it is made many times: what an endpoint is asked, and what it must answer.
/// Shared by all endpoints that are asked the same.
final class CheckPlan: Sendable {
    let check: HealthCheck
    let policy: ActiveHealth.Policy
    let method: HTTP.Method
    /// The request before and behind the value of `Host`.
    let before: [UInt8]
    let behind: [UInt8]
    /// `nil`: the endpoint's own address.
    let host: [UInt8]?
    /// What a TLS server is asked for: the name without its port, unless it is an address (RFC 6066 §3).
    let serverName: String?
    /// `nil`: no text is wanted.
    let text: TextSearch?
    let port: UInt16?
    /// Of a check by datagram: what it holds, and what must be in the answer, where anything must.
    let probe: [UInt8]
    let answer: TextSearch?

    init(_ check: HealthCheck) {
        self.check = check
        policy = ActiveHealth.Policy(
            interval: UInt64(clamping: check.interval) &* 1_000_000,
            timeout: UInt64(clamping: check.timeout) &* 1_000_000, rise: UInt16(clamping: check.rise),
            fall: UInt16(clamping: check.fall), jitterPercent: UInt8(clamping: check.jitter))
        method =
            switch check.method {
            case .get: .get
            case .head: .head
            case .options: .options
            }
        before = Array("\(check.method.rawValue) \(check.path) HTTP/1.1\r\nHost: ".utf8)
        behind = Array("\r\nUser-Agent: kontainers-health\r\nAccept: */*\r\n\r\n".utf8)
        host = check.host.map { Array($0.utf8) }
        serverName = check.host.flatMap(Self.name)
        text = check.body.map { TextSearch(Array($0.utf8)) }
        probe = check.send?.bytes ?? []
        answer = check.answer.map { TextSearch($0.bytes) }
        port = check.port.map { UInt16(clamping: $0) }
    }

    private static func name(in host: String) -> String? {
        let name = host.split(separator: ":", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        let isAddress = name.isEmpty || host.hasPrefix("[") || SocketAddress(text: name + ":1") != nil
        return isAddress || name.utf8.count > 253 ? nil : name
    }
}
