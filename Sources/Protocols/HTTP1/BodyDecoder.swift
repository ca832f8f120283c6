public import HTTP

public struct BodyDecoder {
    public enum Step: Equatable, Sendable {
        case data(offset: Int, count: Int, consumed: Int)
        case needMore(consumed: Int)
        case end(consumed: Int)
        case refused(BodyError)
    }
    public private(set) var isFinished = false
    public var remaining: UInt64? { nil }
    public init(_ framing: BodyFraming) {}
    public mutating func next(_ bytes: Span<UInt8>) -> Step { .needMore(consumed: 0) }
    public mutating func endOfStream() -> Bool { false }
}
