/// Whether active checks find an endpoint down. The number is right for whoever finds the identity under it.
public struct EndpointVerdict: Sendable, BitwiseCopyable, Equatable {
    public var number: UInt32
    public var identity: UInt64
    public var isDown: Bool

    public init(number: UInt32, identity: UInt64, isDown: Bool) {
        self.number = number
        self.identity = identity
        self.isDown = isDown
    }
}
