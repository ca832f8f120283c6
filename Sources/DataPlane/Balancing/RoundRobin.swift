/// The endpoints of a pool in the order in which to try them: each in turn, one place further for every exchange.
///
/// A selection is a row of candidates rather than one choice, so that health, breakers and retries are the caller's
/// filter: it takes the first it likes. The cursor, one for each route and worker, is the whole state; a worker that
/// starts it at a random number does not begin where the others do.
///
/// ```swift
/// var candidates = Candidates(count: pool.count, cursor: &cursor)
/// while let index = candidates.next() {
///     guard isHealthy(index) else { continue }
///     Candidates.advance(&cursor, past: index)
///     return index
/// }
/// ```
public struct Candidates: Sendable, BitwiseCopyable {
    @usableFromInline let count: UInt32
    @usableFromInline var left: UInt32
    @usableFromInline var place: UInt32

    /// Begins a row over `count` endpoints, 0 to 4,294,967,295, and moves the cursor on for the next.
    ///
    /// Any cursor is good, also one from a time when the pool had another size.
    @inlinable public init(count: Int, cursor: inout UInt32) {
        self.count = UInt32(count)
        left = self.count
        // Nearly always the cursor is in range, and a division is the dearest instruction here.
        place = cursor < self.count || count == 0 ? cursor : cursor % self.count
        if count > 0 { cursor = place &+ 1 < self.count ? place &+ 1 : 0 }
    }

    /// The next to try, below `count`; every endpoint once, then `nil`.
    @inlinable public mutating func next() -> Int? {
        guard left > 0 else { return nil }
        left &-= 1
        let index = place
        place = place &+ 1 < count ? place &+ 1 : 0
        return Int(index)
    }

    /// Lets the next exchange begin behind the endpoint that was taken. Without it the one behind a sick endpoint
    /// would get the sick one's share on top of its own.
    @inlinable public static func advance(_ cursor: inout UInt32, past index: Int) {
        cursor = UInt32(truncatingIfNeeded: index) &+ 1
    }
}
