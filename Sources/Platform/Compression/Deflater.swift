public import Bytes
import CZlib

/// One gzip stream in the making (RFC 1952); a trivial handle. Whoever took it gives it back to its pool, once, on the
/// same thread.
@safe
public struct Deflater: BitwiseCopyable {
    /// The base-2 logarithms of the window, and of the memory that zlib looks for repetitions with: with 14 and 7 a
    /// stream takes 134 KiB, half of what zlib takes by itself, and makes text 2 to 3 % longer.
    static let window: CInt = 14
    static let memory: CInt = 7

    let stream: OpaquePointer

    init?(level: Int) {
        guard let new = unsafe kz_new(CInt(level), Self.window, Self.memory) else { return nil }
        unsafe stream = new
    }

    /// What becomes of the bytes that were put in.
    public enum Flush: CInt {
        /// They may stay inside until more come.
        case none = 0
        /// All of them can be read by the other side once what was made has arrived.
        case all = 1
        /// The stream ends.
        case end = 2
    }

    public struct Step: Equatable {
        public var taken: Int
        public var made: Int
        /// The last byte of the stream was made.
        public var hasEnded: Bool
    }

    /// Takes what it can of `bytes`, and writes into the room of `output`. With room left, everything was taken, and
    /// written as `flush` wants. `nil`: the stream is broken, which it never is by the bytes put in.
    public func put(_ bytes: Span<UInt8>, into output: Buffer, _ flush: Flush) -> Step? {
        var (taken, made) = (0, 0)
        var code: CInt = -1
        _ = unsafe output.withRoom { room in
            unsafe bytes.withUnsafeBytes { bytes in
                code = unsafe kz_deflate(
                    stream, bytes.baseAddress, bytes.count, room.baseAddress, room.count, flush.rawValue, &taken, &made)
            }
            return made
        }
        return code < 0 ? nil : Step(taken: taken, made: made, hasEnded: code == 1)
    }
}

/// Vacant deflaters of one worker. Not for other threads.
public struct DeflaterPool: ~Copyable {
    /// Streams at once: 34 MiB of memory.
    public static let limit = 256
    /// Kept when they come back: 2 MiB.
    public static let vacantLimit = 16

    private var vacant: [Deflater] = []
    public private(set) var lentCount = 0

    public init() {}

    /// The beginning of a stream; `nil` when as many are in use as may be, or there is no memory.
    ///
    /// - Parameter level: 1 to 9.
    public mutating func take(level: Int) -> Deflater? {
        guard lentCount < Self.limit else { return nil }
        while let deflater = vacant.popLast() {
            if unsafe kz_reset(deflater.stream, CInt(level)) == 0 {
                lentCount += 1
                return deflater
            }
            unsafe kz_free(deflater.stream)
        }
        guard let deflater = Deflater(level: level) else { return nil }
        lentCount += 1
        return deflater
    }

    /// It must not be touched again.
    public mutating func give(_ deflater: Deflater) {
        lentCount -= 1
        if vacant.count < Self.vacantLimit { vacant.append(deflater) } else { unsafe kz_free(deflater.stream) }
    }

    deinit { for deflater in vacant { unsafe kz_free(deflater.stream) } }
}
