/// How many exchanges of a line that is let go may be on their way to a connection at once.
///
/// A server that has just come up takes a few connections at a time: beyond the queue of its listener the kernel drops
/// what comes, and tells nobody. So the window begins small and grows by one with each connect that comes about, as TCP
/// starts slowly. When one is pending for longer than connects to its endpoint take, the queue was full: the window
/// becomes half of what it was, and from there it grows by one for each windowful.
public struct ReleaseWindow: Sendable, BitwiseCopyable, Equatable {
    public static let first: UInt32 = 2
    public static let largest: UInt32 = 64

    public private(set) var size = Self.first
    /// Those on their way, without those that have stalled.
    public private(set) var out: UInt32 = 0
    /// From here on it grows slowly; and how much of the next step is done.
    private var threshold = Self.largest
    private var progress: UInt32 = 0

    public init() {}

    public var isOpen: Bool { out < size }

    /// An exchange sets out.
    public mutating func begin() { out += 1 }

    /// Its connect came about.
    public mutating func cameAbout() {
        leave()
        guard size < Self.largest else { return }
        guard size >= threshold else {
            size += 1
            return
        }
        progress += 1
        guard progress >= size else { return }
        progress = 0
        size += 1
    }

    /// Its connect is pending for too long. It counts no more: others go on, at a slower pace.
    public mutating func stalled() {
        leave()
        size = max(1, size / 2)
        threshold = size
        progress = 0
    }

    /// It failed: whoever is asked next is asked by few.
    public mutating func failed() {
        leave()
        (size, threshold, progress) = (Self.first, Self.largest, 0)
    }

    /// It went for another reason, or with a connection that was there: that says nothing.
    public mutating func leave() { out -= 1 }
}
