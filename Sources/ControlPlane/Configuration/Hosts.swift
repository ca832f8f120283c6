/// Host names and paths of rules.
enum Hosts {
    /// RFC 1035 §2.3.4: octets of a label, and of a name as text without its last dot.
    static let labelLimit = 63
    static let nameLimit = 253
    static let pathLimit = 4_096

    /// A host of a rule: an exact name, `*.suffix`, or `*`; lower case, without trailing dot.
    static func host(_ text: String) throws(Fault) -> String {
        if text == "*" { return text }
        if let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) {
            let rest = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != ":" }
            throw Fault(
                "bad-host", found: "found \(Shown.quoted(text)), an address with a scheme",
                wanted: "did you mean \"\(Shown.plain(String(rest)))\"?")
        }
        if let slash = text.firstIndex(of: "/") {
            throw Fault(
                "bad-host", found: "found \(Shown.quoted(text)), a host with a path",
                wanted: "wanted \"\(Shown.plain(String(text[..<slash])))\", and the path in the field \"path\"")
        }
        if let address = IPAddress(text), case .v4 = address { return address.canonical }
        if let colon = text.firstIndex(of: ":") {
            throw Fault(
                "bad-host", found: "found \(Shown.quoted(text)), a host with a port",
                wanted: "wanted \"\(Shown.plain(String(text[..<colon])))\": ports belong to listeners")
        }
        if text.hasPrefix("*.") { return "*." + (try plainName(String(text.dropFirst(2)), whole: text)) }
        return try plainName(text)
    }

    /// A name of labels, lower case, without trailing dot. `whole` is what the message tells.
    static func plainName(_ text: String, whole: String? = nil) throws(Fault) -> String {
        let whole = whole ?? text
        func fault(_ wanted: String) -> Fault { Fault("bad-host", text: whole, wanted: wanted) }
        guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
            throw fault("wanted letters of ASCII: write names in other scripts in their \"xn--\" form (IDNA A-labels)")
        }
        var name = text.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        guard !name.isEmpty else { throw fault("wanted \(FieldType.host.wanted)") }
        guard name.utf8.count <= nameLimit else {
            throw Fault(
                "bad-host", found: "found a host name of \(name.utf8.count) bytes",
                wanted: "wanted at most \(nameLimit)")
        }
        for label in name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard !label.isEmpty else { throw fault("wanted no empty label: two dots in a row, or one at the start") }
            guard label.count <= labelLimit else { throw fault("wanted at most \(labelLimit) letters between dots") }
            guard !label.contains(UInt8(ascii: "*")) else {
                throw fault("wanted \"*\" only as the whole first label, such as \"*.site.example\"")
            }
            guard label.allSatisfy(isLetter), label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-") else {
                throw fault("wanted only letters, digits, \"-\" and \"_\" between dots, no \"-\" at an end")
            }
        }
        // Such a name would be taken for an address by some and not by others (RFC 3986 §7.4).
        guard name.utf8.split(separator: UInt8(ascii: ".")).last?.allSatisfy(isDigit) != true else {
            throw fault("wanted an IPv4 address of four numbers from 0 to 255, or a name that does not end in a number")
        }
        return name
    }

    /// A path prefix. A closing slash is left out: prefixes match by whole segments.
    static func path(_ text: String) throws(Fault) -> String {
        func fault(_ wanted: String) -> Fault { Fault("bad-path", text: text, wanted: wanted) }
        guard text.hasPrefix("/") else {
            let plain = Shown.plain(text)
            throw fault(text.isEmpty ? "wanted \(FieldType.path.wanted)" : "did you mean \"/\(plain)\"?")
        }
        guard text.utf8.count <= pathLimit else {
            throw Fault(
                "bad-path", found: "found a path of \(text.utf8.count) bytes", wanted: "wanted at most \(pathLimit)")
        }
        for (mark, name) in [("?", "query"), ("#", "fragment")] where text.contains(mark) {
            throw fault("wanted a path without \"\(mark)\": a \(name) takes no part in matching")
        }
        guard !text.contains("*") else {
            throw fault("wanted no \"*\": a path is a prefix already, and matches all below it")
        }
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw fault("wanted printable ASCII without spaces: other bytes are written %XX")
        }
        let bytes = Array(text.utf8)
        for index in bytes.indices where bytes[index] == UInt8(ascii: "%") {
            guard index + 2 < bytes.count, UInt8(ascii: "0") <= bytes[index + 1],
                UInt8(String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16) != nil
            else { throw fault("wanted two hexadecimal digits after \"%\"") }
        }
        var segments = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        if segments.last == "" { segments.removeLast() }
        guard !segments.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
            throw fault("wanted no empty segment, \".\" or \"..\": no request's path has them when it is matched")
        }
        return "/" + segments.joined(separator: "/")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
