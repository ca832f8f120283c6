/// What a rule writes for a host, checked: an exact name, `*.suffix` or `*`.
struct HostPattern {
    var kind: HostRecord.Kind
    /// Lower case; of a `*.suffix` the suffix alone, of `*` nothing.
    var name: [UInt8]
    var labels: Int

    /// Equal for patterns that match the same.
    var identity: [UInt8] { [kind.rawValue] + name }

    init(_ text: String) throws(RuleFault) {
        guard text != "*" else {
            (kind, name, labels) = (.any, [], 0)
            return
        }
        var rest = Substring(text)
        kind = .exact
        if text.hasPrefix("*.") {
            kind = .suffix
            rest = rest.dropFirst(2)
        }
        if rest.last == "." { rest = rest.dropLast() }
        let host = rest.lowercased()
        let bytes = Array(host.utf8)
        func fault(_ wanted: String) -> RuleFault { RuleFault(message: "host \"\(text)\": \(wanted)") }

        guard !host.isEmpty else { throw fault("is empty; wanted a name, \"*.suffix\" or \"*\"") }
        if host.hasPrefix("[") {
            guard kind == .exact, let literal = Self.canonical(literal: host) else {
                throw fault("wanted an IPv6 address in brackets, without port and zone")
            }
            (name, labels) = (literal, 1)
            return
        }
        guard !bytes.contains(UInt8(ascii: ":")) else {
            throw fault("has a port; ports belong to listeners, write the name alone")
        }
        guard !bytes.contains(UInt8(ascii: "*")) else {
            throw fault("\"*\" stands for whole labels, and only at the start: \"*.suffix\" or \"*\" alone")
        }
        guard !bytes.contains(UInt8(ascii: "/")) else {
            throw fault("has a path or a scheme; wanted the name alone, the path goes to `path`")
        }
        guard bytes.allSatisfy({ $0 < 0x80 }) else {
            throw fault("has letters beyond ASCII; write it in Punycode (\"xn--…\")")
        }
        guard bytes.count <= 253, bytes.split(separator: UInt8(ascii: ".")).allSatisfy({ $0.count <= 63 }) else {
            throw fault("is too long; a name has at most 253 bytes, a label at most 63")
        }
        guard let count = bytes.withRun({ labelCount(of: $0) }) else {
            throw fault(
                "has an empty label or a character no host name has; wanted letters, digits, \"-\", \"_\" and dots")
        }
        (name, labels) = (bytes, count)
    }

    private static func canonical(literal: String) -> [UInt8]? {
        guard literal.hasSuffix("]") else { return nil }
        let address = Array(literal.utf8.dropFirst().dropLast()).withRun { parseIPv6($0) }
        return address.map { literalText(high: $0.high, low: $0.low) }
    }
}
