import Contract

// Proxies in front of this one: whose word about others is believed, and where it comes as a PROXY protocol header.

extension FileReader {
    mutating func readTrust(_ file: Fields) {
        for (range, position) in reader.texts("trustedProxies", of: file) {
            guard !configuration.settings.trustedProxies.contains(range) else {
                reader.report(
                    "duplicate-range", .warning, at: position, found: "found \(Shown.quoted(range)) twice",
                    wanted: "wanted each range once")
                continue
            }
            if range.hasSuffix("/0") {
                reader.report(
                    "trusts-everyone", .warning, at: position,
                    found: "found \(Shown.quoted(range)): any client may then say that it is another",
                    wanted: "wanted the addresses of the proxies in front of this one")
            }
            configuration.settings.trustedProxies.append(range)
        }
    }

    /// A header that nobody may send is a mistake in one of two places.
    mutating func lintTrust(_ listener: Listener, _ file: Fields, at position: Position) {
        let wanted: String
        switch listener.proxyProtocol {
        case .off: return
        case .optional: wanted = "wanted \"trustedProxies\": until then nobody's header is taken"
        case .required: wanted = "wanted \"trustedProxies\": until then every connection is closed"
        }
        guard !file.has("trustedProxies") else { return }
        reader.report(
            "nobody-trusted", .warning, at: position, subject: listener.name,
            found: "found proxyProtocol \(listener.proxyProtocol.rawValue) and nobody who is trusted", wanted: wanted)
    }
}
