/// What happens to the header fields of a request or a response on its way through: first `remove`, then `set`, then
/// `add`.
public struct HeaderChanges: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case set, add, remove }

    /// Each replaces every field of its name, or is added when there is none.
    public var set: [HeaderField]
    /// Each comes beside what is there.
    public var add: [HeaderField]
    /// Names.
    public var remove: [String]

    /// Changes in one direction, `set`, `add` and `remove` together.
    public static let countLimit = 64
    /// Bytes of all names and values of one direction, as they are written.
    public static let sizeLimit = 8_192

    public init(set: [HeaderField] = [], add: [HeaderField] = [], remove: [String] = []) {
        self.set = set
        self.add = add
        self.remove = remove
    }

    public var isEmpty: Bool { self.set.isEmpty && add.isEmpty && remove.isEmpty }

    public enum Direction: Sendable { case request, response }

    /// What keeps the changes as a whole from being made.
    public func check() throws(OptionFault) {
        let count = self.set.count + add.count + remove.count
        guard count <= Self.countLimit else {
            throw OptionFault(found: "found \(count) changes of headers", wanted: "wanted at most \(Self.countLimit)")
        }
        let size =
            (self.set + add).reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
            + remove.reduce(0) { $0 + $1.utf8.count }
        guard size <= Self.sizeLimit else {
            throw OptionFault(
                found: "found \(size) bytes of names and values", wanted: "wanted at most \(Self.sizeLimit)")
        }
        var names: Set<String> = []
        for name in self.set.map(\.name) + remove where !names.insert(name.lowercased()).inserted {
            throw OptionFault(
                found: "found \"\(name)\" twice in \"set\" and \"remove\"", wanted: "wanted each name once")
        }
    }
}

public struct HeaderField: Equatable, Sendable, Codable {
    public var name: String
    /// May hold variables, see ``Template``.
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    public static func variables(in direction: HeaderChanges.Direction) -> [Template.Variable] {
        let both: [Template.Variable] = [.client, .host, .scheme, .rule, .requestID]
        return switch direction {
        case .request: both + [.user]
        case .response: both
        }
    }

    /// Bytes of a name.
    public static let nameLimit = 256

    /// Belongs to one connection, or says where a message ends (RFC 9110 §7.6.1, RFC 9112 §6): never a rule's.
    private static let framing: Set = [
        "connection", "content-length", "expect", "http2-settings", "keep-alive", "proxy-authenticate",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]
    /// What the proxy writes itself.
    private static let ownOfRequests: Set = [
        "host", "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
        "x-request-id",
    ]
    private static let ownOfResponses: Set = ["date"]

    /// Whether a rule may touch fields of this name.
    public static func check(name: String, of direction: HeaderChanges.Direction) throws(OptionFault) {
        guard (1...nameLimit).contains(name.utf8.count), name.utf8.allSatisfy(isToken) else {
            let shown = String(name.unicodeScalars.prefix(40).filter { $0.value >= 0x20 && $0.value != 0x7f })
            throw OptionFault(
                found: "found \"\(shown)\" as a header's name",
                wanted: "wanted 1 to \(nameLimit) letters, digits or \"-\", \"_\" and their like (RFC 9110 §5.1)")
        }
        let lower = name.lowercased()
        if framing.contains(lower) {
            throw OptionFault(
                found: "found the header \"\(name)\"",
                wanted: "wanted another: it belongs to one connection or says where a message ends")
        }
        let isOwn =
            switch direction {
            case .request: ownOfRequests.contains(lower)
            case .response: ownOfResponses.contains(lower)
            }
        if isOwn {
            throw OptionFault(found: "found the header \"\(name)\"", wanted: "wanted another: the proxy writes it")
        }
    }

    /// The value with its variables. Nothing in it ends a line: that would be another header, or a body.
    public static func template(
        of value: String, in direction: HeaderChanges.Direction
    ) throws(OptionFault) -> Template {
        for byte in value.utf8 where byte < 0x20 && byte != 0x09 || byte == 0x7f {
            throw OptionFault(
                found: "found the control character \(byte) in a header's value",
                wanted: "wanted none: a line's end there would begin another header (RFC 9110 §5.5)")
        }
        guard value.utf8.first != 0x20, value.utf8.first != 0x09, value.utf8.last != 0x20, value.utf8.last != 0x09
        else {
            throw OptionFault(
                found: "found a header's value with space at an end", wanted: "wanted it without (RFC 9110 §5.5)")
        }
        return try Template(value, allowing: variables(in: direction))
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
