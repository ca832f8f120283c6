/// What a field may hold. Values of every source, the file and labels, are read by these.
indirect enum FieldType: Sendable {
    case text
    /// Letters, digits, `.`, `_` and `-`.
    case name
    case integer(ClosedRange<Int>)
    /// Milliseconds.
    case duration(ClosedRange<Int>)
    /// Bytes.
    case size(ClosedRange<Int>)
    case boolean
    case choice([String])
    /// An address to listen on, canonical `ip:port`.
    case address
    /// An address to listen on, or `off`.
    case addressOrOff
    /// An address, or the addresses that share a prefix; canonical, without host bits.
    case addressRange
    case host
    case path
    case tls
    /// Where a pool sends traffic: `ip:port`, `[ip]:port`, `name:port`.
    case endpoint
    case dockerEndpoint
    /// A path in the file system, resolved against the folder of the file that names it.
    case file
    case user
    /// An IP address, or a network with the length of its prefix.
    case network
    /// An IP address.
    case ip
    /// Ports to be opened: one, or a range; canonical `low-high`. Or `off`.
    case ports
    /// Any names with a text for each.
    case pairs
    /// Users with their passwords' hashes: a mapping, or `name:hash` as one text or several.
    case users
    /// One value or several: a list in the file, commas in a label.
    case several(FieldType, limit: Int)
    case section(Section)
    /// `true`, `false`, or a section that says more than `true`.
    case switchable(Section)
    /// A section, or the value of one of its fields alone.
    case abbreviated(Section, by: String)
    case sections(Section)

    /// In a sentence: "wanted …".
    var wanted: String {
        switch self {
        case .text: "a text"
        case .name: "a name of 1 to 64 letters, digits, \".\", \"_\" or \"-\""
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .duration: "a time with its unit, such as 500ms, 10s, 2m or 1h"
        case .size: "a size such as 65536, 64KiB or 10MB"
        case .boolean: "true or false"
        case .choice(let words): words.joined(separator: ", ")
        case .address: "an address and a port, such as \"0.0.0.0:80\", \"[::]:80\" or \":80\""
        case .addressOrOff: "an address and a port, such as \"127.0.0.1:8600\", or off"
        case .addressRange: "an address or a range, such as \"192.0.2.1\", \"10.0.0.0/8\" or \"2001:db8::/32\""
        case .host: "a host name such as site.example, \"*.site.example\", or \"*\" for every other host"
        case .path: "a path that starts with \"/\""
        case .tls: "auto, off, or a certificate's name"
        case .endpoint: "an address and a port, such as \"127.0.0.1:9000\", \"[::1]:9000\" or \"name:9000\""
        case .dockerEndpoint: "unix:///path/of/the/socket or tcp://host:port"
        case .file: "the path of a file or folder"
        case .user: "a user's name or number"
        case .network: "an address or a network, such as \"10.0.0.0/8\" or \"2001:db8::/32\""
        case .ip: "an IP address, such as \"0.0.0.0\" or \"::\""
        case .ports: "a port, a range of ports such as 1024-65535, or off"
        case .pairs: "a mapping of names to texts"
        case .users: "users' names with bcrypt hashes, as a mapping or as name:hash"
        case .several(let type, _): type.wanted + ", or a list of such"
        case .switchable(let section):
            "true, false, or a mapping with " + section.fieldNames.joined(separator: ", ")
        case .abbreviated(let section, let name):
            (section.field(spelled: name)?.type.wanted ?? name) + ", or a mapping with "
                + section.fieldNames.joined(separator: ", ")
        case .section(let section): "a mapping with " + section.fieldNames.joined(separator: ", ")
        case .sections(let section): "a list of mappings with " + section.fieldNames.joined(separator: ", ")
        }
    }
}

/// One field: everything that is known of it stands in one place.
struct Field: Sendable {
    enum Presence: Sendable { case required, optional }

    let name: String
    /// Another spelling that means the same: the singular of a plural.
    let alias: String?
    let type: FieldType
    let presence: Presence
    /// What holds when it is left out, in words.
    let standard: String
    /// One line for the user's reference.
    let documentation: String

    init(
        _ name: String, alias: String? = nil, _ type: FieldType, _ presence: Presence = .optional,
        standard: String = "", says documentation: String
    ) {
        self.name = name
        self.alias = alias
        self.type = type
        self.presence = presence
        self.standard = standard
        self.documentation = documentation
    }
}

/// A group of fields that stand together.
struct Section: Sendable {
    /// With its article: "a rule".
    let title: String
    let fields: [Field]

    var fieldNames: [String] { fields.map(\.name) }

    /// Every spelling that is understood.
    var spellings: [String] { fields.flatMap { [$0.name] + ($0.alias.map { [$0] } ?? []) } }

    func field(spelled spelling: String) -> Field? {
        fields.first { $0.name == spelling || $0.alias == spelling }
    }
}
