/// Wishes of the workers for a rule's containers: each is passed on once a second at most.
struct Wakes {
    /// Nanoseconds.
    static let interval: UInt64 = 1_000_000_000
    /// Names that are remembered before those of old wishes are forgotten.
    private static let rememberedCount = 1_024

    /// When each rule's wish was passed on.
    private var told: [String: UInt64] = [:]
    private var new: [String] = []

    /// A worker wants containers of this rule.
    mutating func note(_ rule: String, now: UInt64) {
        if let last = told[rule], now &- last < Self.interval { return }
        if told.count >= Self.rememberedCount { told = told.filter { now &- $0.value < Self.interval } }
        told[rule] = now
        new.append(rule)
    }

    /// What is to be passed on now.
    mutating func take() -> [String] {
        defer { new = [] }
        return new
    }
}
