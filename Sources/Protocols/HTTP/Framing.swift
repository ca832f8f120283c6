/// The versions this proxy speaks as HTTP/1 (RFC 9112 §2.3).
public enum HTTPVersion: UInt8, Equatable, Sendable, BitwiseCopyable {
    case http10, http11
}

/// How the end of a message's body is found (RFC 9112 §6.3).
public enum BodyFraming: Equatable, Sendable, BitwiseCopyable {
    /// There is no body and no field promised one.
    case none

    /// Exactly that many bytes follow; at most 2^63 - 1, and zero when the field said so.
    case length(UInt64)

    /// Chunks follow (RFC 9112 §7.1).
    case chunked

    /// A response that lasts until the upstream closes.
    case untilClose
}

/// What is done with a request field whose name has an underscore, which some recipients take for a hyphen.
public enum UnderscorePolicy: UInt8, Equatable, Sendable, BitwiseCopyable {
    case keep
    /// Marked as dropped, like a field of one connection.
    case drop
    /// A fault of the head. Answer: 400.
    case refuse
}

/// What a head may cost and may name. A limit is inclusive: a head of exactly `headBytes` is accepted.
public struct HeadLimits: Equatable, Sendable {
    /// Bytes of a whole head, from its first byte through the empty line. Over it: 431.
    public var headBytes: Int

    /// Field lines of a head. Over it: 431.
    public var fieldCount: Int

    /// Bytes of the request target. Over it: 414.
    public var targetBytes: Int

    /// Of requests; a response names its fields as it likes.
    public var underscores: UnderscorePolicy

    /// Makes the limits: 32 KiB, 128 field lines, 16 KiB of target and every name unless told otherwise.
    public init(
        headBytes: Int = 32768, fieldCount: Int = 128, targetBytes: Int = 16384, underscores: UnderscorePolicy = .keep
    ) {
        self.headBytes = headBytes
        self.fieldCount = fieldCount
        self.targetBytes = targetBytes
        self.underscores = underscores
    }
}
