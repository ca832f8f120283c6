public import HTTP

/// Finds the body's data in the bytes behind a head, and its end (RFC 9112 §6, §7).
///
/// A trivial value, one for each direction of an exchange. It keeps no bytes: what it has consumed may be discarded,
/// and what it has not is passed again, with more behind it.
public struct BodyDecoder: Equatable, Sendable, BitwiseCopyable {
    /// What the next bytes are. `consumed` counts from the first byte that was passed.
    public enum Step: Equatable, Sendable {
        /// `count` bytes from `offset` on are data of the body. `count` is not zero; `offset + count <= consumed`.
        case data(offset: Int, count: Int, consumed: Int)

        /// `count` bytes from `offset` on belong to the trailer section (RFC 9112 §7.1.2): the next part of whole lines
        /// `name ":" value CRLF`, with whitespace around the value as it came. They are checked: a name is a token, a
        /// value text. `count` is not zero.
        case trailer(offset: Int, count: Int, consumed: Int)

        /// Nothing more can be said without more bytes.
        case needMore(consumed: Int)

        /// The body has ended; what follows `consumed` belongs to the next message. Said exactly once.
        case end(consumed: Int)

        /// The body is faulty; said again at every further call.
        case refused(BodyError)
    }

    private enum Kind: UInt8 { case counted, untilClose, chunked, ended, refused }

    private var kind: Kind
    private var error: BodyError = .chunkSizeMalformed
    private var left: UInt64
    private var chunks = ChunkReader()

    /// Makes a decoder for a body with `framing`; one without a body ends at the first call.
    public init(_ framing: BodyFraming) {
        switch framing {
        case .none: (kind, left) = (.counted, 0)
        case .length(let length): (kind, left) = (.counted, length)
        case .chunked: (kind, left) = (.chunked, 0)
        case .untilClose: (kind, left) = (.untilClose, 0)
        }
    }

    /// No byte of the body is missing. `.end` may still be to be said: it needs one more call, with or without bytes.
    public var isFinished: Bool {
        switch kind {
        case .counted: left == 0
        case .ended: true
        case .untilClose, .chunked, .refused: false
        }
    }

    /// The bytes that are missing, if a length told; zero when the body has ended.
    public var remaining: UInt64? {
        switch kind {
        case .counted: left
        case .ended: 0
        case .untilClose, .chunked, .refused: nil
        }
    }

    /// Looks at the bytes that follow those consumed so far. After `.end` it wants more bytes for ever.
    ///
    /// Call it until it says something other than `.data` and `.trailer`. For a length or `untilClose` all bytes that
    /// are there are one run of data; in chunked, all that are there of one chunk.
    public mutating func next(_ bytes: Span<UInt8>) -> Step {
        switch kind {
        case .counted:
            if left == 0 {
                kind = .ended
                return .end(consumed: 0)
            }
            if bytes.isEmpty { return .needMore(consumed: 0) }
            let run = left < UInt64(bytes.count) ? Int(left) : bytes.count
            left &-= UInt64(run)
            return .data(offset: 0, count: run, consumed: run)
        case .untilClose:
            if bytes.isEmpty { return .needMore(consumed: 0) }
            return .data(offset: 0, count: bytes.count, consumed: bytes.count)
        case .chunked:
            let step = chunks.next(bytes)
            switch step {
            case .data, .trailer, .needMore: break
            case .end: kind = .ended
            case .refused(let error):
                kind = .refused
                self.error = error
            }
            return step
        case .ended: return .needMore(consumed: 0)
        case .refused: return .refused(error)
        }
    }

    /// The peer has closed, and all its bytes were passed to `next`. Says whether the body is whole (RFC 9112 §8).
    public mutating func endOfStream() -> Bool {
        if kind == .untilClose { kind = .ended }
        return isFinished
    }
}
