// What the interface for endpoints says, as JSON. A field is never left out: what is not known is `null`.

/// One endpoint of a rule, as it is now.
public struct EndpointReading: Equatable, Sendable, Codable {
    public enum State: String, Sendable, Codable, CaseIterable {
        case ready
        /// Its health check has not passed yet.
        case starting
        /// It gets nothing new, and exchanges are in flight, or that is not known yet.
        case draining
        /// It gets nothing new, and nothing is in flight.
        case drained
        case down
        /// A command said something of it, and it is not there.
        case absent
    }

    /// What an edge has against it.
    public struct Opinion: Equatable, Sendable, Codable {
        /// `unhealthy`, `ejected`, `broken`.
        public var bars: [String]
        public var reason: String

        public init(bars: [String], reason: String) {
            self.bars = bars
            self.reason = reason
        }
    }

    public var rule: String
    /// The container's name, or the endpoint as the file has it.
    public var endpoint: String
    public var address: String?
    /// The container's id.
    public var container: String?
    public var state: State
    /// Why it is not ready.
    public var reason: String
    public var isDrained: Bool
    /// 0 to 1,000, in force.
    public var weight: Int?
    /// Its own, when a command gave it another.
    public var ownWeight: Int?
    public var tier: Int
    /// Of its address, in all rules; `nil` while no edge tells.
    public var inFlight: UInt64?
    /// Exchanges that ended since the edge knows the address.
    public var requests: UInt64?
    public var opinions: [Opinion]

    public init(
        rule: String, endpoint: String, address: String? = nil, container: String? = nil, state: State,
        reason: String = "", isDrained: Bool = false, weight: Int? = nil, ownWeight: Int? = nil, tier: Int = 0,
        inFlight: UInt64? = nil, requests: UInt64? = nil, opinions: [Opinion] = []
    ) {
        self.rule = rule
        self.endpoint = endpoint
        self.address = address
        self.container = container
        self.state = state
        self.reason = reason
        self.isDrained = isDrained
        self.weight = weight
        self.ownWeight = ownWeight
        self.tier = tier
        self.inFlight = inFlight
        self.requests = requests
        self.opinions = opinions
    }

    enum CodingKeys: String, CodingKey {
        case rule, endpoint, address, container, state, reason, weight, ownWeight, tier, inFlight, requests, opinions
        case isDrained = "drained"
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(rule, forKey: .rule)
        try values.encode(endpoint, forKey: .endpoint)
        try values.encode(address, forKey: .address)
        try values.encode(container, forKey: .container)
        try values.encode(state, forKey: .state)
        try values.encode(reason, forKey: .reason)
        try values.encode(isDrained, forKey: .isDrained)
        try values.encode(weight, forKey: .weight)
        try values.encode(ownWeight, forKey: .ownWeight)
        try values.encode(tier, forKey: .tier)
        try values.encode(inFlight, forKey: .inFlight)
        try values.encode(requests, forKey: .requests)
        try values.encode(opinions, forKey: .opinions)
    }
}

/// Answers `GET /api/endpoints`.
public struct EndpointList: Equatable, Sendable, Codable {
    /// The newest one.
    public var revision: UInt64
    /// How many edges are connected.
    public var edges: Int
    /// By rule, then in the order of the pool.
    public var endpoints: [EndpointReading]

    public init(revision: UInt64, edges: Int, endpoints: [EndpointReading]) {
        self.revision = revision
        self.edges = edges
        self.endpoints = endpoints
    }
}

/// Answers `PATCH /api/endpoints/{rule}/{endpoint}`.
public struct EndpointChanged: Equatable, Sendable, Codable {
    /// The first one that has the change.
    public var revision: UInt64
    /// How many edges are connected, and how many of them serve that revision in every worker.
    public var edges: Int
    public var serving: Int
    /// The endpoint; several where one name stands for several addresses.
    public var endpoints: [EndpointReading]

    public init(revision: UInt64, edges: Int, serving: Int, endpoints: [EndpointReading]) {
        self.revision = revision
        self.edges = edges
        self.serving = serving
        self.endpoints = endpoints
    }
}

/// The body of a PATCH: what it leaves out stays as it is.
public struct EndpointPatch: Equatable, Sendable, Encodable {
    public enum Weight: Equatable, Sendable {
        /// As the endpoint's source says: `null`.
        case own
        case fixed(Int)
    }

    public var isDrained: Bool?
    public var weight: Weight?

    public init(isDrained: Bool? = nil, weight: Weight? = nil) {
        self.isDrained = isDrained
        self.weight = weight
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case isDrained = "drained"
        case weight
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encodeIfPresent(isDrained, forKey: .isDrained)
        switch weight {
        case .own?: try values.encodeNil(forKey: .weight)
        case .fixed(let weight)?: try values.encode(weight, forKey: .weight)
        case nil: break
        }
    }
}

extension EndpointPatch: Decodable {
    /// What is wrong with a body that is JSON.
    struct Fault: Error, Equatable {
        var sentence: String
    }

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Throws ``Fault`` with a sentence for people.
    public init(from decoder: any Decoder) throws {
        let wanted = CodingKeys.allCases.map(\.rawValue).joined(separator: ", ")
        guard let names = try? decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue) else {
            throw Fault(sentence: "found no JSON object; wanted one with: \(wanted)")
        }
        for name in names.sorted() where CodingKeys(rawValue: name) == nil {
            throw Fault(sentence: "found a field of \(name.utf8.count) letters that is not known; wanted: \(wanted)")
        }
        guard !names.isEmpty else { throw Fault(sentence: "found an empty object; wanted at least one of: \(wanted)") }
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        if values.contains(.isDrained) {
            guard let isDrained = try? values.decode(Bool.self, forKey: .isDrained) else {
                throw Fault(sentence: "\"drained\" is wanted as true or false")
            }
            self.isDrained = isDrained
        }
        if values.contains(.weight) {
            if (try? values.decodeNil(forKey: .weight)) == true {
                weight = .own
            } else if let number = try? values.decode(Int.self, forKey: .weight) {
                weight = .fixed(number)
            } else {
                throw Fault(sentence: "\"weight\" is wanted as a whole number from 0 to 1000, or null for its own")
            }
        }
    }
}
