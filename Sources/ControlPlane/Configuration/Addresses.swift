/// Addresses with ports, as people write them, made canonical.
enum Addresses {
    /// What a text with a port at its end consists of.
    private struct Parts {
        var host: Substring
        var isBracketed: Bool
        var port: Int
    }

    /// An address to listen on: `ip:port`, `[ip]:port`, `:port` or a bare port, which mean every IPv4 address.
    /// Port 0 lets the kernel choose.
    static func listening(_ text: String) throws(Fault) -> String {
        let wanted = "wanted \(FieldType.address.wanted)"
        if let port = decimal(text[...]) {
            return "0.0.0.0:\(try checked(port, in: text, from: 0))"
        }
        try refuseScheme(text, code: "bad-address", wanted: wanted)
        if let alone = IPAddress(text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]) {
            throw Fault(
                "bad-address", found: "found \(Shown.quoted(text)), an address without a port",
                wanted: "wanted a port too, such as \"\(alone.canonical(port: 80))\"")
        }
        let parts = try split(text, code: "bad-address", wanted: wanted, from: 0)
        if parts.host.isEmpty && !parts.isBracketed || parts.host == "*" { return "0.0.0.0:\(parts.port)" }
        guard let address = IPAddress(parts.host) else {
            if parts.host == "localhost" {
                throw Fault(
                    "bad-address", text: text, wanted: "wanted an IP address: did you mean \"127.0.0.1:\(parts.port)\"?"
                )
            }
            throw Fault("bad-address", text: text, wanted: wanted)
        }
        try requireBrackets(address, parts, in: text)
        return address.canonical(port: parts.port)
    }

    /// An address alone, or `address/length`. Host bits are refused: they mean that the length or the address is not
    /// what was meant.
    static func range(_ text: String) throws(Fault) -> String {
        let wanted = "wanted \(FieldType.addressRange.wanted)"
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = parts.first, let address = IPAddress(host) else {
            throw Fault("bad-range", text: text, wanted: wanted)
        }
        guard parts.count == 2 else { return address.canonical }
        guard let length = decimal(parts[1]), length <= address.width else {
            throw Fault(
                "bad-range", text: text,
                wanted: "wanted a length from 0 to \(address.width) behind \"/\", such as "
                    + "\"\(address.network(address.width / 2).canonical)/\(address.width / 2)\"")
        }
        let network = address.network(length)
        guard network == address else {
            throw Fault(
                "bad-range", found: "found \(Shown.quoted(text)), an address inside a range",
                wanted: "did you mean \"\(network.canonical)/\(length)\", or \"\(address.canonical)\" alone?")
        }
        return length == address.width ? address.canonical : "\(address.canonical)/\(length)"
    }

    /// Where traffic goes. A name stays a name: the system resolves it later.
    static func endpoint(_ text: String) throws(Fault) -> String {
        let wanted = "wanted \(FieldType.endpoint.wanted)"
        try refuseScheme(text, code: "bad-endpoint", wanted: wanted)
        if let port = decimal(text[...]), (1...65_535).contains(port) {
            throw Fault(
                "bad-endpoint", found: "found \(Shown.quoted(text)), a port without an address",
                wanted: "did you mean \"127.0.0.1:\(port)\"?")
        }
        let parts = try split(text, code: "bad-endpoint", wanted: wanted, from: 1)
        if let address = IPAddress(parts.host) {
            try requireBrackets(address, parts, in: text, code: "bad-endpoint")
            return address.canonical(port: parts.port)
        }
        guard !parts.isBracketed, !parts.host.isEmpty, parts.host != "*" else {
            throw Fault("bad-endpoint", text: text, wanted: wanted)
        }
        do {
            return "\(try Hosts.plainName(String(parts.host))):\(parts.port)"
        } catch {
            throw Fault("bad-endpoint", text: text, wanted: error.wanted)
        }
    }

    /// A network with the length of its prefix, or one address; canonical.
    static func network(_ text: String) throws(Fault) -> String {
        let wanted = "wanted \(FieldType.network.wanted)"
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else {
            throw Fault("bad-network", text: text, wanted: wanted)
        }
        guard parts.count == 2 else { return address.canonical }
        let (bytes, width): ([UInt8], Int) =
            switch address {
            case .v4(let bytes): (bytes, 32)
            case .v6(let groups): (groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }, 128)
            }
        guard let length = decimal(parts[1]), length <= width, String(length) == parts[1] else {
            throw Fault(
                "bad-network", text: text, wanted: "wanted the length of a prefix behind \"/\", 0 to \(width)")
        }
        var masked = bytes
        for index in masked.indices {
            masked[index] &= UInt8(truncatingIfNeeded: 0xff00 >> min(8, max(0, length - index * 8)))
        }
        guard masked == bytes else {
            let meant: IPAddress =
                switch address {
                case .v4: .v4(masked)
                case .v6:
                    .v6((0..<8).map { UInt16(masked[$0 * 2]) << 8 | UInt16(masked[$0 * 2 + 1]) })
                }
            throw Fault(
                "bad-network", text: text,
                wanted: "did you mean \"\(meant.canonical)/\(length)\", or one address without \"/\(length)\"?")
        }
        return "\(address.canonical)/\(length)"
    }

    static func dockerEndpoint(_ text: String) throws(Fault) -> ApplianceConfiguration.DockerEndpoint {
        let wanted = "wanted \(FieldType.dockerEndpoint.wanted)"
        if text.hasPrefix("unix://") {
            let path = String(text.dropFirst("unix://".count))
            guard path.hasPrefix("/"), !path.unicodeScalars.contains("\0") else {
                throw Fault(
                    "bad-docker-endpoint", text: text,
                    wanted: "wanted an absolute path after unix://, such as \"unix:///var/run/docker.sock\"")
            }
            // The kernel's sockaddr_un has room for 107 bytes and the closing zero.
            guard path.utf8.count <= 107 else {
                throw Fault(
                    "bad-docker-endpoint", found: "found a socket's path of \(path.utf8.count) bytes",
                    wanted: "wanted at most 107, the kernel's limit")
            }
            return .init(address: .unix(path: path), text: text)
        }
        if text.hasPrefix("tcp://") {
            let rest = String(text.dropFirst("tcp://".count))
            let parts: Parts
            do {
                parts = try split(rest, code: "bad-docker-endpoint", wanted: wanted, from: 1)
            } catch {
                throw Fault(error.code, text: text, wanted: error.wanted)
            }
            if let address = IPAddress(parts.host) {
                try requireBrackets(address, parts, in: rest, code: "bad-docker-endpoint")
                return .init(address: .tcp(host: address.canonical, port: parts.port), text: text)
            }
            do {
                return .init(address: .tcp(host: try Hosts.plainName(String(parts.host)), port: parts.port), text: text)
            } catch {
                throw Fault("bad-docker-endpoint", text: text, wanted: error.wanted)
            }
        }
        if text.hasPrefix("/") {
            throw Fault("bad-docker-endpoint", text: text, wanted: "did you mean \"unix://\(Shown.plain(text))\"?")
        }
        throw Fault("bad-docker-endpoint", text: text, wanted: wanted)
    }

    private static func refuseScheme(_ text: String, code: String, wanted: String) throws(Fault) {
        for scheme in ["http://", "https://", "tcp://", "udp://"] where text.lowercased().hasPrefix(scheme) {
            throw Fault(
                code, found: "found \(Shown.quoted(text)), which starts with a scheme",
                wanted: wanted + ", without \"\(scheme)\"")
        }
    }

    private static func split(_ text: String, code: String, wanted: String, from lowest: Int) throws(Fault) -> Parts {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw Fault(code, text: text, wanted: wanted) }
            let rest = text[text.index(after: end)...]
            guard rest.first == ":", let port = decimal(rest.dropFirst()) else {
                throw Fault(code, text: text, wanted: wanted)
            }
            let host = text[text.index(after: text.startIndex)..<end]
            guard IPAddress(host) != nil else { throw Fault(code, text: text, wanted: wanted) }
            return Parts(host: host, isBracketed: true, port: try checked(port, in: text, from: lowest))
        }
        guard let colon = text.lastIndex(of: ":") else { throw Fault(code, text: text, wanted: wanted) }
        guard let port = decimal(text[text.index(after: colon)...]) else {
            throw Fault(code, text: text, wanted: wanted)
        }
        return Parts(host: text[..<colon], isBracketed: false, port: try checked(port, in: text, from: lowest))
    }

    private static func requireBrackets(
        _ address: IPAddress, _ parts: Parts, in text: String, code: String = "bad-address"
    ) throws(Fault) {
        switch (address, parts.isBracketed) {
        case (.v4, false), (.v6, true): return
        case (.v4, true), (.v6, false):
            throw Fault(code, text: text, wanted: "did you mean \"\(address.canonical(port: parts.port))\"?")
        }
    }

    private static func checked(_ port: Int, in text: String, from lowest: Int) throws(Fault) -> Int {
        guard (lowest...65_535).contains(port) else {
            throw Fault(
                "bad-port", found: "found port \(port) in \(Shown.quoted(text))",
                wanted: "wanted a port from \(lowest) to 65535")
        }
        return port
    }

    /// Digits alone, at most nine.
    private static func decimal(_ text: Substring) -> Int? {
        guard (1...9).contains(text.utf8.count),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(text)
    }
}
