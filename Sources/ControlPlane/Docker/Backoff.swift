/// How long to wait before trying again: twice as long each time, within bounds, and a random part less, so that many
/// who lost the same peer do not come back at the same moment.
public struct Backoff: Equatable, Sendable {
    public var first: Duration
    public var longest: Duration
    private var next: Duration

    public init(first: Duration = .milliseconds(100), longest: Duration = .seconds(5)) {
        self.first = first
        self.longest = longest
        next = first
    }

    /// Between a half and the whole of the present step; the next step is twice as long.
    public mutating func pause(using random: inout some RandomNumberGenerator) -> Duration {
        let share = Double.random(in: 0.5...1, using: &random)
        defer { next = min(next * 2, longest) }
        return min(next, longest) * share
    }

    public mutating func reset() { next = first }
}
