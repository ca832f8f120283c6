/// When a request that failed at one endpoint is sent to another of the pool. What is left out has its default.
public struct Retries: Equatable, Sendable, Encodable {
    enum CodingKeys: String, CodingKey { case attempts, on, budget }

    /// How an endpoint failed.
    public enum Cause: String, Codable, Sendable, CaseIterable {
        /// No connection came about: nothing was sent, so this holds for every request.
        case connect
        /// The connection ended before a byte of a response. This and what follows hold for idempotent requests
        /// (RFC 9110 §9.2.2) whose body is still here.
        case closed
        /// No byte of a response came within `timeouts.firstByte`.
        case timeout
        case status502 = "502"
        case status503 = "503"
        case status504 = "504"
    }

    /// Endpoints that one request is sent to at most; those that took no connection do not count.
    public var attempts: Int
    public var on: [Cause]
    /// Retries for each hundred requests of the rule.
    public var budget: Int

    public static let attemptsRange = 1...16
    public static let budgetRange = 1...100

    public init(attempts: Int = 2, on: [Cause] = [.connect, .closed], budget: Int = 20) {
        self.attempts = attempts
        self.on = on
        self.budget = budget
    }

    public func check() throws(OptionFault) {
        guard Self.attemptsRange.contains(attempts) else {
            throw OptionFault(found: "found \(attempts) attempts in retries", wanted: "wanted 1 to 16")
        }
        guard Self.budgetRange.contains(budget) else {
            throw OptionFault(found: "found a budget of \(budget) in retries", wanted: "wanted 1 to 100 percent")
        }
    }
}

extension Retries: Decodable {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        attempts = try values.decodeIfPresent(Int.self, forKey: .attempts) ?? attempts
        on = try values.decodeIfPresent([Cause].self, forKey: .on) ?? on
        budget = try values.decodeIfPresent(Int.self, forKey: .budget) ?? budget
    }
}
