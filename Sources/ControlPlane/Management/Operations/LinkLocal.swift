import Docker
import KontainersConfiguration
import Store

/// Addresses that no rule of the interface leads to: those of the link (RFC 3927, RFC 4291 §2.5.6), where clouds tell a
/// machine its secrets. Whoever may make rules is not to read them by way of a health check or a request.
enum LinkLocal {
    /// Names under which clouds have them.
    private static let names: Set<String> = ["metadata", "metadata.google.internal", "instance-data"]

    /// - Parameter endpoint: `IPv4:port`, `[IPv6]:port` or `name:port`.
    static func contains(_ endpoint: String) -> Bool {
        guard let colon = endpoint.lastIndex(of: ":") else { return false }
        let host = endpoint[..<colon].filter { $0 != "[" && $0 != "]" }.lowercased()
        if names.contains(host) || names.contains(where: { host == $0 + "." }) { return true }
        guard let bytes = IPLiteral.bytes(host) else { return false }
        if bytes.count == 4 { return isLinkLocal(v4: bytes[...]) }
        // fe80::/10, the unique local one of AWS, and IPv4 within IPv6.
        if bytes[0] == 0xfe, bytes[1] & 0xc0 == 0x80 { return true }
        if bytes.starts(with: [0xfd, 0x00, 0x0e, 0xc2]) { return true }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
        return isMapped && isLinkLocal(v4: bytes[12...])
    }

    private static func isLinkLocal(v4 bytes: ArraySlice<UInt8>) -> Bool { bytes.starts(with: [169, 254]) }

    /// What is wrong with a rule's endpoints.
    static func faults(_ rule: ProxyRule, at pointer: String) -> [FieldFault] {
        (rule.endpoints ?? []).enumerated().compactMap { index, endpoint in
            guard let text = endpoint.text ?? endpoint["address"]?.text, contains(text) else { return nil }
            return FieldFault(
                "\(pointer)/endpoints/\(index)", found: "found \(JSONSchema.shown(text)), an address of the link",
                wanted: "wanted another: such rules are made in the configuration file alone", code: "link-local")
        }
    }
}
