/// How many exchanges an endpoint takes at once, as far as connects that were dropped have told: some are served, some
/// wait in the queue of its listener, and what comes on top of these gets no answer.
///
/// One less than when it was found full, because the end of a response comes before the place in the queue that follows
/// from it. From there one more for each time that so many connects have come about. Only those go by it who wait
/// anyway.
public struct EndpointRoom: Sendable, BitwiseCopyable, Equatable {
    /// `.max`: it was never found full.
    public private(set) var limit = UInt32.max
    private var progress: UInt32 = 0

    public init() {}

    /// Whether it has room for another, with so many there.
    public func isThere(beside count: UInt32) -> Bool { count < limit }

    /// A connect was dropped when so many others were there.
    public mutating func foundFull(with count: UInt32) {
        limit = min(limit, max(1, count &- min(count, 1)))
        progress = 0
    }

    /// A connect came about.
    public mutating func cameAbout() {
        guard limit < .max else { return }
        progress += 1
        guard progress >= limit else { return }
        progress = 0
        limit += 1
    }
}
