// Decoding fills what the JSON leaves out with defaults: a snapshot written by hand stays short, and an older file
// stays readable. Encoding is the compiler's.

extension Snapshot: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        // First, so that a layout of the future is refused for what it is and not for some field of it.
        let format = try values.decodeIfPresent(Int.self, forKey: .format) ?? Self.knownFormat
        guard format == Self.knownFormat else {
            throw DecodingError.dataCorruptedError(
                forKey: .format, in: values,
                debugDescription: "found snapshot format \(format), this edge reads format \(Self.knownFormat)")
        }
        self.init(
            revision: try values.decode(UInt64.self, forKey: .revision),
            epoch: try values.decodeIfPresent(String.self, forKey: .epoch) ?? "",
            settings: try values.decodeIfPresent(Settings.self, forKey: .settings) ?? Settings(),
            listeners: try values.decodeIfPresent([Listener].self, forKey: .listeners) ?? [],
            certificates: try values.decodeIfPresent([Certificate].self, forKey: .certificates) ?? [],
            rules: try values.decodeIfPresent([Rule].self, forKey: .rules) ?? [])
    }
}

extension Listener: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(String.self, forKey: .name),
            address: try values.decode(String.self, forKey: .address),
            wireProtocol: try values.decode(WireProtocol.self, forKey: .wireProtocol),
            proxyProtocol: try values.decodeIfPresent(ProxyProtocol.self, forKey: .proxyProtocol) ?? .off,
            connections: try Self.limit(.connections, of: values),
            connectionsPerAddress: try Self.limit(.connectionsPerAddress, of: values))
    }

    private static func limit(_ key: CodingKeys, of values: KeyedDecodingContainer<CodingKeys>) throws -> Int? {
        guard let value = try values.decodeIfPresent(Int.self, forKey: key) else { return nil }
        guard Limits.countRange.contains(value) else {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: values, debugDescription: "found \(value), wanted \(Limits.countRange)")
        }
        return value
    }
}

extension Rule: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(String.self, forKey: .name),
            kind: try values.decodeIfPresent(Kind.self, forKey: .kind) ?? .http,
            listeners: try values.decodeIfPresent([String].self, forKey: .listeners) ?? [],
            hosts: try values.decodeIfPresent([String].self, forKey: .hosts) ?? [],
            path: try values.decodeIfPresent(String.self, forKey: .path) ?? "/",
            tls: try values.decodeIfPresent(TLS.self, forKey: .tls) ?? .any,
            certificate: try values.decodeIfPresent(String.self, forKey: .certificate),
            endpoints: try values.decodeIfPresent([Endpoint].self, forKey: .endpoints) ?? [],
            note: try values.decodeIfPresent(String.self, forKey: .note),
            options: try values.decodeIfPresent(RuleOptions.self, forKey: .options),
            pool: try values.decodeIfPresent(PoolOptions.self, forKey: .pool),
            holding: try values.decodeIfPresent(Holding.self, forKey: .holding),
            transport: try values.decodeIfPresent(TransportOptions.self, forKey: .transport))
    }
}

extension Endpoint: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            address: try values.decode(String.self, forKey: .address),
            name: try values.decodeIfPresent(String.self, forKey: .name) ?? "",
            weight: try values.decodeIfPresent(Int.self, forKey: .weight) ?? 1,
            tier: try values.decodeIfPresent(Int.self, forKey: .tier) ?? 0)
        isStarting = try values.decodeIfPresent(Bool.self, forKey: .isStarting)
    }
}

extension Settings: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            timeouts: try values.decodeIfPresent(Timeouts.self, forKey: .timeouts) ?? Timeouts(),
            limits: try values.decodeIfPresent(Limits.self, forKey: .limits) ?? Limits(),
            accessLog: try values.decodeIfPresent(AccessLog.self, forKey: .accessLog) ?? AccessLog(),
            tlsPolicy: try values.decodeIfPresent(TLSPolicy.self, forKey: .tlsPolicy) ?? .intermediate,
            trustedProxies: try values.decodeIfPresent([String].self, forKey: .trustedProxies) ?? [],
            headers: try values.decodeIfPresent(HeaderSettings.self, forKey: .headers) ?? HeaderSettings())
    }
}

extension Timeouts: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        func read(_ key: CodingKeys, from least: Int = 1, into field: inout Int) throws {
            guard let value = try values.decodeIfPresent(Int.self, forKey: key) else { return }
            guard (least...Self.longest).contains(value) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: values,
                    debugDescription: "found \(value), wanted \(least) to \(Self.longest) milliseconds")
            }
            field = value
        }
        try read(.head, into: &head)
        try read(.handshake, into: &handshake)
        try read(.bodyIdle, into: &bodyIdle)
        try read(.connect, into: &connect)
        try read(.firstByte, into: &firstByte)
        try read(.responseIdle, into: &responseIdle)
        try read(.keepAlive, into: &keepAlive)
        try read(.upstreamIdle, into: &upstreamIdle)
        try read(.tunnelIdle, into: &tunnelIdle)
        try read(.total, from: 0, into: &total)
        try read(.drain, from: 0, into: &drain)
        try read(.preface, into: &preface)
    }
}

extension Limits: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        func read(_ key: CodingKeys, within range: ClosedRange<Int>, into field: inout Int) throws {
            guard let value = try values.decodeIfPresent(Int.self, forKey: key) else { return }
            guard range.contains(value) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: values, debugDescription: "found \(value), wanted \(range)")
            }
            field = value
        }
        try read(.headBytes, within: 1_024...61_440, into: &headBytes)
        try read(.fieldCount, within: 1...256, into: &fieldCount)
        try read(.bodyBytes, within: 0...Int.max, into: &bodyBytes)
        try read(.connectionsPerWorker, within: 1...4_000_000, into: &connectionsPerWorker)
        try read(.targetBytes, within: Self.targetRange, into: &targetBytes)
        try read(.connectionsPerListener, within: Self.countRange, into: &connectionsPerListener)
        try read(.connectionsPerAddress, within: Self.countRange, into: &connectionsPerAddress)
        try read(.requestsPerConnection, within: Self.countRange, into: &requestsPerConnection)
        try read(.pendingPerPool, within: Self.countRange, into: &pendingPerPool)
        try read(.idlePerEndpoint, within: 0...1_000_000, into: &idlePerEndpoint)
        try read(.bufferedBytesPerWorker, within: 0...Int.max, into: &bufferedBytesPerWorker)
    }
}

extension AccessLog: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            output: try values.decodeIfPresent(String.self, forKey: .output) ?? "stdout",
            format: try values.decodeIfPresent(Format.self, forKey: .format) ?? .json)
        func read(_ key: CodingKeys, within range: ClosedRange<Int>, into field: inout Int) throws {
            guard let value = try values.decodeIfPresent(Int.self, forKey: key) else { return }
            guard range.contains(value) else {
                throw DecodingError.dataCorruptedError(
                    forKey: key, in: values, debugDescription: "found \(value), wanted \(range)")
            }
            field = value
        }
        try read(.rotateAt, within: 0...Int.max, into: &rotateAt)
        try read(.keep, within: 1...Self.keepMost, into: &keep)
        try read(.sample, within: 1...Self.sampleMost, into: &sample)
    }
}
