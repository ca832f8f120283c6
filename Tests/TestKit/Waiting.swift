/// Something that was waited for did not come in time.
public struct DeadlinePassed: Error, CustomStringConvertible {
    public var what: String
    public var limit: Duration
    /// What was seen last instead.
    public var last: String

    public var description: String { "waited \(limit) for \(what); last seen: \(last)" }
}

/// Asks again and again until the answer is there. An error counts as "not yet" until the limit.
/// - Returns: how long it took.
@discardableResult
public func eventually(
    _ what: String, within limit: Duration = .seconds(10), every interval: Duration = .milliseconds(10),
    _ condition: () async throws -> Bool
) async throws -> Duration {
    let clock = ContinuousClock()
    let start = clock.now
    var last = "nothing"
    while true {
        do {
            if try await condition() { return clock.now - start }
            last = "not yet"
        } catch {
            last = "\(error)"
        }
        guard clock.now - start < limit else { throw DeadlinePassed(what: what, limit: limit, last: last) }
        try await Task.sleep(for: interval)
    }
}

extension Duration {
    /// For messages and medians; tests compare durations themselves.
    public var milliseconds: Double {
        Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15
    }
}
