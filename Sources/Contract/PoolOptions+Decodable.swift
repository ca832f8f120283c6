// Decoding fills what the JSON leaves out with defaults.

extension KeyedDecodingContainer {
    func read<Value: Decodable>(_ key: Key, into field: inout Value) throws {
        if let value = try decodeIfPresent(Value.self, forKey: key) { field = value }
    }
}

extension PoolOptions: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        try values.read(.policy, into: &policy)
        try values.read(.hashBy, into: &hashBy)
        try values.read(.bound, into: &bound)
        try values.read(.panic, into: &panic)
        try values.read(.slowStart, into: &slowStart)
        sticky = try values.decodeIfPresent(String.self, forKey: .sticky)
        healthCheck = try values.decodeIfPresent(HealthCheck.self, forKey: .healthCheck)
        ejection = try values.decodeIfPresent(Ejection.self, forKey: .ejection)
        breaker = try values.decodeIfPresent(Breaker.self, forKey: .breaker)
        queue = try values.decodeIfPresent(Queue.self, forKey: .queue)
    }
}

extension HashKey: Codable {
    public init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        let written = try value.decode(String.self)
        do throws(OptionFault) {
            try self.init(written)
        } catch {
            throw DecodingError.dataCorruptedError(in: value, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        try value.encode(written)
    }
}

extension HealthCheck: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        try values.read(.kind, into: &kind)
        try values.read(.path, into: &path)
        host = try values.decodeIfPresent(String.self, forKey: .host)
        try values.read(.method, into: &method)
        try values.read(.expect, into: &expect)
        body = try values.decodeIfPresent(String.self, forKey: .body)
        send = try values.decodeIfPresent(ProbeBytes.self, forKey: .send)
        answer = try values.decodeIfPresent(ProbeBytes.self, forKey: .answer)
        port = try values.decodeIfPresent(Int.self, forKey: .port)
        try values.read(.interval, into: &interval)
        try values.read(.timeout, into: &timeout)
        try values.read(.rise, into: &rise)
        try values.read(.fall, into: &fall)
        try values.read(.jitter, into: &jitter)
    }
}

extension Ejection: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        try values.read(.consecutive, into: &consecutive)
        try values.read(.ratio, into: &ratio)
        try values.read(.minimum, into: &minimum)
        try values.read(.window, into: &window)
        try values.read(.base, into: &base)
        try values.read(.longest, into: &longest)
        try values.read(.cap, into: &cap)
        try values.read(.serverErrors, into: &serverErrors)
        try values.read(.latency, into: &latency)
    }
}

extension Breaker: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        try values.read(.connections, into: &connections)
        try values.read(.pending, into: &pending)
        try values.read(.inFlight, into: &inFlight)
        try values.read(.poolConnections, into: &poolConnections)
        try values.read(.poolPending, into: &poolPending)
        try values.read(.poolInFlight, into: &poolInFlight)
        try values.read(.poolRatio, into: &poolRatio)
        try values.read(.ratio, into: &ratio)
        try values.read(.minimum, into: &minimum)
        try values.read(.window, into: &window)
        try values.read(.base, into: &base)
        try values.read(.longest, into: &longest)
        try values.read(.trials, into: &trials)
        try values.read(.serverErrors, into: &serverErrors)
    }
}

extension Queue: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        try values.read(.size, into: &size)
        try values.read(.timeout, into: &timeout)
    }
}
