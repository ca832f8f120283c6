/// The rules for a host name in a handshake, a certificate or a rule.
enum ServerName {
    /// RFC 1035 §2.3.4: 255 octets on the wire are 253 characters.
    static let bytesLimit = 253

    /// The name in lower case without a trailing dot, or `nil` when it is no host name: bytes outside letters, digits,
    /// `-`, `_` and `.`, an empty label, nothing at all, or too long.
    static func canonical(_ bytes: Span<UInt8>) -> String? {
        var count = bytes.count
        guard count > 0, count <= bytesLimit + 1 else { return nil }
        if bytes[count - 1] == UInt8(ascii: ".") { count -= 1 }
        guard count > 0, count <= bytesLimit else { return nil }
        var name: [UInt8] = []
        name.reserveCapacity(count)
        var before = UInt8(ascii: ".")
        for index in 0..<count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                name.append(byte)
            case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                name.append(byte | 0x20)
            case UInt8(ascii: ".") where before != UInt8(ascii: "."):
                name.append(byte)
            case _:
                return nil
            }
            before = byte
        }
        guard before != UInt8(ascii: ".") else { return nil }
        return String(decoding: name, as: UTF8.self)
    }
}

/// What a name in a rule or a certificate covers.
enum NamePattern: Equatable {
    case exact(String)
    /// The part after the star, with its dot: `.site.test` for `*.site.test`.
    case suffix(String)
    case everything

    /// `nil` when the text is none of a host name, `*.` before a host name, and `*`.
    init?(_ text: some Collection<UInt8>) {
        let bytes = Array(text.prefix(ServerName.bytesLimit + 4))
        if bytes == [UInt8(ascii: "*")] {
            self = .everything
        } else if bytes.starts(with: "*.".utf8) {
            guard let name = ServerName.canonical(bytes.span.extracting(2...)) else { return nil }
            self = .suffix("." + name)
        } else {
            guard let name = ServerName.canonical(bytes.span) else { return nil }
            self = .exact(name)
        }
    }
}

/// Which certificate serves which name. A value; numbers stand for certificates.
///
/// The most exact claim wins; between equals, one that a rule makes wins over one that a certificate makes, and an
/// earlier over a later one.
struct ServerNames {
    private var exact: [String: Int] = [:]
    private var assignedSuffixes: [String: Int] = [:]
    private var certificateSuffixes: [String: Int] = [:]
    private var everything: Int?

    /// A rule wants this certificate for a pattern. Call before any ``certify(_:by:)``.
    mutating func assign(_ pattern: NamePattern, to certificate: Int) {
        switch pattern {
        case .exact(let name): claim(&exact, name, certificate)
        case .suffix(let suffix): claim(&assignedSuffixes, suffix, certificate)
        case .everything: everything = everything ?? certificate
        }
    }

    /// This certificate names the pattern among its own.
    mutating func certify(_ pattern: NamePattern, by certificate: Int) {
        switch pattern {
        case .exact(let name): claim(&exact, name, certificate)
        case .suffix(let suffix): claim(&certificateSuffixes, suffix, certificate)
        // No certificate vouches for every name (RFC 6125 §6.4.3).
        case .everything: break
        }
    }

    private func claim(_ claims: inout [String: Int], _ name: String, _ certificate: Int) {
        if claims[name] == nil { claims[name] = certificate }
    }

    /// The certificate for a name a client sent, or `nil` when no claim covers it; `name` may hold any bytes.
    func certificate(for name: Span<UInt8>) -> Int? {
        guard let name = ServerName.canonical(name) else { return everything }
        if let found = exact[name] { return found }
        guard !(assignedSuffixes.isEmpty && certificateSuffixes.isEmpty) else { return everything }
        var rest = name[...]
        var isFirstLabel = true
        // 127 labels at most in a name of 253 bytes.
        while let dot = rest.firstIndex(of: ".") {
            let suffix = String(rest[dot...])
            if let found = assignedSuffixes[suffix] { return found }
            // In a certificate the star stands for one label (RFC 6125 §6.4.3).
            if isFirstLabel, let found = certificateSuffixes[suffix] { return found }
            isFirstLabel = false
            rest = rest[rest.index(after: dot)...]
        }
        return everything
    }
}
