import Contract

/// Counts that compiling agrees to. Beyond them a rule is refused and its last good version stays.
public enum RuleLimits {
    /// Bytes of a rule's name, and of its note.
    public static let nameBytes = 512
    public static let hosts = 1_000
    public static let endpoints = 4_096
    public static let listeners = 256
    /// Rules with the same host and path. Those after it, by name, are not served.
    public static let rulesInOnePlace = 256
}

/// A rule in the form that building a table copies from. Immutable; holds its numbers in the registry while it lives.
final class CompiledRule: Sendable {
    /// One host of the rule.
    struct Place: Sendable {
        var kind: HostRecord.Kind
        var hash: UInt64
        /// Where its text, a multiple of eight bytes with zeros behind it, starts in the rule's `hostText`.
        var start: Int
        var count: Int
        var labels: Int
    }

    let source: Rule
    let id: RouteID
    let endpoints: [EndpointID]
    let places: [Place]
    let hostText: [UInt64]
    /// In the form that is matched, as words; `pathCount` bytes of them.
    let path: [UInt64]
    let pathCount: Int
    let pathDepth: Int
    let name: [UInt8]
    let note: [UInt8]
    let options: CompiledOptions?
    /// `nil`: each endpoint in turn.
    let pool: CompiledPool?
    let holding: RouteHolding?
    /// `nil`: of an http rule.
    let transport: CompiledTransport?
    let listeners: UInt64
    let farListeners: [UInt32]
    let flags: Binding.Flags
    /// Of all listeners it names.
    let listenerIndexes: [UInt32]
    private let registry: EndpointRegistry

    init(_ rule: Rule, hashing: Hashing, registry: EndpointRegistry, listenerIndex: (String) -> Int) throws(RuleFault) {
        transport = try CompiledTransport(rule)
        let places = try Self.places(of: rule, hashing: hashing)
        let path = try Self.path(from: rule.path)
        let addresses = try Self.addresses(of: rule)
        try Self.checkSizes(of: rule)
        if let asked = rule.options, asked != RuleOptions() {
            options = try CompiledOptions(asked, name: rule.name, hashing: hashing)
        } else {
            options = nil
        }
        do {
            holding = try rule.holding.map { (holding) throws(OptionFault) in try RouteHolding(holding) }
        } catch {
            throw RuleFault(message: "holding: \(error.message)")
        }
        source = rule
        self.places = places.places
        hostText = places.text
        self.path = path.packedWords
        pathCount = path.count
        pathDepth = path.count { $0 == UInt8(ascii: "/") }
        name = escaped(rule.name)
        note = escaped(rule.note ?? "")
        let indexes = Set(rule.listeners).map(listenerIndex).sorted()
        listeners = indexes.filter { $0 < 64 }.reduce(0) { $0 | 1 << UInt64($1) }
        farListeners = indexes.filter { $0 >= 64 }.map(UInt32.init)
        listenerIndexes = indexes.map(UInt32.init)
        var flags: Binding.Flags =
            switch (rule.kind, rule.tls) {
            case (.http, .any): [.servesPlain, .servesSecure]
            case (.http, .off): [.servesPlain]
            case (.http, .required): [.servesSecure, .redirectsPlain]
            case (.tcp, _), (.udp, _): [.tunnels]
            }
        if rule.listeners.isEmpty { flags.insert(.everywhere) }
        self.flags = flags
        self.registry = registry
        let asked = try CompiledPool.asked(of: rule)
        let endpoints = registry.holdEndpoints(addresses)
        self.endpoints = endpoints
        pool = asked.map { CompiledPool($0, rule, addresses, endpoints) }
        id = registry.holdRoute(rule.name)
    }

    deinit { registry.release(route: id, endpoints: endpoints) }
}

/// Why a rule cannot be compiled: what was found, and what is wanted.
struct RuleFault: Error, Equatable {
    var message: String
}

