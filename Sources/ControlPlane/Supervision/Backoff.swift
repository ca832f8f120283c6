/// How long a child rests before it is started again.
///
/// The first restart is immediate, since most deaths are single: an edge that was killed must be replaced before
/// clients notice. From the second on the rest doubles, so that a child that cannot live takes no processor from the
/// other.
public struct Backoff: Equatable, Sendable {
    public static let firstRest = Duration.milliseconds(100)
    public static let longestRest = Duration.seconds(5)
    /// A child that lived this long has forgotten its past.
    public static let health = Duration.seconds(30)
    /// From this many endings in a row on, it is called a crash loop.
    public static let loop = 3

    /// Endings in a row without ``health`` between them.
    public private(set) var endings = 0

    public init() {}

    /// Notes that the child ended after it lived `life`, and answers how long it rests.
    public mutating func ended(after life: Duration) -> Duration {
        if life >= Self.health { endings = 0 }
        endings += 1
        guard endings > 1 else { return .zero }
        // 2^6 times the first rest is beyond the longest; a larger shift says nothing more.
        return min(Self.firstRest * (1 << min(endings - 2, 6)), Self.longestRest)
    }

    public var isLooping: Bool { endings >= Self.loop }
}