extension CompiledRule {
    private static func checkSizes(of rule: Rule) throws(RuleFault) {
        func check(_ what: String, _ count: Int, within range: ClosedRange<Int>) throws(RuleFault) {
            guard !range.contains(count) else { return }
            throw RuleFault(message: "found \(count) \(what), wanted \(range.lowerBound) to \(range.upperBound)")
        }
        try check("bytes in the rule's name", rule.name.utf8.count, within: 1...RuleLimits.nameBytes)
        try check("bytes in the rule's note", rule.note?.utf8.count ?? 0, within: 0...RuleLimits.nameBytes)
        try check("listeners", rule.listeners.count, within: 0...RuleLimits.listeners)
    }

    private static func addresses(of rule: Rule) throws(RuleFault) -> [EndpointAddress] {
        guard rule.endpoints.count <= RuleLimits.endpoints else {
            throw RuleFault(message: "found \(rule.endpoints.count) endpoints, wanted at most \(RuleLimits.endpoints)")
        }
        var seen: Set<EndpointAddress> = []
        var addresses: [EndpointAddress] = []
        for endpoint in rule.endpoints {
            guard let address = EndpointAddress(text: endpoint.address) else {
                throw RuleFault(
                    message: "endpoint \"\(endpoint.address)\": wanted IPv4:port or [IPv6]:port, port 1 to 65535")
            }
            if seen.insert(address).inserted { addresses.append(address) }
        }
        return addresses
    }

    /// A path as it is written, in the form that is matched.
    static func path(from written: String) throws(RuleFault) -> [UInt8] {
        let text = Array(written.utf8)
        let found = "path \"\(written)\""
        guard text.first == UInt8(ascii: "/") else {
            throw RuleFault(message: "\(found): wanted a path that starts with \"/\"")
        }
        if text.contains(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
            throw RuleFault(message: "\(found): rules match paths alone; leave out \"?\", \"#\" and what follows")
        }
        guard !text.contains(where: { $0 < 0x20 || $0 == 0x7f }) else {
            throw RuleFault(message: "\(found): has control characters; a path has none")
        }
        // Beyond this no decoding makes it short enough, and the room would cut it silently.
        guard text.count <= PathLimits.ruleBytes else {
            throw RuleFault(message: "found a path of \(text.count) bytes, wanted at most \(PathLimits.ruleBytes)")
        }
        let path = text.withRun { run in
            withRoom(PathLimits.ruleBytes) { room in
                resolve(path: run, into: room).map { room.first($0).array }
            }
        }
        guard let path else {
            throw RuleFault(
                message: "\(found): climbs above the root, or has a \"%\" not followed by two hexadecimal digits; "
                    + "a \"%\" itself is written \"%25\"")
        }
        return path
    }

    private static func places(of rule: Rule, hashing: Hashing) throws(RuleFault) -> (places: [Place], text: [UInt64]) {
        guard rule.hosts.count <= RuleLimits.hosts else {
            throw RuleFault(message: "found \(rule.hosts.count) hosts, wanted at most \(RuleLimits.hosts)")
        }
        guard rule.kind != .http || !rule.hosts.isEmpty || !rule.listeners.isEmpty else {
            throw RuleFault(message: "names neither a host nor a listener; \"*\" is the host that stands for all")
        }
        var places: [Place] = []
        var text: [UInt64] = []
        var seen: Set<[UInt8]> = []
        for host in CompiledTransport.hosts(of: rule) {
            let pattern = try HostPattern(host)
            guard seen.insert(pattern.identity).inserted else { continue }
            let words = pattern.name.packedWords
            let seed = pattern.kind == .exact ? hashing.exact : hashing.suffix
            let hash = hashing.finish(words.reduce(seed, hashing.fold), count: pattern.name.count)
            places.append(
                Place(
                    kind: pattern.kind, hash: hash, start: text.count * 8, count: pattern.name.count,
                    labels: pattern.labels))
            text += words
        }
        return (places, text)
    }
}

/// A JSON string without its quotes (RFC 8259 §7).
private func escaped(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
        case 0..<0x20, 0x7f:
            let digits = Array("0123456789abcdef".utf8)
            bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        default: bytes.append(byte)
        }
    }
    return bytes
}
